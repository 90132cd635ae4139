"""Children of their own for sessions of the handshake era, for servers that keep something between calls."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from mcp.server.connection import Connection
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from serving.errors import StartError
from ship.adapter.children.child import Child
from ship.adapter.children.exchange import ChildGoneError
from ship.adapter.children.hearing import QUESTIONS
from ship.adapter.children.program import Program
from ship.adapter.children.wire import Json

log: Final = logging.getLogger("ship.adapter.children.sessions")

IDLE_SECONDS: Final = 60.0
"""A session that has not called for so long gives up its child when another one needs it; its client may be gone."""
_ASKED_FOR: Final = sorted({question.split("/")[0] for question in QUESTIONS})
_KEY: Final = "ship.adapter.children.sessions"


class SessionChildren:
    """Up to `most` of them; each ends with its session."""

    def __init__(self, program: Program, most: int, on_change: Callable[[Json, Connection], None]) -> None:
        self._program, self._most, self._on_change = program, most, on_change
        self._seats: dict[Connection, Seat] = {}
        self._ending: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """End all of them at last."""
        try:
            yield
        finally:
            for connection in list(self._seats):
                self._leave(connection)
            await asyncio.gather(*self._ending, return_exceptions=True)

    async def of(self, connection: Connection) -> Child | None:
        """Return the child of the session that a connection is, if it is one.

        Raises:
            ChildGoneError: there is no room for one, others needed its room, or it cannot be started.
        """
        if not connection.session_id or connection.protocol_version in MODERN_PROTOCOL_VERSIONS:
            return None
        if connection.state.get(_KEY) == "left":
            raise ChildGoneError("others needed the room of this session's server: begin a new session")
        seat = self._seats.get(connection) or self._take(connection)
        seat.used = time.monotonic()
        async with seat.starting:
            if seat.child is None or seat.child.gone:
                child = Child(self._program, shared=False, on_change=lambda note: self._on_change(note, connection))
                try:
                    await child.start(_can_be_asked(connection))
                except StartError as error:
                    log.error(error)  # noqa: TRY400  it is one line for people
                    raise ChildGoneError(f"{self._program.name} cannot be started: try again later") from None
                seat.child = child
                if connection not in self._seats:  # the session has ended meanwhile
                    self._end(child)
        return seat.child

    def _take(self, connection: Connection) -> "Seat":
        if len(self._seats) >= self._most:
            oldest = min(self._seats, key=lambda one: (self._seats[one].busy, self._seats[one].used))
            seat = self._seats[oldest]
            if seat.busy or time.monotonic() - seat.used < IDLE_SECONDS:
                raise ChildGoneError(
                    f"{self._most} sessions have a server of their own, as many as may: try again later"
                )
            oldest.state[_KEY] = "left"
            self._leave(oldest)
        self._seats[connection] = Seat()
        connection.exit_stack.callback(self._leave, connection)
        return self._seats[connection]

    def _leave(self, connection: Connection) -> None:
        seat = self._seats.pop(connection, None)
        if seat and seat.child:
            self._end(seat.child)

    def _end(self, child: Child) -> None:
        task = asyncio.create_task(child.stop())  # the SDK would not wait for as long as a child may take
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


class Seat:
    """What is kept for a session that has a child, or will have."""

    def __init__(self) -> None:
        self.child: Child | None = None
        self.used = time.monotonic()
        self.starting = asyncio.Lock()

    @property
    def busy(self) -> bool:
        """Whether calls run."""
        return self.starting.locked() or bool(self.child and self.child.load)


def _can_be_asked(connection: Connection) -> Mapping[str, Any]:
    capabilities = connection.client_capabilities
    if capabilities is None:
        return {}
    said: dict[str, Any] = capabilities.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {key: said[key] for key in _ASKED_FOR if key in said}
