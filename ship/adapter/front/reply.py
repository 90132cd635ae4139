"""What a client gets that has made a call on its short way: notes while it runs, signs of life, the response."""

import asyncio
from typing import Any, Final

from pydantic_core import to_json
from starlette.types import Receive, Send

from ship.adapter.children.wire import Json
from ship.adapter.front.caller import LEVELS

PING_SECONDS: Final = 15.0
"""A client that waits for so long gets a sign of life, or proxies would give the connection up."""
_STREAM: Final = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]


class Reply:
    """The answer to one request: JSON, or a stream as soon as there is something to say before the end."""

    def __init__(self, send: Send, token: Any, least: Any, *, stream: bool) -> None:
        self._send, self._token, self._stream = send, token, stream
        self._levels = LEVELS[LEVELS.index(least) :] if least in LEVELS else ()
        self._begun = self._ended = False
        self._sending = asyncio.Lock()
        self._watching: list[asyncio.Task[None]] = []

    async def note(self, note: Json) -> None:
        """Pass on a note, if the client wants such."""
        params = note.get("params") or {}
        if note["method"] == "notifications/progress":
            if self._token is None:
                return
            note = {**note, "params": {**params, "progressToken": self._token}}
        elif params.get("level") not in self._levels:
            return
        if self._stream:
            await self._event(to_json(note, inf_nan_mode="null"))

    async def end(self, body: bytes) -> None:
        """Send the response (JSON)."""
        self._ended = True
        if self._begun:
            await self._event(body, last=True)
            return
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    def watch(self, receive: Receive) -> None:
        """Notice when the client hangs up, which `WatchHangUp` makes the end of the call; and give signs of life."""
        self._watching.append(asyncio.ensure_future(_until_gone(receive)))
        if self._stream:
            self._watching.append(asyncio.ensure_future(self._ping()))

    def unwatch(self) -> None:
        """Stop."""
        for task in self._watching:
            task.cancel()

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(PING_SECONDS)
            await asyncio.shield(self._write(b": ping\r\n\r\n"))  # half of it would be no answer

    async def _event(self, message: bytes, *, last: bool = False) -> None:
        await self._write(b"event: message\r\ndata: " + message + b"\r\n\r\n", last=last)

    async def _write(self, data: bytes, *, last: bool = False) -> None:
        async with self._sending:
            if self._ended and not last:
                return
            if not self._begun:
                self._begun = True
                await self._send({"type": "http.response.start", "status": 200, "headers": _STREAM})
            await self._send({"type": "http.response.body", "body": data, "more_body": not last})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
