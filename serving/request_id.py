"""One id a request: taken from `X-Request-ID` or made here; in the answer, in its error body and in every log line."""

import re
import secrets
from contextvars import ContextVar
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER: Final = "X-Request-ID"
_USABLE: Final = re.compile(r"[\w.:/+=-]{1,128}", re.ASCII)
_current: Final[ContextVar[str | None]] = ContextVar("request_id", default=None)


def current_request_id() -> str | None:
    """Return the id of the HTTP request that is being answered; None over stdio."""
    return _current.get()


class IdentifyRequests:
    """ASGI middleware: give every request an id.

    What a client sends is kept when it is 1 to 128 ASCII letters, digits or `_.:/+=-`; anything else could forge
    log lines, and is replaced.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and put its id on the answer."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        given = Headers(scope=scope).get(HEADER, "")
        request_id = given if _USABLE.fullmatch(given) else secrets.token_hex(16)

        async def identified(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        token = _current.set(request_id)
        try:
            await self.app(scope, receive, identified)
        finally:
            _current.reset(token)
