"""Handshake-era sessions cost memory (some 42 KiB each) until they end: so they end, and their number has a cap."""

from collections.abc import Iterator
from typing import Any, Final

from fastmcp.server.http import StreamableHTTPASGIApp
from starlette.applications import Starlette

MAX_SESSIONS: Final = 1000
"""How many may be open at a time in this process; another one is refused (503) until one has ended."""
SESSION_IDLE_SECONDS: Final = 600
"""How long one may have no request and no stream; after that its id answers 404, and the client begins anew."""


def bound_sessions(app: Starlette, most_body_bytes: int) -> None:
    """Set what FastMCP has no arguments for, once the app has started: it leaves 10,000 sessions, and 4 MiB a body."""
    for holder in endpoint_holders(app):
        if manager := holder.app.session_manager:
            manager.max_sessions = MAX_SESSIONS
            manager.asgi_app.max_body_size = most_body_bytes


def endpoint_holders(app: Starlette) -> Iterator[Any]:
    """Yield whatever has FastMCP's endpoint for streamable HTTP as its `app`: a route, or what wraps the endpoint."""
    for holder in app.routes:
        inner: Any = holder
        while hasattr(inner, "app") and not isinstance(inner.app, StreamableHTTPASGIApp):
            inner = inner.app
        if hasattr(inner, "app"):
            yield inner
