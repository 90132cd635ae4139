"""Request bodies: read whole, within a size and a time, before anybody works on them."""

from typing import Final

import anyio
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.answers import refusal

BODY_SECONDS: Final = 30
"""How long a client may take to send one."""
_CLOSE: Final = {"Connection": "close"}
BODY: Final = "serving.body"
"""Where the scope keeps the body."""


class ReadBodies:
    """ASGI middleware: refuse a body that is too long (413) or too slow (408), and pass others on in one message."""

    def __init__(self, app: ASGIApp, *, most_bytes: int) -> None:
        self.app = app
        self.most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body; a length that says too much is refused before any of it is read."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return await self.app(scope, receive, send)
        length = Headers(scope=scope).get("content-length", "")
        body = None if length.isdecimal() and int(length) > self.most_bytes else bytearray()
        try:
            with anyio.fail_after(BODY_SECONDS):
                more = body is not None
                while more and body is not None:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
                    if len(body) > self.most_bytes:
                        body = None
        except TimeoutError:
            text = f"the body did not arrive within {BODY_SECONDS} s"
            return await refusal(408, "request_timeout", text, _CLOSE)(scope, receive, send)
        if body is None:
            text = f"the body is longer than {self.most_bytes} bytes (MCP_MAX_BODY_BYTES)"
            return await refusal(413, "body_too_large", text, _CLOSE)(scope, receive, send)
        scope[BODY] = bytes(body)
        messages: list[Message] = [{"type": "http.request", "body": scope[BODY], "more_body": False}]

        async def replay() -> Message:
            return messages.pop() if messages else await receive()

        return await self.app(scope, replay, send)
