"""A guest -> an ASGI app: whatever a guest offers stands behind the same authentication, limits, logs and metrics."""

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from serving.errors import SettingsError
from serving.settings import Settings
from serving.web.guard import PROBES, guard
from ship.aws_lambda.boot.offers import Guest

if TYPE_CHECKING:
    from fastmcp import FastMCP
    from starlette.types import ASGIApp, Receive, Scope, Send


def app_of(guest: Guest, settings: Settings) -> "ASGIApp":
    """Return the app that serves a guest. One that asks for tokens itself goes on doing so.

    Raises:
        SettingsError: settings that do not fit each other, or the guest.
    """
    if guest.kind == "asgi":
        return _around(guest.offers, settings)
    if app := _app_with_own_tokens(guest, settings):
        if settings.auth != "none":
            raise SettingsError(f"MCP_AUTH={settings.auth}: expected none, because the server asks for tokens itself")
        return _around(app, settings, closed=True)
    from serving.web.app import create_app

    return create_app(_server(guest, settings), settings)


def _app_with_own_tokens(guest: Guest, settings: Settings) -> "ASGIApp | None":
    """Return the whole app of a guest that has authentication, with all the routes that belong to that."""
    offers = guest.offers
    if not guest.asks_for_tokens:
        return None
    if guest.kind == "fastmcp":
        app: ASGIApp = offers.http_app(path=settings.endpoint, stateless_http=True, host_origin_protection=False)
        return app
    of_sdk: ASGIApp = offers.streamable_http_app(
        streamable_http_path=settings.endpoint, stateless_http=True, host=settings.host
    )
    return of_sdk


def _server(guest: Guest, settings: Settings) -> "FastMCP":
    from fastmcp import FastMCP

    from serving.chassis import chassis

    around = chassis(settings)
    if guest.kind != "fastmcp":
        from ship.aws_lambda.boot.lowlevel import proxy_of

        return proxy_of(guest.offers._lowlevel_server if guest.kind == "sdk" else guest.offers, around)
    theirs: FastMCP = guest.offers
    ours = FastMCP(theirs.name, instructions=theirs.instructions, version=theirs.version, **around)
    ours.mount(theirs)
    return ours


def _around(app: "ASGIApp", settings: Settings, *, closed: bool = False) -> "ASGIApp":
    """Put what is the chassis' for any HTTP before an app of another kind, which answers all else itself.

    `closed` is an app that asks for tokens.
    """
    from starlette.middleware import Middleware

    from serving.auth.bearer import RequireToken
    from serving.auth.verifier import create_verifier, warn_if_open
    from serving.request_id import IdentifyRequests
    from serving.web.bodies import ReadBodies
    from serving.web.proxies import believe_proxies

    verifier = create_verifier(settings)
    if not (verifier or closed):
        warn_if_open(settings.host)
    for middleware in reversed(
        [
            Middleware(IdentifyRequests),
            *believe_proxies(settings),
            *guard(settings),
            *(verifier.get_middleware() if verifier else []),
            *([Middleware(RequireToken, settings, PROBES)] if verifier else []),
            Middleware(ReadBodies, most_bytes=settings.max_body_bytes, uploads=set()),
            Middleware(Probes),
        ]
    ):
        app = middleware.cls(app, *middleware.args, **middleware.kwargs)
    return app


class Probes:
    """ASGI middleware: `/health` and `/ready` for an app that is up as long as it answers."""

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer a probe, and pass everything else on."""
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and scope["path"] in PROBES:
            status = {"/health": "healthy", "/ready": "ready"}[scope["path"]]
            return await JSONResponse({"status": status})(scope, receive, send)
        return await self.app(scope, receive, send)
