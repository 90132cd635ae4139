"""MCP over standard input and output, where nothing but the protocol reaches the client and no answer is lost."""

import asyncio
import json
import logging
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any, Final, Self, cast

import anyio
from anyio import from_thread
from anyio.lowlevel import current_token
from fastmcp import FastMCP
from fastmcp.server.context import set_transport
from mcp.server.stdio import stdio_server
from mcp_types import JSONRPCNotification

from serving.calls.own_tools import find_own_tools_by_name
from serving.calls.results import encodable
from serving.messages import BadMessage, read_message
from serving.session_state import load_state_when_used
from serving.settings import Settings
from serving.stop import leave_within
from serving.tracing import export_traces

log: Final = logging.getLogger("serving.stdio")

ANSWER_SECONDS: Final = 2.0
"""How long calls may go on after the client has closed its end."""
LEAVE_SECONDS: Final = 1.0
"""How long a stop then waits for work that cannot be cancelled (a sync tool) before the process leaves anyway."""


def serve(create_server: Callable[[], FastMCP], settings: Settings) -> None:
    """Serve one client until its input ends or SIGINT or SIGTERM arrives."""
    if settings.auth != "none":
        log.warning("over stdio nobody is asked for a token: whoever starts the server may call every tool")
    wire = claim_wire()  # before the tools are imported: they may print
    mcp = create_server()
    load_state_when_used(mcp)
    find_own_tools_by_name(mcp)
    with export_traces(mcp.name, str(mcp.version), details=settings.log_level == "debug"):
        anyio.run(_serve, mcp, wire)


def claim_wire() -> tuple[int, int]:
    """Move the protocol to two private descriptors and return them, input first.

    From then on descriptor 0 is empty and 1 is stderr, so that a `print`, a library that writes to
    descriptor 1 and a child process that inherits it cannot corrupt the stream. The SDK does this only while
    it serves; the imports and lifespans before that write too.
    """
    wire = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout.flush()
    sys.stdout = sys.stderr
    return wire


async def _serve(mcp: FastMCP, wire: tuple[int, int]) -> None:
    set_transport("stdio")  # FastMCP trusts the local client with components that need a scope
    with anyio.CancelScope() as serving:
        _on_stop_signals(serving.cancel)
        conversation = cast("Any", Conversation(wire, serving.cancel))
        async with stdio_server(conversation, conversation) as (messages, answers):
            server = mcp._mcp_server  # FastMCP's own run_stdio would take descriptors 0 and 1
            await server.run(messages, cast("Any", Mend(answers)), server.create_initialization_options())


class Mend:
    """The stream of what the server says, without text that cannot be encoded: the SDK would end the server over it.

    Answers are mended where they are made; what is left are notifications, a tool's log lines for one.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def send(self, item: Any) -> None:
        """Pass a message on."""
        if isinstance(item.message, JSONRPCNotification):
            item.message = encodable(item.message)
        await self._stream.send(item)

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._stream.__aexit__(*error)

    async def aclose(self) -> None:
        """Close the stream."""
        await self._stream.aclose()


class Conversation:
    """What the client writes, as an async iterator of lines, and a file of what it gets.

    The SDK drops calls in flight as soon as the input ends, answers that are ready included. So the end is
    held back until every request has its answer, for at most `ANSWER_SECONDS`.
    """

    def __init__(self, wire: tuple[int, int], stop: Callable[[], Any]) -> None:
        self._stop = stop
        self._send, self._lines = anyio.create_memory_object_stream[str]()
        self._output = anyio.wrap_file(os.fdopen(wire[1], "w", encoding="utf-8", newline="\n"))
        self._unanswered: Counter[str] = Counter()
        self._answered = anyio.Event()
        self._writing = anyio.Lock()
        threading.Thread(target=self._read, args=(wire[0], current_token()), daemon=True).start()

    def _read(self, descriptor: int, token: Any) -> None:
        # Not an anyio file: the process would wait for its thread, and that for a line that may never come.
        try:
            with open(descriptor, encoding="utf-8", errors="replace", newline="\n", closefd=False) as lines:
                for line in lines:
                    from_thread.run(self._send.send, line, token=token)
            from_thread.run_sync(self._send.close, token=token)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.RunFinishedError, CancelledError):
            pass  # the server stopped first

    async def __aiter__(self) -> Any:
        async for line in self._lines:
            if not line.strip():
                continue
            try:
                message = read_message(line.encode())
            except BadMessage as error:
                await self.write(json.dumps(error.answer) + "\n")
                continue
            if isinstance(message, dict) and "method" in message and "id" in message:
                self._unanswered[json.dumps(message["id"])] += 1
            yield line
        with anyio.move_on_after(ANSWER_SECONDS):
            while self._unanswered:
                self._answered = anyio.Event()
                await self._answered.wait()
        leave_within(LEAVE_SECONDS)

    async def write(self, line: str) -> None:
        """Send one message to the client."""
        try:
            async with self._writing:
                await self._output.write(line)
                await self._output.flush()
        except BrokenPipeError:
            log.warning("the client is gone without having closed its end")
            leave_within(LEAVE_SECONDS)
            self._stop()
        answered = _id(line, "result") or _id(line, "error") or ""
        self._unanswered[answered] -= 1
        if self._unanswered[answered] <= 0:
            del self._unanswered[answered]
        self._answered.set()

    async def flush(self) -> None:
        """Do nothing: `write` has done it."""


def _id(line: str, beside: str) -> str | None:
    """Return the `id` of a JSON-RPC message that has the key `beside`, too."""
    if f'"{beside}"' not in line:
        return None
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return json.dumps(message["id"]) if isinstance(message, dict) and beside in message and "id" in message else None


def _on_stop_signals(stop: Callable[[], Any]) -> None:
    loop = asyncio.get_running_loop()

    def handle(*_: object) -> None:
        leave_within(LEAVE_SECONDS)
        loop.call_soon_threadsafe(stop)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)
