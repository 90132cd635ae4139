"""RFC 9728: where a client without a token learns which authorization server issues them."""

from typing import Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import Scope

from serving.settings import Settings

WELL_KNOWN: Final = "/.well-known/oauth-protected-resource"
CACHE_SECONDS: Final = 3600


def metadata_routes(settings: Settings, name: str) -> list[Route]:
    """Build the routes of the metadata, for the server that is called `name`; none unless clients bring JWTs.

    The RFC's own path ends in the endpoint's; clients that have read no challenge also try the one without.
    """

    async def metadata(request: Request) -> JSONResponse:
        body = {
            "resource": _base_url(request.scope, settings) + settings.endpoint,
            "resource_name": name,
            "authorization_servers": [settings.auth_issuer],
            "bearer_methods_supported": ["header"],
        }
        if settings.auth_scopes:  # an empty list must not be given
            body["scopes_supported"] = list(settings.auth_scopes)
        return JSONResponse(body, headers={"Cache-Control": f"max-age={CACHE_SECONDS}"})

    paths = [WELL_KNOWN + settings.endpoint, WELL_KNOWN]
    return [Route(path, metadata) for path in paths] if settings.auth == "jwt" else []


def metadata_url(scope: Scope, settings: Settings) -> str:
    """Return where the metadata is, for whoever has sent this request; empty unless clients bring JWTs."""
    return _base_url(scope, settings) + WELL_KNOWN + settings.endpoint if settings.auth == "jwt" else ""


def _base_url(scope: Scope, settings: Settings) -> str:
    if settings.public_url:
        return settings.public_url
    return f"{scope['scheme']}://{Headers(scope=scope).get('host', '')}{scope.get('root_path', '')}"
