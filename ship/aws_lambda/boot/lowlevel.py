"""A low-level server of the MCP SDK, as a FastMCP with the chassis around its calls."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import Any, Final

from fastmcp import FastMCP
from fastmcp.server.providers.proxy import ProxyClient, ProxyProvider
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR
from mcp_types.version import LATEST_MODERN_VERSION

from ship.aws_lambda.boot.contract.transport import LowLevelTransport

UNKNOWN: Final = "unknown"
"""The version of a server that has not said its own."""


def proxy_of(server: Server[Any], around: dict[str, Any]) -> FastMCP:
    """Return a FastMCP with everything that a server has; its lifespan runs once, and not for each connection."""

    @asynccontextmanager
    async def lifespan(_: FastMCP) -> AsyncIterator[dict[str, Any]]:
        async with server.lifespan(server) as state:
            own, server.lifespan = server.lifespan, lambda _: nullcontext(state)
            try:
                yield {}
            finally:
                server.lifespan = own

    server.middleware.insert(0, _contain_exits)
    transport = LowLevelTransport(server)
    # Nothing is remembered: what a server lists may depend on who asks.
    provider = ProxyProvider(lambda: ProxyClient(transport, mode=LATEST_MODERN_VERSION), cache_ttl=0)
    mcp = FastMCP(
        server.name,
        version=server.version or UNKNOWN,
        instructions=server.instructions,
        lifespan=lifespan,
        providers=[provider],
        **around,
    )
    mcp.provider_error_strategy = "raise"  # a list that fails is not an empty one
    return mcp


async def _contain_exits(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Let code that calls `sys.exit` fail: else it would take the function along."""
    try:
        return await call_next(ctx)
    except (SystemExit, KeyboardInterrupt) as error:
        raise MCPError(INTERNAL_ERROR, "the server failed") from error
