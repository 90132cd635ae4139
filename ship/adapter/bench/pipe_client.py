"""A client of a stdio server by hand: many calls at a time through one pair of pipes."""

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Final, cast

from ship.adapter.bench.messages import FIRST_ID, HANDSHAKE, HELLO, call_template, encode

MOST_LINE_BYTES: Final = 16 * 1024**2
END_SECONDS: Final = 5
"""How long the server may take to end after its input has; then it is killed."""


class Pipes:
    """A server that runs; whoever asks gets the answer with the id of the request."""

    def __init__(self, process: Process) -> None:
        self._input = cast("asyncio.StreamWriter", process.stdin)
        self._output = cast("asyncio.StreamReader", process.stdout)
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._call, self._numbers = call_template(HANDSHAKE) + b"\n", count(FIRST_ID)

    def call(self) -> asyncio.Future[bytes]:
        """Call the tool."""
        number = next(self._numbers)
        return self.ask(number, self._call % number)

    def ask(self, number: int, line: bytes) -> asyncio.Future[bytes]:
        """Send a request; the answer is a ConnectionError when the server ends instead."""
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._input.write(line)
        return answer

    async def greet(self) -> None:
        """Shake hands, and list the tools as clients do."""
        await self.ask(1, encode("initialize", HELLO, HANDSHAKE, 1) + b"\n")
        self._input.write(encode("notifications/initialized", {}, HANDSHAKE) + b"\n")
        await self.ask(2, encode("tools/list", {}, HANDSHAKE, 2) + b"\n")

    async def read(self) -> None:
        """Hand answers out until there are no more."""
        async for line in self._output:
            answer = self._waiting.pop(json.loads(line).get("id"), None)
            if answer and not answer.done():
                answer.set_result(line)
        for answer in self._waiting.values():
            answer.set_exception(ConnectionResetError("the server has ended"))


@asynccontextmanager
async def opened(argv: Sequence[str]) -> AsyncIterator[Callable[[], Awaitable[bytes]]]:
    """Start a server, and yield what calls its tool once; end it after that.

    Raises:
        OSError: it cannot be started, or ends before it has answered.
    """
    process = await asyncio.create_subprocess_exec(*argv, stdin=PIPE, stdout=PIPE, limit=MOST_LINE_BYTES)
    pipes = Pipes(process)
    reading = asyncio.create_task(pipes.read())
    try:
        await pipes.greet()
        yield pipes.call
    finally:
        await _end(process)
        await reading


async def _end(process: Process) -> None:
    if process.stdin:
        process.stdin.close()
    try:
        async with asyncio.timeout(END_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
