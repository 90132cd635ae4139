"""FastMCP object -> ASGI app: what is added, in the order in which a request meets it."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastmcp import FastMCP
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import Lifespan

from serving.errors import StartError
from serving.hangup import WatchHangUp
from serving.page import page_route
from serving.probes import Readiness, probe_routes
from serving.settings import Settings

log: Final = logging.getLogger("serving.app")


def create_app(mcp: FastMCP, settings: Settings) -> Starlette:
    """Build the ASGI app for the transports http (the default) and sse.

    A request meets the Host/Origin guard (421, 403), the watch for hang-ups, then one of the routes.

    Raises:
        StartError: `settings.path` is one of our own routes.
    """
    app = mcp.http_app(
        transport="sse" if settings.transport == "sse" else "http",
        path=settings.endpoint,
        stateless_http=settings.stateless,
        json_response=settings.json_response,
        middleware=[Middleware(WatchHangUp)],
        host_origin_protection=True,
        allowed_hosts=list(settings.allowed_hosts),
        allowed_origins=list(settings.allowed_origins),
    )
    if settings.transport == "sse":
        log.warning("the protocol has deprecated the sse transport: choose http where the clients allow it")
    readiness = Readiness()
    ours = [*probe_routes(mcp, readiness), page_route(mcp, settings)]
    if settings.endpoint in [route.path for route in ours]:
        raise StartError(f"MCP_PATH={settings.path}: expected a path that the server does not use itself")
    app.router.routes += ours
    app.router.lifespan_context = _tell_readiness(readiness, app.router.lifespan_context)
    return app


def _tell_readiness(readiness: Readiness, serve: Lifespan[Starlette]) -> Lifespan[Starlette]:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        try:
            async with serve(app):
                readiness.reason = None
                yield
                readiness.reason = "stopping"
        except Exception:
            log.exception("a lifespan failed (MCP_LOG_LEVEL=debug says more)")
            raise

    return lifespan
