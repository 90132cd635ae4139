"""What a client gets that has made a plain call: notes while it runs, signs of life, the response."""

import asyncio
from typing import Final

from starlette.types import Receive, Send

PATIENT_SECONDS: Final = 0.25
"""Calls that are over sooner are not worth watching whether their client hangs up."""
PING_SECONDS: Final = 15.0
"""A client that waits for so long gets a sign of life, or proxies would give the connection up."""
_STREAM: Final = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]


class Reply:
    """The answer to one request: JSON, or a stream as soon as there is something to say before the end.

    Use it as a context manager around the call: whoever waits for longer than `PATIENT_SECONDS` is watched. A client
    that hangs up is noticed by `WatchHangUp`, which makes that the end of the call.
    """

    def __init__(self, receive: Receive, send: Send, *, stream: bool) -> None:
        self._receive, self._send, self._stream = receive, send, stream
        self._begun = self._ended = False
        self._sending: asyncio.Lock | None = None
        self._watching: list[asyncio.Task[None]] = []

    def __enter__(self) -> "Reply":
        self._timer = asyncio.get_running_loop().call_later(PATIENT_SECONDS, self._watch)
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        for task in self._watching:
            task.cancel()

    async def note(self, message: bytes) -> None:
        """Send a notification (JSON), unless the answer is to be plain JSON."""
        if self._stream:
            await self._event(message)

    async def end(self, body: bytes, status: int = 200) -> None:
        """Send the response (JSON); the status counts where nothing has been sent before."""
        self._ended = True
        if self._begun:
            await self._event(body, last=True)
            return
        headers = [(b"content-length", str(len(body)).encode()), (b"content-type", b"application/json")]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    def _watch(self) -> None:
        self._watching.append(asyncio.ensure_future(_until_gone(self._receive)))
        if self._stream:
            self._watching.append(asyncio.ensure_future(self._ping()))

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(PING_SECONDS)
            await asyncio.shield(self._write(b": ping\r\n\r\n"))  # half of it would be no answer

    async def _event(self, message: bytes, *, last: bool = False) -> None:
        await self._write(b"event: message\r\ndata: " + message + b"\r\n\r\n", last=last)

    async def _write(self, data: bytes, *, last: bool = False) -> None:
        self._sending = self._sending or asyncio.Lock()
        async with self._sending:
            if self._ended and not last:
                return
            if not self._begun:
                await self._send({"type": "http.response.start", "status": 200, "headers": _STREAM})
                self._begun = True
            await self._send({"type": "http.response.body", "body": data, "more_body": not last})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
