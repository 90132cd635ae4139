"""A client of a stdio server by hand: many calls at a time through one pair of pipes."""

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import IO, Final, cast

from benchmarks.load.messages import FIRST_ID, HANDSHAKE, HELLO, Question, encode

MOST_LINE_BYTES: Final = 16 * 1024**2
END_SECONDS: Final = 5
"""How long the server may take to end after its input has; then it is killed."""


class Pipes:
    """A server that runs; whoever asks gets the answer with the id of the request."""

    def __init__(self, process: Process) -> None:
        self._input = cast("asyncio.StreamWriter", process.stdin)
        self._output = cast("asyncio.StreamReader", process.stdout)
        self._waiting: dict[int, asyncio.Future[bytes]] = {}

    def asking(self, question: Question) -> Callable[[], asyncio.Future[bytes]]:
        """Return what asks once."""
        template, numbers = question.template(HANDSHAKE) + b"\n", count(FIRST_ID)
        return lambda: self.ask(number := next(numbers), template % number)

    def ask(self, number: int, line: bytes) -> asyncio.Future[bytes]:
        """Send a request; the answer is a ConnectionError when the server ends instead."""
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._input.write(line)
        return answer

    def hello(self) -> asyncio.Future[bytes]:
        """Begin the handshake."""
        return self.ask(1, encode("initialize", HELLO, HANDSHAKE, 1) + b"\n")

    async def greet(self) -> None:
        """Shake hands, and list the tools as clients do."""
        await self.hello()
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
async def opened(argv: Sequence[str], question: Question) -> AsyncIterator[Callable[[], Awaitable[bytes]]]:
    """Start a server, greet it, and yield what asks it once; end it after that.

    Raises:
        OSError: it cannot be started, or ends before it has answered.
    """
    async with started(argv) as pipes:
        await pipes.greet()
        yield pipes.asking(question)


@asynccontextmanager
async def started(
    argv: Sequence[str], env: Mapping[str, str] | None = None, log: IO[bytes] | None = None
) -> AsyncIterator[Pipes]:
    """Start a server in this environment or that, which writes its log here or there; end it after that.

    Raises:
        OSError: it cannot be started.
    """
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=PIPE, stdout=PIPE, stderr=log, env=env, limit=MOST_LINE_BYTES
    )
    pipes = Pipes(process)
    reading = asyncio.create_task(pipes.read())
    try:
        yield pipes
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
