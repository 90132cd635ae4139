"""Connections that keep the server waiting: for a request, for an answer to be read, for room."""

import asyncio
from contextlib import suppress
from typing import Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from serving.web.gathering import GatheringTransport

HEADER_SECONDS: Final = 10
"""How long a client may take to send a request's headers."""
WRITE_SECONDS: Final = 30
"""How long a client may take to read what has been sent, before any more of it is, or the connection is closed."""
MOST_CONNECTIONS: Final = 4096
"""How many connections are kept open, where descriptors allow as many; another one is reset."""
SPARE_DESCRIPTORS: Final = 100
"""What tools, logs and clients of our own may need besides."""
MOST_AHEAD: Final = 128 * 1024
"""How many bytes a client may send ahead of its answer (pipelining)."""

_most = MOST_CONNECTIONS


def allow_connections() -> None:
    """Raise the limit on descriptors as far as it goes, and stay below it.

    Where they run out, asyncio tries to accept again and again, and nothing else gets through, probes included.
    """
    global _most
    with suppress(ImportError):  # on Windows there is no such limit
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        if hard != resource.RLIM_INFINITY:
            _most = max(1, min(MOST_CONNECTIONS, hard - SPARE_DESCRIPTORS))


class ImpatientProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, which by itself waits for ever: for the rest of a request, and for who does not read.

    It also goes on reading while a call runs: uvicorn stops at the first byte of a next request, and then does not
    notice that the client has hung up.

    It is h11 that parses, and not httptools, which takes a tenth off a call: behind that, uvicorn takes trailers for
    headers, and the body of a request with an `Upgrade` header for the next request.
    """

    _waiting: asyncio.TimerHandle | None = None
    _writing: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request, if there is room for another connection."""
        transport.set_write_buffer_limits(0)  # whatever a client leaves unread has a time, also behind a close
        self._gathering = GatheringTransport(transport, self.loop)
        super().connection_made(self._gathering)  # type: ignore[arg-type]
        if len(self.connections) > _most:
            transport.abort()
        else:
            self._wait()

    def data_received(self, data: bytes) -> None:
        """Stop waiting when a request is there, whole; go on when it is not."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()
            ahead = len(self.conn.trailing_data[0]) if self.conn.their_state is h11.DONE else 0
            if ahead > MOST_AHEAD:
                self.transport.abort()
            elif ahead:
                self.flow.resume_reading()
        elif self._waiting is None:
            self._wait()

    def eof_received(self) -> None:
        """Send what has been written: the transport closes itself now."""
        self._gathering.flush()

    def pause_writing(self) -> None:
        """Begin to wait for the client to read."""
        super().pause_writing()
        self._writing = self.loop.call_later(WRITE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop waiting: it has."""
        super().resume_writing()
        self._stop_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting for anything."""
        self._stop_waiting()
        self._stop_writing()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._waiting = self.loop.call_later(HEADER_SECONDS, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._waiting:
            self._waiting.cancel()
            self._waiting = None

    def _stop_writing(self) -> None:
        if self._writing:
            self._writing.cancel()
            self._writing = None
