"""settings -> program -> children -> FastMCP: the adapter's counterpart of the `create_server` in server.py."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from ship.adapter.children.program import Program
from ship.adapter.settings import ChildSettings

if TYPE_CHECKING:
    from fastmcp import FastMCP

UNKNOWN: Final = "unknown"
"""The version of a server that has not said its own."""


def create_adapter(settings: ChildSettings, program: Program) -> "FastMCP":
    """Put what the children of `program` offer on a FastMCP server; they start with it."""
    from serving.chassis import chassis
    from ship.adapter.children.pool import Pool
    from ship.adapter.children.sessions import SessionChildren
    from ship.adapter.front.changes import Changes
    from ship.adapter.front.express import ExpressFastMCP
    from ship.adapter.front.introduce import Introduce
    from ship.adapter.front.provider import ChildProvider

    changes = Changes()
    pool = Pool(program, settings.children, changes.tell, changes.renew)
    sessions = SessionChildren(program, settings.session_children, changes.tell) if settings.session_children else None
    provider = ChildProvider(pool, sessions)

    @asynccontextmanager
    async def lifespan(mcp: "FastMCP") -> AsyncIterator[dict[str, Any]]:
        async with AsyncExitStack() as life:
            await life.enter_async_context(pool.run())
            if sessions:
                await life.enter_async_context(sessions.run())
            provider.offer_completions(mcp)
            changes.listen_on(mcp, provider)
            mcp._mcp_server.version = pool.version or UNKNOWN  # FastMCP takes one only before it is known
            yield {}

    mcp = ExpressFastMCP(
        program.name,
        version=UNKNOWN,
        lifespan=lifespan,
        providers=[provider],
        dereference_schemas=False,  # they are the child's, and stay as they are
        **chassis(settings),
    )
    mcp.runtime = program.runtime
    mcp.take_express(provider, settings)
    mcp.provider_error_strategy = "raise"  # without a child there is nothing to list, rather than an empty list
    mcp.add_middleware(Introduce(pool, changes))
    return mcp
