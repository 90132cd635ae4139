"""FastMCP's way to a low-level server of the SDK in this process, which its own transport does not take."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastmcp.client.transports import ClientTransport
from fastmcp.client.transports.base import SessionKwargs, TransportOptions
from mcp.shared.memory import create_client_server_memory_streams
from typing_extensions import Unpack

if TYPE_CHECKING:
    from mcp import ClientSession
    from mcp.server.lowlevel import Server


class LowLevelTransport(ClientTransport):
    """Connects a client or a proxy of FastMCP with a low-level server; each connection speaks an era of its own."""

    def __init__(self, server: "Server[Any]") -> None:
        self._server = server

    @asynccontextmanager
    async def connect_session(
        self, *, transport_options: TransportOptions | None = None, **session_kwargs: Unpack[SessionKwargs]
    ) -> AsyncIterator["ClientSession"]:
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
