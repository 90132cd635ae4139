"""Tells clients what has changed in a child: its lists, and the resources that they have subscribed to."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
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

from ship.adapter.children.child import Child
from ship.adapter.children.exchange import ChildGoneError
from ship.adapter.children.hearing import UPDATED
from ship.adapter.children.wire import Json
from ship.adapter.front.provider import ChildProvider

MOST_WATCHED: Final = 1000
"""How many resources may be subscribed to at a time."""
NOTIFY_SECONDS: Final = 5.0
"""How long a session may take to take a notification; another one will come."""
_LISTS: Final[dict[str, Callable[[], ServerEvent]]] = {
    "notifications/tools/list_changed": ToolsListChanged,
    "notifications/prompts/list_changed": PromptsListChanged,
    "notifications/resources/list_changed": ResourcesListChanged,
}


class Listener:
    """Somebody who listens in 2026-07-28, for as long as that lasts."""


class Changes:
    """Who is to hear of what: sessions, and in 2026-07-28 whoever listens (subscriptions/listen)."""

    def __init__(self) -> None:
        self.connections: WeakSet[Connection] = WeakSet()
        self._watched: dict[str, WeakSet[Connection | Listener]] = {}
        self._bus = InMemorySubscriptionBus()
        self._again: dict[tuple[str, str, Connection | None], bool] = {}
        """What is being told, and whether it has to be told once more when it was."""
        self._tasks: set[asyncio.Task[None]] = set()

    def tell(self, note: Json, only: Connection | None = None) -> None:
        """Pass on a child's notification of a change: to one session if the child is its own, else to all."""
        method = note["method"]
        uri = str((note.get("params") or {}).get("uri")) if method == UPDATED else ""
        key = (method, uri, only)
        if key in self._again:
            self._again[key] = True  # a child may say it more often than anybody can hear
            return
        self._again[key] = False
        task = asyncio.create_task(self._tell(*key))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def renew(self, child: Child) -> None:
        """Tell a shared child that was started again what is subscribed to, and clients that all may have changed."""
        for uri in [uri for uri, watching in self._watched.items() if watching]:
            with suppress(MCPError, ChildGoneError):
                await child.request("resources/subscribe", {"uri": uri})
        for method in _LISTS:
            if child.can(method.split("/")[1]):
                self.tell({"method": method})

    def listen_on(self, mcp: FastMCP, provider: ChildProvider) -> None:
        """Let clients of `mcp` listen and subscribe, for which FastMCP has no doors."""
        listen = ListenHandler(self._bus)

        async def on_listen(context: Any, params: types.SubscriptionsListenRequestParams) -> Any:
            uris, listener = params.notifications.resource_subscriptions or [], Listener()
            try:
                for uri in uris:
                    await provider.shared().request("resources/subscribe", {"uri": uri})
                    self._watch(uri).add(listener)
                return await listen(context, params)
            finally:
                await self._forget(listener, uris, provider.shared)

        async def on_subscribe(context: ServerRequestContext[Any, Any], params: types.SubscribeRequestParams) -> Any:
            connection = context.session._connection
            await (await provider.child_of(connection)).request("resources/subscribe", {"uri": str(params.uri)})
            self._watch(str(params.uri)).add(connection)
            return types.EmptyResult()

        async def on_unsubscribe(
            context: ServerRequestContext[Any, Any], params: types.UnsubscribeRequestParams
        ) -> Any:
            connection = context.session._connection
            child = await provider.child_of(connection)
            await self._forget(connection, [str(params.uri)], lambda: child)
            return types.EmptyResult()

        server = mcp._mcp_server
        server.add_request_handler("subscriptions/listen", types.SubscriptionsListenRequestParams, on_listen)
        if (provider.shared().capability("resources") or {}).get("subscribe"):
            server.add_request_handler("resources/subscribe", types.SubscribeRequestParams, on_subscribe)
            server.add_request_handler("resources/unsubscribe", types.UnsubscribeRequestParams, on_unsubscribe)

    def _watch(self, uri: str) -> WeakSet[Connection | Listener]:
        self._watched = {known: watching for known, watching in self._watched.items() if watching}
        if len(self._watched) >= MOST_WATCHED and uri not in self._watched:
            raise MCPError(types.INTERNAL_ERROR, f"{MOST_WATCHED} resources are subscribed to, as many as may be")
        return self._watched.setdefault(uri, WeakSet())

    async def _forget(self, who: Connection | Listener, uris: Iterable[str], child_of: Callable[[], Child]) -> None:
        """Let the child unsubscribe, unless somebody else who shares it wants to hear of the same."""
        for uri in uris:
            watching = self._watched.get(uri, WeakSet())
            watching.discard(who)
            with suppress(MCPError, ChildGoneError):
                child = child_of()
                if not (watching and child.shared):
                    await child.request("resources/unsubscribe", {"uri": uri})

    async def _tell(self, method: str, uri: str, only: Connection | None) -> None:
        key = (method, uri, only)
        try:
            while True:
                self._again[key] = False
                if only is None:
                    await self._bus.publish(ResourceUpdated(uri=uri) if method == UPDATED else _LISTS[method]())
                hearing = [only] if only else self._watched.get(uri, ()) if method == UPDATED else self.connections
                params = {"uri": uri} if method == UPDATED else None
                sessions = [one for one in hearing if isinstance(one, Connection)]
                await asyncio.gather(*(_notify(session, method, params) for session in sessions))
                if not self._again[key]:
                    return
        finally:
            del self._again[key]


async def _notify(session: Connection, method: str, params: Json | None) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(NOTIFY_SECONDS):
            await session.notify(method, params)
