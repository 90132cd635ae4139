"""`GET /`: what this server is and where it answers."""

from fastmcp import FastMCP
from mcp_types.version import KNOWN_PROTOCOL_VERSIONS
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from serving.settings import Settings


def page_route(mcp: FastMCP, settings: Settings) -> Route:
    """Build the route: `{"service", "version", "protocol", "endpoints"}`, protocol versions newest first."""
    body = {
        "service": mcp.name,
        "version": mcp.version,
        "protocol": KNOWN_PROTOCOL_VERSIONS[::-1],
        "endpoints": {"mcp": settings.endpoint, "health": "/health", "ready": "/ready"},
    }

    async def page(_: Request) -> JSONResponse:
        return JSONResponse(body)

    return Route("/", page)
