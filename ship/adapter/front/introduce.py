"""What the child says of itself, passed on to whoever connects."""

from typing import Any

import mcp_types as types
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

from ship.adapter.children.child import Child
from ship.adapter.children.exchange import ChildGoneError
from ship.adapter.children.pool import Pool
from ship.adapter.front.changes import Changes


class Introduce(Middleware):
    """FastMCP middleware: `initialize` and `server/discover` are answered with the child's name and instructions.

    Lists that no child is there to give are refused with the reason, for which FastMCP has no words.
    """

    def __init__(self, pool: Pool, changes: Changes) -> None:
        self._pool, self._changes = pool, changes

    async def on_initialize(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """Answer a client of the handshake era; from now on it hears of changes."""
        result = await call_next(context)
        if context.fastmcp_context:
            self._changes.connections.add(context.fastmcp_context.session._connection)
        if result is None or (child := self._child()) is None:
            return result
        update = {"instructions": child.server.get("instructions")}
        return result.model_copy(update=update | ({"server_info": who} if (who := _who(child)) else {}))

    async def on_discover(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """Answer a client of 2026-07-28."""
        result = await call_next(context)
        if not isinstance(result, types.DiscoverResult) or (child := self._child()) is None:
            return result
        meta = dict(result.meta or {})
        if who := _who(child):
            meta[types.SERVER_INFO_META_KEY] = who.model_dump(mode="json", by_alias=True, exclude_none=True)
        return result.model_copy(update={"instructions": child.server.get("instructions"), "meta": meta})

    async def on_list(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """Say why there is no list."""
        try:
            return await call_next(context)
        except ChildGoneError as error:
            raise MCPError(types.INTERNAL_ERROR, str(error)) from None

    on_list_tools = on_list_resources = on_list_resource_templates = on_list_prompts = on_list

    def _child(self) -> Child | None:
        try:
            return self._pool.pick()
        except ChildGoneError:
            return None


def _who(child: Child) -> types.Implementation | None:
    try:
        return types.Implementation.model_validate(child.server.get("serverInfo"))
    except ValidationError:
        return None
