"""Handshake-era sessions cost memory (some 42 KiB each) until they end: so they end, and their number has a cap."""

from typing import Final

from fastmcp.server.http import StreamableHTTPASGIApp
from starlette.applications import Starlette
from starlette.routing import Route

MAX_SESSIONS: Final = 1000
"""How many may be open at a time in this process; another one is refused (503) until one has ended."""
SESSION_IDLE_SECONDS: Final = 600
"""How long one may have no request and no stream; after that its id answers 404, and the client begins anew."""


def bound_sessions(app: Starlette, most_body_bytes: int) -> None:
    """Set what FastMCP has no arguments for, once the app has started: it leaves 10,000 sessions, and 4 MiB a body."""
    for route in app.routes:
        endpoint = route.endpoint if isinstance(route, Route) else None
        endpoint = getattr(endpoint, "app", endpoint)  # with authentication it is wrapped
        if isinstance(endpoint, StreamableHTTPASGIApp) and endpoint.session_manager:
            endpoint.session_manager.max_sessions = MAX_SESSIONS
            endpoint.session_manager.asgi_app.max_body_size = most_body_bytes
