"""One request to a child, and what comes back until it is answered."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, METHOD_NOT_FOUND

from serving.calls.limits import UnavailableError

Json: TypeAlias = dict[str, Any]

MOST_WAITING: Final = 200
"""How many notes and questions of one call may wait for its client to take them; more are dropped."""


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


def result_of(response: Json) -> Json:
    """Return the result in a response.

    Raises:
        MCPError: it is an error.
    """
    error = response.get("error")
    if isinstance(error, dict):
        code = error.get("code")
        text = str(error.get("message", "the server failed"))
        raise MCPError(code if isinstance(code, int) else INTERNAL_ERROR, text, error.get("data"))
    result = response.get("result")
    return result if isinstance(result, dict) else {}


def error_of(code: int, message: str) -> Json:
    """Return the part of a response that says what is wrong."""
    return {"error": {"code": code, "message": message}}
