"""The requests to a child, and what comes back until they are answered."""

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Any, Final

from mcp_types import METHOD_NOT_FOUND

from serving.calls.limits import UnavailableError
from ship.adapter.children.wire import Json, error_of

MOST_WAITING: Final = 200
"""How many notes and questions of one call may wait for its client to take them; more are dropped."""
LATE_SECONDS: Final = 60.0
"""For how long a request that was given up may still be the one that its child speaks of."""


class ChildGoneError(UnavailableError):
    """The child of a call has ended, or none lives; the message is for the client."""


class Exchange:
    """A request to a child, from the moment it is sent: notes and questions come in between, the result in the end."""

    def __init__(
        self, number: int, send: Callable[[Json], None], give_up: Callable[["Exchange"], None], *, hears: bool
    ) -> None:
        self.number, self._send, self._give_up, self.hears = number, send, give_up, hears
        self.abandoned = self.parked = False
        self._expiry: asyncio.TimerHandle | None = None
        self._question: Json | None = None
        self._events: asyncio.Queue[Json | ChildGoneError] = asyncio.Queue()

    async def next(self) -> Json:
        """Return the next message: a notification, a request of the child, or the response.

        Raises:
            ChildGoneError: the child has ended.
        """
        event = await self._events.get()
        if isinstance(event, ChildGoneError):
            raise event
        if "method" in event and "id" in event:
            self._question = event
        return event

    def expire(self, seconds: float, then: Callable[[], Any]) -> None:
        """Give the call up in so many seconds, and do `then`, unless somebody keeps it."""

        def give_up() -> None:
            self.abandon()
            then()

        self.parked = True
        self._expiry = asyncio.get_running_loop().call_later(seconds, give_up)

    def keep(self) -> None:
        """Do not give the call up."""
        self.parked = False
        if self._expiry:
            self._expiry.cancel()

    def answer(self, question: Json, answer: Json) -> None:
        """Answer a request of the child: `answer` has a `result` or an `error`."""
        self._question = None
        self._send({"id": question["id"], **answer})

    def abandon(self) -> None:
        """Tell the child that nobody waits any more, unless it has answered; nor will it have an answer."""
        if self._question:
            self.answer(self._question, error_of(METHOD_NOT_FOUND, "nobody is there to be asked"))
        self._give_up(self)

    def put(self, event: Json | ChildGoneError) -> None:
        """Take what the child says of this request."""
        waits = isinstance(event, dict) and "method" in event
        if not waits or self._events.qsize() < MOST_WAITING:
            self._events.put_nowait(event)


class Exchanges:
    """All requests that a child works on.

    What it says without naming one, a log line or a question, belongs to the only one that it works on. When there are
    several clients' (`shared`), nobody can know to which; one that was given up may be its cause for another minute.
    """

    def __init__(self, *, shared: bool) -> None:
        self._shared = shared
        self._numbers = count(1)
        self._open: dict[int, Exchange] = {}

    def __contains__(self, exchange: Exchange) -> bool:
        return exchange.number in self._open

    @property
    def awaited(self) -> int:
        """How many somebody waits for."""
        return sum(not exchange.abandoned for exchange in self._open.values())

    def open(self, send: Callable[[Json], None], give_up: Callable[[Exchange], None], *, hears: bool) -> Exchange:
        """Begin one."""
        exchange = Exchange(next(self._numbers), send, give_up, hears=hears)
        self._open[exchange.number] = exchange
        return exchange

    def of(self, number: object) -> Exchange | None:
        """Return the one with this number, if it is open."""
        return self._open.get(number) if type(number) is int else None

    def settle(self, number: object, response: Json) -> None:
        """Close the one with this number with its response; an answer to nothing is nothing."""
        if exchange := self.of(number):
            del self._open[exchange.number]
            exchange.put(response)

    def abandon(self, exchange: Exchange) -> None:
        """Note that nobody waits for it any more; its child need not answer it (MCP, cancellation)."""
        exchange.abandoned = True
        asyncio.get_running_loop().call_later(LATE_SECONDS, self._open.pop, exchange.number, None)

    def fail(self, reason: str) -> None:
        """Close all: their child has ended."""
        for exchange in self._open.values():
            exchange.put(ChildGoneError(reason))
        self._open.clear()

    def whose(self) -> Exchange | None:
        """Return the one that a message without a name belongs to, if that can be known and somebody hears it."""
        exchanges = [exchange for exchange in self._open.values() if not exchange.parked]
        if self._shared and len(exchanges) > 1:
            return None
        return next((one for one in reversed(exchanges) if one.hears and not one.abandoned), None)
