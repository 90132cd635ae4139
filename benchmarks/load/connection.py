"""A connection of HTTP/1.1 by hand, which does as little as it can for an answer."""

import asyncio
import re
from typing import Final, cast
from urllib.parse import SplitResult

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_LAST_CHUNK: Final = b"\r\n0\r\n\r\n"


class Connection(asyncio.Protocol):
    """One connection, which gives whole answers back: head and body, chunks and events as they come."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._needed: int | None = None
        self._answer: asyncio.Future[bytes] | None = None

    @classmethod
    async def to(cls, where: SplitResult) -> "Connection":
        """Open one; raises OSError when nobody listens."""
        return (await asyncio.get_running_loop().create_connection(cls, where.hostname or "", where.port or 80))[1]

    def ask(self, request: bytes) -> asyncio.Future[bytes]:
        """Send a request; the answer is a ConnectionError when the server hangs up instead."""
        self._received.clear()
        self._needed = None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def close(self) -> None:
        """Hang up."""
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits."""
        if self._answer and not self._answer.done():
            self._answer.set_exception(ConnectionResetError("the server has hung up"))

    def data_received(self, data: bytes) -> None:
        """Take a part of the answer."""
        self._received += data
        if self._answer and not self._answer.done() and self._is_whole():
            self._answer.set_result(bytes(self._received))

    def _is_whole(self) -> bool:
        if self._needed is None:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return False
            length = _LENGTH.search(self._received, 0, end)
            chunked = b"chunked" in self._received[:end].lower()
            self._needed = 0 if chunked else end + 4 + int(length[1] if length else 0)
        return len(self._received) >= self._needed if self._needed else self._received.endswith(_LAST_CHUNK)
