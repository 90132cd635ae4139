"""One MCP server that runs as our child and speaks the handshake era over stdio, which every such server does."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from mcp.shared.exceptions import MCPError
from mcp_types.version import LATEST_HANDSHAKE_VERSION
from pydantic_core import to_json

from serving.errors import StartError
from serving.identity import read_identity
from ship.adapter.children.exchange import ChildGoneError, Exchange, Exchanges
from ship.adapter.children.hearing import UPDATED, Hearing
from ship.adapter.children.process import Process
from ship.adapter.children.program import Program
from ship.adapter.children.wire import Json, result_of

log: Final = logging.getLogger("ship.adapter.children.child")

HANG_SECONDS: Final = 30.0
"""A child that was left with a call that nobody waits for, and then says nothing for so long, is ended."""
PINGS: Final = 3
"""One that does say something, but answers none of so many pings, is ended as well."""
LAST_WORDS_SECONDS: Final = 0.5
"""How long what a child had written may take to arrive after its end."""
MOST_UNREAD_BYTES: Final = 64 * 1024**2
"""How much may wait for a child to read it."""
MOST_PAGES: Final = 100
"""How many pages a list may have."""


class Child:
    """The conversation with a child; `shared` says whether several clients use it."""

    def __init__(self, program: Program, *, shared: bool, on_change: Callable[[Json], None]) -> None:
        self._program, self.shared, self._on_change = program, shared, on_change
        self._exchanges = Exchanges(shared=shared)
        self._hearing = Hearing(self._exchanges, self.send, self._log, self._changed)
        self._checking: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self.server: Json = {}
        """What it has answered to `initialize`."""
        self.lists: dict[str, Any] = {}
        """What has been made of its lists, until it says that they have changed."""

    @property
    def load(self) -> int:
        """How many requests it works on that somebody waits for."""
        return self._exchanges.awaited

    @property
    def gone(self) -> bool:
        """Whether it has ended."""
        return self._ended.done()

    def can(self, capability: str) -> bool:
        """Whether it has a capability, such as `tools`."""
        return self.capability(capability) is not None

    def capability(self, name: str) -> Json | None:
        """Return what it says of a capability that it has."""
        capabilities = self.server.get("capabilities")
        found = capabilities.get(name) if isinstance(capabilities, dict) else None
        return found if isinstance(found, dict) else None

    async def start(self, client: Mapping[str, Any]) -> None:
        """Start the program and shake hands; `client` are the capabilities of whoever it can ask.

        Raises:
            StartError: it cannot be started, ends at once or does not answer; the message has its own last lines.
        """
        self._process = await Process.start(
            self._program.argv, self._program.cwd, self._program.env, self._hearing.on_line
        )
        self._ended = asyncio.create_task(self._wait_for_end())
        who = read_identity()
        hello = {
            "protocolVersion": LATEST_HANDSHAKE_VERSION,
            "capabilities": client,
            "clientInfo": {"name": who.name, "version": who.version},
        }
        try:
            async with asyncio.timeout(self._program.start_seconds):
                self.server = await self.request("initialize", hello)
        except TimeoutError:
            await self.stop(politely=False)
            raise StartError(self._said(f"did not answer within {self._program.start_seconds:g} s")) from None
        except ChildGoneError:
            raise StartError(self._said(await self._ended)) from None
        except MCPError as error:
            await self.stop()
            raise StartError(self._said(f"refused to start: {error.error.message}")) from None
        except asyncio.CancelledError:  # whoever it was started for is gone
            await asyncio.shield(self.stop(politely=False))
            raise
        self.send({"method": "notifications/initialized"})

    async def ended(self) -> str:
        """Wait until the child has ended, and return how."""
        return await asyncio.shield(self._ended)

    async def stop(self, *, politely: bool = True) -> None:
        """End the child and all that it has started."""
        await self._process.stop(politely=politely)
        await self.ended()

    def begin(self, method: str, params: Json, *, hears: bool = True) -> Exchange:
        """Send a request. A progress token in it is replaced by our own: those of two clients can be the same.

        `hears` says whether there is a client that can be told and asked something meanwhile.

        Raises:
            ChildGoneError: the child has ended, or reads nothing any more.
        """
        if self.gone:
            raise ChildGoneError(f"{self._program.name} has ended: try again")
        if self._process.unread_bytes > MOST_UNREAD_BYTES:
            raise ChildGoneError(f"{self._program.name} does not read what it is sent: try again later")
        exchange = self._exchanges.open(self.send, self.abandon, hears=hears)
        if "progressToken" in (params.get("_meta") or {}):
            params = {**params, "_meta": {**params["_meta"], "progressToken": exchange.number}}
        self.send({"id": exchange.number, "method": method, "params": params})
        return exchange

    async def request(self, method: str, params: Json) -> Json:
        """Send a request of our own and return its result.

        Raises:
            MCPError: the child answers with an error.
            ChildGoneError: it has ended.
        """
        exchange = self.begin(method, params, hears=False)
        try:
            return result_of(await exchange.next())
        finally:
            exchange.abandon()

    async def pages(self, method: str, key: str) -> AsyncIterator[Json]:
        """Yield the items of a list, of all its pages.

        Raises:
            MCPError, ChildGoneError: as `request`.
        """
        cursor: Json = {}
        for _ in range(MOST_PAGES):
            page = await self.request(method, cursor)
            for item in page.get(key) or []:
                yield item
            if not isinstance(page.get("nextCursor"), str):
                return
            cursor = {"cursor": page["nextCursor"]}
        log.warning("a list has more pages than are read", extra={"method": method, "pages": MOST_PAGES})

    def send(self, message: Json) -> None:
        """Write a message; `jsonrpc` is added. A child that asks and asks, and reads nothing, is ended."""
        if self._process.unread_bytes > MOST_UNREAD_BYTES:
            self._ending = self._ending or asyncio.create_task(self._process.stop(politely=False))
            return
        self._process.write(to_json({"jsonrpc": "2.0", **message}, inf_nan_mode="null"))

    def abandon(self, exchange: Exchange) -> None:
        """Tell the child that nobody waits for `exchange` any more, and look whether it still lives."""
        if exchange not in self._exchanges or exchange.abandoned:
            return
        self._exchanges.abandon(exchange)
        self.send({"method": "notifications/cancelled", "params": {"requestId": exchange.number}})
        if self._checking is None or self._checking.done():
            self._checking = asyncio.create_task(self._end_if_it_hangs())

    async def _end_if_it_hangs(self) -> None:
        for attempt in range(1, PINGS + 1):
            begun = asyncio.get_running_loop().time()
            with suppress(MCPError, ChildGoneError):
                try:
                    async with asyncio.timeout(HANG_SECONDS):
                        await self.request("ping", {})
                except TimeoutError:
                    if self._hearing.last >= begun and attempt < PINGS:
                        continue
                    log.warning("a child hangs and is ended", extra={"child": self._process.pid})
                    await self.stop(politely=False)
            return

    async def _wait_for_end(self) -> str:
        process = self._process
        ends: set[asyncio.Future[Any]] = {process.exited, process.silent}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait(ends, timeout=LAST_WORDS_SECONDS)
        ended_itself = process.exited.done()
        await process.stop(politely=False)
        status = process.exited.result()
        how = f"ended with status {status}" if status >= 0 else f"was ended by signal {-status}"
        how = how if ended_itself else "closed its standard input or output"
        self._exchanges.fail(f"{self._program.name} {how} during this call: try again")
        return how

    def _said(self, how: str) -> str:
        last = " | ".join(self._process.last_lines)
        return f"{self._program.name} {how}" + (f": {last}" if last else ", and said nothing about it")

    def _log(self, level: int, text: str) -> None:
        self._process.log(level, text)

    def _changed(self, note: Json) -> None:
        if note["method"] != UPDATED:
            kind = note["method"].split("/")[1].rstrip("s")  # resources are resourceTemplates, too
            self.lists = {key: value for key, value in self.lists.items() if not key.startswith(kind)}
        self._on_change(note)
