"""One program in a process group of its own: what it writes comes out by lines; what it has started ends with it."""

import asyncio
import logging
import os
import secrets
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, cast

from serving.errors import StartError
from ship.adapter.children import guardian

log: Final = logging.getLogger("ship.adapter.children.child")

CLOSED_SECONDS: Final = 2.0
"""How long a child may take to end after its input has (MCP, stdio, shutdown); then comes SIGTERM."""
TERM_SECONDS: Final = 3.0
"""How long it may take after SIGTERM; then comes SIGKILL."""
MOST_LINE_BYTES: Final = 16 * 1024**2
"""A longer line of its standard output is cut, and then no message any more."""
MOST_LOGGED_BYTES: Final = 2000
"""A longer line of its standard error is cut."""
MOST_LINES_A_SECOND: Final = 100
"""More lines on standard error are counted, and not logged: a flood would take the time of the calls."""
LAST_LINES: Final = 5
"""How many lines of standard error are kept, to say why a child has ended."""

_ADAPTER: Final = secrets.token_hex(8)
_guardian: subprocess.Popen[str] | None = None
_started = 0


class Process(asyncio.SubprocessProtocol):
    """A program that runs; `on_line` gets each line of its standard output, without the newline."""

    def __init__(self, on_line: Callable[[bytes], None]) -> None:
        loop = asyncio.get_running_loop()
        self.exited: asyncio.Future[int] = loop.create_future()
        self.silent: asyncio.Future[None] = loop.create_future()
        """Done when its standard output or input is closed, whether it has ended or not."""
        self.last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self._output, self._errors = Lines(MOST_LINE_BYTES, on_line), Lines(MOST_LOGGED_BYTES, self._on_error_line)
        self._second, self._logged, self._unlogged = 0, 0, 0
        self._buried = False
        self._mark = ""

    @classmethod
    async def start(
        cls, argv: Sequence[str], cwd: Path | None, env: Mapping[str, str], on_line: Callable[[bytes], None]
    ) -> "Process":
        """Start a program.

        Raises:
            StartError: there is no such program or folder, or it may not be run.
        """
        global _started
        _started += 1
        process = cls(on_line)
        process._mark = f"{_ADAPTER}.{_started}."
        try:
            await asyncio.get_running_loop().subprocess_exec(
                lambda: process,
                *argv,
                cwd=cwd,
                env={**env, guardian.MARK: process._mark},
                start_new_session=True,
            )
        except OSError as error:
            raise StartError(f"cannot start {argv[0]}: {error.strerror}") from error
        _tell_guardian("+", process.pid)
        return process

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the pipes."""
        self._transport = cast("asyncio.SubprocessTransport", transport)
        self.pid = self._transport.get_pid()
        self._input = cast("asyncio.WriteTransport", self._transport.get_pipe_transport(0))

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Take what it has written."""
        (self._output if fd == 1 else self._errors).feed(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """Notice that it has closed its standard output, or its input: nobody can talk with it any more."""
        if fd in (0, 1) and not self.silent.done():
            self.silent.set_result(None)

    def process_exited(self) -> None:
        """Say that it has ended."""
        self.exited.set_result(cast("int", self._transport.get_returncode()))

    def write(self, line: bytes) -> None:
        """Write a line to its standard input."""
        self._input.write(line + b"\n")

    @property
    def unread_bytes(self) -> int:
        """How much of what was written to it, it has not read yet."""
        return self._input.get_write_buffer_size()

    async def stop(self, *, politely: bool = True) -> None:
        """End it and all that it has started: by the end of its input, by SIGTERM, by SIGKILL, whichever it obeys."""
        if self._buried:  # its number may be somebody else's by now
            return
        try:
            with suppress(RuntimeError):  # somebody has closed it already
                self._input.close()
            if politely and not await self._ends_within(CLOSED_SECONDS):
                self._signal(signal.SIGTERM)
                await self._ends_within(TERM_SECONDS)
        finally:
            self._signal(signal.SIGKILL)
            await asyncio.shield(self._bury())

    async def _ends_within(self, seconds: float) -> bool:
        return bool((await asyncio.wait([self.exited], timeout=seconds))[0])

    async def _bury(self) -> None:
        await asyncio.to_thread(guardian.kill, self._mark, [])
        await asyncio.wait([self.exited])
        self._buried = True
        self._transport.close()
        _tell_guardian("-", self.pid)

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):  # macOS: a group of which only zombies are left
            os.killpg(self.pid, number)

    def _on_error_line(self, line: bytes) -> None:
        if text := line.decode("utf-8", "replace").rstrip():
            self.last_lines.append(text)
            self.log(logging.INFO, text)

    def log(self, level: int, text: str) -> None:
        """Log what it has said, but not a flood of it."""
        second = int(time.monotonic())
        if second != self._second:
            if self._unlogged:
                log.warning("more lines than are logged", extra={"child": self.pid, "lines": self._unlogged})
            self._second, self._logged, self._unlogged = second, 0, 0
        if self._logged < MOST_LINES_A_SECOND:
            self._logged += 1
            log.log(level, "%s", text, extra={"child": self.pid})
        else:
            self._unlogged += 1


class Lines:
    """Cuts bytes into lines, and lines off after `most` bytes."""

    def __init__(self, most: int, on_line: Callable[[bytes], None]) -> None:
        self._most, self._on_line = most, on_line
        self._begun = bytearray()

    def feed(self, data: bytes) -> None:
        """Take more bytes."""
        *lines, rest = data.split(b"\n")
        for line in lines:
            if self._begun:
                self._begin(line)
                line = bytes(self._begun)
                self._begun.clear()
            self._on_line(line[: self._most])
        self._begin(rest)

    def _begin(self, part: bytes) -> None:
        self._begun += part[: self._most - len(self._begun)]


def _tell_guardian(sign: str, pid: int) -> None:
    global _guardian
    if _guardian is None or _guardian.poll() is not None:
        _guardian = subprocess.Popen(
            [sys.executable, "-I", "-S", guardian.__file__, _ADAPTER],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C in the terminal is not for it
            env={},
            text=True,
        )
    with suppress(OSError):
        print(f"{sign}{pid}", file=_guardian.stdin, flush=True)
