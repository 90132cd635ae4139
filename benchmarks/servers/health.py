"""What tells that a server is there, for those that do not tell by themselves."""

from starlette.requests import Request
from starlette.responses import JSONResponse


async def health(_: Request) -> JSONResponse:
    """Say so."""
    return JSONResponse({"status": "healthy"})
