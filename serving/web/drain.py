"""A stop loses no call: unready first, still serving; then no new connections, what runs finishes, streams end.

It is the app that does it, so that it holds under any server. uvicorn alone waits for requests, not for the work that
sse does after its request was answered; and sse-starlette, which carries the streams, cuts them as soon as uvicorn
has been told to stop, running calls included.
"""

import asyncio
import logging
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

import anyio
from sse_starlette.sse import AppStatus
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.answers import refusal
from serving.calls.limits import Limits
from serving.settings import Settings
from serving.stop import CLEANUP_SECONDS, leave, leave_within
from serving.web.admission import LASTS
from serving.web.bodies import BODY_SECONDS
from serving.web.probes import Readiness

log: Final = logging.getLogger("serving.web.drain")

MAX_STREAMS: Final = 1000
"""How many streams may be open that last until the client goes: sessions of sse, and whoever listens."""
POLL_SECONDS: Final = 0.05
UPLOAD_SECONDS: Final = 1
"""A body that began to arrive so long ago is not waited for."""
QUIET_SECONDS: Final = 0.2
"""A stream on which nothing was sent for so long has nothing more to say once no call runs."""


class Drain:
    """The stop of one app, from the signal to the end of its last stream."""

    def __init__(self, settings: Settings, readiness: Readiness, limits: Limits) -> None:
        self.delay = settings.drain_delay
        self.seconds = settings.drain_seconds
        self.readiness = readiness
        self.limits = limits
        self.streams: set[Stream] = set()
        self.uploads: set[anyio.CancelScope] = set()

    @property
    def begun(self) -> bool:
        """Whether the server has been told to stop."""
        return self.readiness.reason == "draining"

    @asynccontextmanager
    async def on_signals(self) -> AsyncIterator[None]:
        """Stand between SIGTERM or SIGINT and the handler of the server that runs us."""
        AppStatus.disable_automatic_graceful_drain()  # type: ignore[no-untyped-call]
        if threading.current_thread() is not threading.main_thread():
            yield  # in somebody's test, or embedded: signals are not ours
            return
        loop = asyncio.get_running_loop()
        before: dict[int, Any] = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        stops: list[asyncio.Task[None]] = []

        def handle(number: int, frame: Any) -> None:
            if self.begun:
                leave()
            self.readiness.reason = "draining"
            # Right here, and not in the loop: a tool may hold that back.
            leave_within(self.delay + self.seconds + 2 * CLEANUP_SECONDS)
            stop_serving = partial(before[number], number, frame)
            loop.call_soon_threadsafe(lambda: stops.append(loop.create_task(self._run(stop_serving))))

        hooked = [number for number, handler in before.items() if callable(handler)]
        for number in hooked:
            signal.signal(number, handle)
        try:
            yield
        finally:
            for number in hooked:
                signal.signal(number, before[number])

    async def _run(self, stop_serving: Callable[[], Any]) -> None:
        log.info("stopping", extra={"calls": len(self.limits.awaited), "streams": len(self.streams)})
        await anyio.sleep(self.delay)
        stop_serving()
        with anyio.move_on_after(self.seconds):
            while self.limits.awaited or self._arriving() or not self._ended_quiet_streams():  # noqa: ASYNC110
                await anyio.sleep(POLL_SECONDS)
        if cut := len(self.limits.awaited):
            log.warning("calls are cut after MCP_DRAIN_SECONDS", extra={"calls": cut})
            self.limits.stop()
        for upload in self.uploads:
            upload.cancel()
        while not self._ended_quiet_streams():  # noqa: ASYNC110
            await anyio.sleep(POLL_SECONDS)

    def _arriving(self) -> bool:
        """Tell whether a request is just being read; one that takes its time is not waited for."""
        late = anyio.current_time() + BODY_SECONDS - UPLOAD_SECONDS
        return any(upload.deadline > late for upload in self.uploads)

    def _ended_quiet_streams(self) -> bool:
        for stream in self.streams:
            if time.monotonic() - stream.last_sent > QUIET_SECONDS:
                stream.over.set()
        return not self.streams


class Stream:
    """An answer that lasts until its client goes, or until we end it."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self.over = anyio.Event()
        self.last_sent = time.monotonic()
        self._receive, self._send = receive, send
        self._begun = self._open = False

    async def receive(self) -> Message:
        """Take the next message, which is that the client has gone when the stream is over."""
        message: Message = {"type": "http.disconnect"}
        async with anyio.create_task_group() as first:

            async def end() -> None:
                await self.over.wait()
                first.cancel_scope.cancel()

            first.start_soon(end)
            message = await self._receive()
            first.cancel_scope.cancel()
        return message

    async def send(self, message: Message) -> None:
        """Pass a message on; once the stream is over, nothing but its proper end.

        The writer was merely cancelled then, and the SDK answers an sse request a second time.
        """
        if not (self.over.is_set() and self._begun):
            self._begun = True
            self.last_sent = time.monotonic()
            self._open = message["type"] == "http.response.start" or message.get("more_body", False)
            await self._send(message)

    async def finish(self) -> None:
        """End the answer, if it has not ended."""
        if self._open:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})


class DrainRequests:
    """ASGI middleware: keep account of lasting streams, and send clients elsewhere once the stop has begun."""

    def __init__(self, app: ASGIApp, drain: Drain) -> None:
        self.app = app
        self.drain = drain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; one stream too many is refused (503)."""
        if scope["type"] == "http" and self.drain.begun:
            send = _closing(send)
        if not scope.get(LASTS):
            await self.app(scope, receive, send)
            return
        streams = self.drain.streams
        if len(streams) >= MAX_STREAMS:
            await refusal(503, "busy", f"{MAX_STREAMS} streams are open, as many as may")(scope, receive, send)
            return
        stream = Stream(receive, send)
        streams.add(stream)
        try:
            await self.app(scope, stream.receive, stream.send)
        finally:
            streams.discard(stream)
        await stream.finish()


def _closing(send: Send) -> Send:
    async def closing(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)["Connection"] = "close"
        await send(message)

    return closing
