"""What is written in one turn of the event loop goes out at once: uvicorn writes the head of an answer and its body."""

import asyncio
from typing import Any, Final

MOST_GATHERED: Final = 64 * 1024
"""Bytes; more is written without waiting for the end of the turn, so that the transport can say when to pause."""


class GatheringTransport:
    """A transport that is told several small things and sends one: one system call, one packet, one reader woken."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._gathered = bytearray()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send this, at the latest when the loop turns."""
        if not self._gathered:
            self._loop.call_soon(self.flush)
        self._gathered += data
        if len(self._gathered) > MOST_GATHERED:
            self.flush()

    def close(self) -> None:
        """Hang up after what has been written."""
        self.flush()
        self._transport.close()

    def flush(self) -> None:
        """Send what has been gathered, unless nobody can read it any more."""
        gathered, self._gathered = self._gathered, bytearray()
        if gathered and not self._transport.is_closing():
            self._transport.write(gathered)
