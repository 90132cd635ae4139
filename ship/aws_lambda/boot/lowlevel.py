"""A low-level server of the MCP SDK, as a FastMCP with the chassis around its calls."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import Any, Final

from fastmcp import FastMCP
from fastmcp.client.transports import ClientTransport
from fastmcp.client.transports.base import SessionKwargs, TransportOptions
from fastmcp.server.providers.proxy import ProxyClient, ProxyProvider
from mcp import ClientSession
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp.shared.memory import create_client_server_memory_streams
from mcp_types import INTERNAL_ERROR
from mcp_types.version import LATEST_MODERN_VERSION
from typing_extensions import Unpack

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


class LowLevelTransport(ClientTransport):
    """Connects a client or a proxy of FastMCP with a low-level server; each connection speaks an era of its own."""

    def __init__(self, server: Server[Any]) -> None:
        self._server = server

    @asynccontextmanager
    async def connect_session(
        self, *, transport_options: TransportOptions | None = None, **session_kwargs: Unpack[SessionKwargs]
    ) -> AsyncIterator[ClientSession]:
        """Serve a connection of its own, and yield the client's side of it."""
        server, session_class = self._server, (transport_options or TransportOptions()).session_class
        async with create_client_server_memory_streams() as (client, theirs):
            # a task and no group: a group would wrap what the caller raises, as it leaves
            serving = asyncio.create_task(server.run(*theirs, server.create_initialization_options()))
            try:
                async with session_class(*client, **session_kwargs) as session:
                    yield session
            finally:
                serving.cancel()
                await asyncio.gather(serving, return_exceptions=True)
