"""Connections that keep the server waiting, or that send what is no request."""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from serving.web.gathering import GatheringTransport

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application

HEADER_SECONDS: Final = 10
"""How long a client may take to send a request's headers."""
WRITE_SECONDS: Final = 30
"""How long a client may take to read what has been sent, before any more of it is."""
MOST_CONNECTIONS: Final = 4096
"""How many connections are kept open, where descriptors allow as many; another one is reset."""
SPARE_DESCRIPTORS: Final = 100
"""What tools, logs and clients of our own may need besides."""
MOST_HEADER_BYTES: Final = 64 * 1024
"""How long the address and the headers of a request may be."""
MOST_AHEAD: Final = 16
"""How many requests a client may send ahead of an answer (pipelining)."""
MOST_AHEAD_BYTES: Final = 128 * 1024
"""How much a client may send ahead, after the first piece."""

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


class RefusedError(Exception):
    """A request is none that HTTP allows, or that we take: its status, and why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class ImpatientProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1, which by itself waits for ever: for the rest of a request, and for who does not read.

    It also goes on reading while a call runs: uvicorn stops at a next request, and then does not notice that the
    client has hung up. And it refuses what uvicorn's parser lets pass: headers without end, a request for more than
    one host or for none (RFC 9112, 3.2), a body in a coding that nobody here undoes (6.1).
    """

    _waiting: asyncio.TimerHandle | None = None
    _writing: asyncio.TimerHandle | None = None
    _answered: RequestResponseCycle | None = None
    _refused: RefusedError | None = None
    _in_head = False
    _head_bytes = 0
    _ahead_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request, if there is room for another connection."""
        super().connection_made(GatheringTransport(transport, self.loop))  # type: ignore[arg-type]
        if len(self.connections) > _most:
            transport.abort()
        else:
            self._wait()

    def data_received(self, data: bytes) -> None:
        """Stop waiting when a request is there, or at least its headers; go on when they are not."""
        in_head, ahead = self._in_head, bool(self.pipeline)
        super().data_received(data)
        self._head_bytes = self._head_bytes + len(data) if in_head and self._in_head else 0
        self._ahead_bytes = self._ahead_bytes + len(data) if ahead and self.pipeline else 0
        if self._head_bytes > MOST_HEADER_BYTES:
            self._refused = _too_long(self._head_bytes)
            self.send_400_response("")
        elif self._ahead_bytes > MOST_AHEAD_BYTES:
            self.transport.abort()
        elif self.pipeline:
            self.flow.resume_reading()
        if self._is_answering():
            self._stop_waiting()
        elif self._waiting is None:
            self._wait()

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._in_head = True

    def on_headers_complete(self) -> None:
        """Take a request, unless it is none."""
        self._in_head = False
        self._refused = self._fault()
        if self._refused:
            raise self._refused  # the parser stops at this, and uvicorn has it answered
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Say why this is refused, and hang up; say nothing in the middle of another answer."""
        in_its_body = self._is_answering() and self.cycle.more_body and not self.cycle.response_started
        if self._is_answering() and (self.pipeline or not in_its_body):
            self.transport.abort()
            return
        status, why = (self._refused.status, str(self._refused)) if self._refused else (400, msg)
        headers = [
            *self.server_state.default_headers,
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(why)),
            (b"connection", b"close"),
        ]
        head = b"".join(b"%s: %s\r\n" % header for header in headers)
        self.transport.write(b"%s%s\r\n%s" % (STATUS_LINE[status], head, why.encode()))
        self.transport.close()

    def pause_writing(self) -> None:
        """Begin to wait for the client to read."""
        super().pause_writing()
        self._writing = self.loop.call_later(WRITE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop waiting: it has."""
        super().resume_writing()
        self._stop_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting for anything, and tell the request that is being answered: uvicorn tells the newest."""
        self._stop_waiting()
        self._stop_writing()
        if self._answered and not self._answered.response_complete:
            self._answered.disconnected = True
            self._answered.message_event.set()
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: "ASGI3Application") -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def _fault(self) -> RefusedError | None:
        hosts = sum(name == b"host" for name, _ in self.headers)
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > MOST_HEADER_BYTES:
            return _too_long(size)
        if hosts != 1 and not (hosts == 0 and self.parser.get_http_version() == "1.0"):
            return RefusedError(400, f"expected one Host header, got {hosts}")
        if any(name == b"transfer-encoding" and value.lower() != b"chunked" for name, value in self.headers):
            return RefusedError(501, "expected no Transfer-Encoding but chunked")
        if len(self.pipeline) >= MOST_AHEAD:
            return RefusedError(400, f"expected at most {MOST_AHEAD} requests ahead of an answer")
        return None

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

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


def _too_long(size: int) -> RefusedError:
    return RefusedError(431, f"headers of {size} bytes: expected at most {MOST_HEADER_BYTES}")
