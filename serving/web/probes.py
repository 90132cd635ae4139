"""`/health` and `/ready`: is the process alive, and should it get traffic?"""

import logging
from dataclasses import dataclass
from typing import Final

from fastmcp import FastMCP
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from serving.calls.limits import UnavailableError

log: Final = logging.getLogger("serving.web.probes")


@dataclass
class Readiness:
    """Why this process should get no traffic; `reason` is None when it should."""

    reason: str | None = "starting"


def probe_routes(mcp: FastMCP, readiness: Readiness) -> list[Route]:
    """Build the two routes.

    `/health` touches nothing, so that a busy dependency never gets the process killed. `/ready` counts over
    the providers, because a listing hides what an unauthenticated caller may not see.
    """

    async def health(_: Request) -> JSONResponse:
        return JSONResponse({"status": "healthy", "service": mcp.name, "version": mcp.version})

    async def ready(_: Request) -> JSONResponse:
        if readiness.reason:
            return _unready(readiness.reason)
        try:
            tools = [tool for provider in mcp.providers for tool in await provider.list_tools()]
            resources = [one for provider in mcp.providers for one in await provider.list_resources()]
        except UnavailableError as error:
            return _unready(str(error))
        except Exception:
            log.exception("not ready: a source of tools does not answer")
            return _unready("a source of tools does not answer")
        return JSONResponse(
            {
                "status": "ready",
                "tools_count": len({tool.name for tool in tools}),
                "resources_count": len({str(resource.uri) for resource in resources}),
            }
        )

    return [Route("/health", health), Route("/ready", ready)]


def _unready(reason: str) -> JSONResponse:
    return JSONResponse({"status": "unready", "reason": reason}, status_code=503)
