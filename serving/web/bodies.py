"""Request bodies: read whole, within a size and a time, before anybody works on them."""

from typing import Final

import anyio
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.answers import refusal

BODY_SECONDS: Final = 30
"""How long a client may take to send one."""
MOST_HELD: Final = 64 * 1024**2
"""How many bytes all bodies together may have while they arrive."""
BODY: Final = "serving.body"
"""Where the scope keeps the body."""
_CLOSE: Final = {"Connection": "close"}
_TWO_LENGTHS: Final = "expected Content-Length or Transfer-Encoding, not both"


class ReadBodies:
    """ASGI middleware: refuse a body that is too long (413) or too slow (408), and pass others on in one message.

    A request that states its length in two ways is refused, and its connection ends (RFC 9112, 6.1): a proxy may have
    believed the other one, and taken for a body what would be the next request here.

    `uploads` holds the scopes of those that arrive, for a stop to cancel (503).
    """

    def __init__(self, app: ASGIApp, *, most_bytes: int, uploads: set[anyio.CancelScope]) -> None:
        self.app = app
        self.most_bytes = most_bytes
        self.uploads = uploads
        self.held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body; a length that says too much is refused before any of it is read."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        if "content-length" in headers and "transfer-encoding" in headers:
            return await refusal(400, "two_lengths", _TWO_LENGTHS, _CLOSE)(scope, receive, send)
        if scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return await self.app(scope, receive, send)
        length = headers.get("content-length", "")
        too_long = length.isdecimal() and int(length) > self.most_bytes
        body = self._too_long() if too_long else await self._read(receive)
        if body is None:
            return None
        if isinstance(body, Response):
            return await body(scope, receive, send)
        scope[BODY] = body
        messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return messages.pop() if messages else await receive()

        return await self.app(scope, replay, send)

    async def _read(self, receive: Receive) -> bytes | Response | None:
        """Return the body, or why there is none; None when the client has gone."""
        body = bytearray()
        with anyio.move_on_after(BODY_SECONDS) as upload:
            self.uploads.add(upload)
            try:
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    chunk = message.get("body", b"")
                    body += chunk
                    self.held += len(chunk)
                    if len(body) > self.most_bytes:
                        return self._too_long()
                    if self.held > MOST_HELD:
                        return refusal(503, "busy", "too many bodies arrive at a time: try again", _CLOSE)
                    if not message.get("more_body", False):
                        return bytes(body)
            finally:
                self.held -= len(body)
                self.uploads.discard(upload)
        if anyio.current_time() < upload.deadline:
            return refusal(503, "stopping", "the server stops: try again", _CLOSE)
        return refusal(408, "request_timeout", f"the body did not arrive within {BODY_SECONDS} s", _CLOSE)

    def _too_long(self) -> Response:
        text = f"the body is longer than {self.most_bytes} bytes (MCP_MAX_BODY_BYTES)"
        return refusal(413, "body_too_large", text, _CLOSE)
