"""FastMCP object -> ASGI app: what is added, in the order in which a request meets it."""

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from http import HTTPStatus
from typing import Any, Final

from fastmcp import FastMCP
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Lifespan

from serving.answers import refusal
from serving.auth.bearer import RequireToken
from serving.auth.protected_resource import metadata_routes
from serving.auth.verifier import WarnIfOpen, warn_if_open
from serving.calls.hangup import WatchHangUp
from serving.calls.order import limits_of
from serving.calls.own_tools import find_own_tools_by_name
from serving.calls.param_headers import compare_no_headers
from serving.errors import SettingsError, StartError
from serving.metrics import metrics_route, serve_metrics
from serving.request_id import IdentifyRequests
from serving.session_state import load_state_when_used
from serving.settings import Settings
from serving.spans import spare_spans
from serving.tracing import ContinueTrace, export_traces
from serving.web.admission import AdmitCalls
from serving.web.bodies import ReadBodies
from serving.web.drain import Drain, DrainRequests
from serving.web.express import take_express
from serving.web.guard import guard
from serving.web.listener import send_at_once
from serving.web.page import page_route
from serving.web.probes import Readiness, probe_routes
from serving.web.proxies import believe_proxies
from serving.web.sessions import SESSION_IDLE_SECONDS, bound_sessions
from serving.web.warm import warm_up_when_idle

log: Final = logging.getLogger("serving.web.app")


def create_app(mcp: FastMCP, settings: Settings) -> Starlette:
    """Build the ASGI app for the transports http (the default) and sse.

    Raises:
        SettingsError: `settings.path` is one of our own routes, or settings that do not fit each other.
    """
    limits = limits_of(mcp)
    compare_no_headers(mcp)
    find_own_tools_by_name(mcp)
    load_state_when_used(mcp)
    readiness = Readiness()
    drain = Drain(settings, readiness, limits)
    probes, metadata = probe_routes(mcp, readiness), metadata_routes(settings, mcp.name)
    page = page_route(mcp, settings, getattr(mcp, "runtime", "python"))
    ours = [*probes, *metadata, page, *_optional_routes(mcp, settings)]
    if settings.endpoint in [route.path for route in ours]:
        raise SettingsError(f"MCP_PATH={settings.path}: expected a path that the server does not use itself")

    app = mcp.http_app(
        transport="sse" if settings.transport == "sse" else "http",
        path=settings.endpoint,
        stateless_http=settings.stateless,
        json_response=settings.json_response,
        host_origin_protection=False,  # our guard stands before it
        session_idle_timeout=SESSION_IDLE_SECONDS,
    )
    take_express(app, settings)
    first = [route for route in app.routes if getattr(route, "path", "") == settings.endpoint]
    theirs = [route for route in app.routes if route not in first]
    app.router.routes[:] = [*first, *ours, *theirs]  # what is open by its path is ours, whatever routes a server has
    app.add_exception_handler(HTTPException, _refuse)
    open_paths = [route.path for route in (*probes, *metadata, page)]
    app.user_middleware = [  # not http_app(middleware=...), which would put these after the verification of tokens
        Middleware(IdentifyRequests),
        Middleware(ContinueTrace),
        *believe_proxies(settings),
        *guard(settings),  # 421 and 403, CORS
        *app.user_middleware,  # FastMCP's: verifies a token
        Middleware(RequireToken, settings, open_paths) if mcp.auth else Middleware(WarnIfOpen),  # 401 and 403
        Middleware(ReadBodies, most_bytes=settings.max_body_bytes, uploads=drain.uploads),  # 413 and 408
        Middleware(AdmitCalls, limits=limits, endpoint=settings.endpoint, rest=settings.rest),  # 400, 429 and 503
        Middleware(DrainRequests, drain),
        Middleware(WatchHangUp, listen=settings.json_response),
    ]
    app.state.chassis = settings  # whoever serves apps of any kind puts nothing around this one
    app.router.lifespan_context = _lifespan(mcp, settings, readiness, drain, app.router.lifespan_context)

    if not mcp.auth:
        warn_if_open(settings.host)
    if settings.transport == "sse":
        log.warning("the protocol has deprecated the sse transport: choose http where the clients allow it")
    return app


async def _refuse(_: Request, error: Any) -> Response:
    """Answer what Starlette refuses, an unknown path or method, as everything else is refused."""
    phrase = HTTPStatus(error.status_code).phrase
    return refusal(error.status_code, phrase.lower().replace(" ", "_"), phrase, error.headers)


def _optional_routes(mcp: FastMCP, settings: Settings) -> list[Route]:
    routes = [] if settings.metrics_port else [metrics_route()]
    if settings.rest:
        from serving.web.openapi import openapi_route
        from serving.web.rest import rest_routes

        routes += [*rest_routes(mcp, settings), openapi_route(mcp)]
    return routes


def _lifespan(
    mcp: FastMCP, settings: Settings, readiness: Readiness, drain: Drain, serve: Lifespan[Starlette]
) -> Lifespan[Starlette]:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        try:
            async with AsyncExitStack() as life:
                life.enter_context(export_traces(mcp.name, str(mcp.version), details=settings.log_level == "debug"))
                if settings.metrics_port:
                    life.enter_context(serve_metrics(settings.host, settings.metrics_port))
                await life.enter_async_context(serve(app))
                life.enter_context(spare_spans())  # now, because a server's own lifespan may set up OpenTelemetry
                bound_sessions(app, settings.max_body_bytes)
                await life.enter_async_context(drain.on_signals())
                readiness.reason = None
                send_at_once()
                await life.enter_async_context(warm_up_when_idle(drain.limits))
                yield
                readiness.reason = readiness.reason or "stopping"
        except StartError as error:
            log.critical(error)
            raise
        except Exception:
            log.exception("a lifespan failed (MCP_LOG_LEVEL=debug says more)")
            raise

    return lifespan
