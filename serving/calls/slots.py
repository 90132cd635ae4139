"""Each call runs in a slot, for no longer than it may."""

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Any, Final

import anyio
from anyio.to_thread import current_default_thread_limiter
from fastmcp.server.dependencies import get_http_request
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR

from serving.calls.hooks import Call, CallMiddleware, Next
from serving.calls.known_tools import KnownTools
from serving.calls.limits import CallTimeoutError, LimitError, Limits, Slot, StoppedError
from serving.settings import Settings

SLOT: Final = "serving.slot"
"""Where an HTTP request's scope keeps the slot that it was admitted with."""
SPARE_THREADS: Final = 16
"""Sync tools run in anyio's threads, one for each slot; answers over stdio need some, too."""
inside_call: Final[ContextVar[bool]] = ContextVar("inside a call", default=False)
"""Whether a call is one that another call makes."""


class LimitCalls(CallMiddleware):
    """Give each call a slot and a time limit, and answer when that is over, whatever the tool does then.

    Over HTTP, `serving.web.admission` has given it the slot before. Async work is cancelled. A sync tool's thread
    cannot be: it keeps its slot until it ends. A tool's own `timeout=` takes the place of `call_seconds`. What a tool
    calls itself belongs to its own call.
    """

    def __init__(self, settings: Settings, tools: KnownTools, *, count: bool) -> None:
        self.limits = Limits(settings, _gauge() if count else None)
        self.seconds = settings.call_seconds
        self._tools = tools

    async def limit(self, context: Call, call_next: Next) -> Any:
        """Run the call.

        Raises:
            LimitError: there is no slot, or the time is over.
        """
        if inside_call.get():
            return await call_next(context)
        current_default_thread_limiter().total_tokens = self.limits.most + SPARE_THREADS
        return await self._run(self._slot(), context, call_next)

    on_call_tool = on_read_resource = on_get_prompt = limit

    async def on_complete(self, context: Call, call_next: Next) -> Any:
        """Run a completion, whose errors FastMCP does not translate.

        Raises:
            MCPError: there is no slot, or the time is over.
        """
        try:
            return await self.limit(context, call_next)
        except LimitError as error:
            raise MCPError(INTERNAL_ERROR, str(error)) from None

    def _slot(self) -> Slot:
        try:
            scope = get_http_request().scope
        except RuntimeError:  # over stdio, or in the same process
            return self.limits.admit()
        admitted: Slot | None = scope.get(SLOT)
        if admitted is None or admitted.taken:
            return self.limits.admit(scope)
        return admitted

    async def _run(self, slot: Slot, context: Call, call_next: Next) -> Any:
        slot.taken = True
        work = anyio.CancelScope()
        loop = asyncio.get_running_loop()
        over: asyncio.Future[str] = loop.create_future()
        slot.cancel = partial(_settle, over, "stopped")

        async def call() -> Any:
            inside_call.set(True)
            with work:
                return await call_next(context)

        def end(task: asyncio.Task[Any]) -> None:
            slot.release()
            _settle(over, "done")
            if not task.cancelled():
                task.exception()  # nobody may be left to read it

        # A task of its own, because nothing else can be left behind with a thread that does not end.
        task = loop.create_task(call())
        task.add_done_callback(end)
        timer: asyncio.TimerHandle | None = None
        try:
            seconds = await self._seconds(context)
            timer = loop.call_later(seconds, _settle, over, "late")
            await over
        except BaseException:  # cancelled, in most cases
            work.cancel()
            raise
        finally:
            slot.answered = True
            if timer:
                timer.cancel()
        if task.done():
            return task.result()
        work.cancel()
        if over.result() == "stopped":
            raise StoppedError(f"{_name(context)} was given up, because the server stops: try again")
        raise CallTimeoutError(f"{_name(context)} took longer than {seconds:g} s and was given up")

    async def _seconds(self, context: Call) -> float:
        known = await self._tools.find(context) if context.method == "tools/call" else None
        return (known and known.seconds) or self.seconds


def _gauge() -> Callable[[int], Any]:
    from serving.metrics import calls_in_progress

    return calls_in_progress.inc


def _settle(future: asyncio.Future[str], why: str) -> None:
    if not future.done():
        future.set_result(why)


def _name(context: Call) -> str:
    return getattr(context.message, "name", None) or context.method or "the call"
