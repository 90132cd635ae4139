"""Tells clients what has changed in a child: its lists, and the resources that they have subscribed to."""

import asyncio
from collections.abc import Callable
from typing import Any, Final
from weakref import WeakSet

import mcp_types as types
from fastmcp import FastMCP
from mcp.server.connection import Connection
from mcp.server.context import ServerRequestContext
from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    ListenHandler,
    PromptsListChanged,
    ResourcesListChanged,
    ResourceUpdated,
    ServerEvent,
    ToolsListChanged,
)
from mcp.shared.exceptions import MCPError

from ship.adapter.children.child import UPDATED
from ship.adapter.children.exchange import Json
from ship.adapter.front.provider import ChildProvider

MOST_WATCHED: Final = 1000
"""How many resources may be subscribed to at a time."""
_LISTS: Final[dict[str, Callable[[], ServerEvent]]] = {
    "notifications/tools/list_changed": ToolsListChanged,
    "notifications/prompts/list_changed": PromptsListChanged,
    "notifications/resources/list_changed": ResourcesListChanged,
}


class Changes:
    """Who is to hear of what: sessions, and in 2026-07-28 whoever listens (subscriptions/listen)."""

    def __init__(self) -> None:
        self.connections: WeakSet[Connection] = WeakSet()
        self._watched: dict[str, WeakSet[Connection]] = {}
        self._bus = InMemorySubscriptionBus()
        self._telling: set[asyncio.Task[None]] = set()

    def tell(self, note: Json, only: Connection | None = None) -> None:
        """Pass on a child's notification of a change: to one session if the child is its own, else to all."""
        task = asyncio.create_task(self._tell(note, only))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    def listen_on(self, mcp: FastMCP, provider: ChildProvider) -> None:
        """Let clients of `mcp` listen and subscribe, for which FastMCP has no doors."""
        listen = ListenHandler(self._bus)

        async def on_listen(context: Any, params: types.SubscriptionsListenRequestParams) -> Any:
            for uri in params.notifications.resource_subscriptions or ():
                await provider.shared().request("resources/subscribe", {"uri": uri})
            return await listen(context, params)

        async def on_subscribe(context: ServerRequestContext[Any, Any], params: types.SubscribeRequestParams) -> Any:
            await self._ask(provider, context, params.uri, "resources/subscribe")
            self._watch(str(params.uri)).add(context.session._connection)
            return types.EmptyResult()

        async def on_unsubscribe(
            context: ServerRequestContext[Any, Any], params: types.UnsubscribeRequestParams
        ) -> Any:
            watching = self._watched.get(str(params.uri), WeakSet())
            watching.discard(context.session._connection)
            if not watching:  # another session may still want to hear of it
                await self._ask(provider, context, params.uri, "resources/unsubscribe")
            return types.EmptyResult()

        server = mcp._mcp_server
        server.add_request_handler("subscriptions/listen", types.SubscriptionsListenRequestParams, on_listen)
        if (provider.shared().server.get("capabilities") or {}).get("resources", {}).get("subscribe"):
            server.add_request_handler("resources/subscribe", types.SubscribeRequestParams, on_subscribe)
            server.add_request_handler("resources/unsubscribe", types.UnsubscribeRequestParams, on_unsubscribe)

    async def _ask(self, provider: ChildProvider, context: Any, uri: object, method: str) -> None:
        child = await provider.child_of(context.session._connection)
        await child.request(method, {"uri": str(uri)})

    def _watch(self, uri: str) -> WeakSet[Connection]:
        self._watched = {known: watching for known, watching in self._watched.items() if watching}
        if len(self._watched) >= MOST_WATCHED and uri not in self._watched:
            raise MCPError(types.INTERNAL_ERROR, f"{MOST_WATCHED} resources are subscribed to, as many as may be")
        return self._watched.setdefault(uri, WeakSet())

    async def _tell(self, note: Json, only: Connection | None) -> None:
        method, params = note["method"], note.get("params") or {}
        connections = [only] if only else list(self.connections)
        if method == UPDATED:
            uri = str(params.get("uri"))
            connections = [only] if only else list(self._watched.get(uri, ()))
        if only is None:
            await self._bus.publish(ResourceUpdated(uri=uri) if method == UPDATED else _LISTS[method]())
        for connection in connections:
            await connection.notify(method, params or None)
