"""A client of streamable HTTP by hand: one connection that is kept, one request at a time."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Final, cast
from urllib.parse import SplitResult, urlsplit

from ship.adapter.bench.messages import CALL, FIRST_ID, HANDSHAKE, HELLO, MODERN, call_template, encode

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_SESSION: Final = re.compile(r"\r\nmcp-session-id: *(\S+)", re.IGNORECASE)
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


@asynccontextmanager
async def opened(url: str, protocol: str, *, greets: bool) -> AsyncIterator[Callable[[], Awaitable[bytes]]]:
    """Yield what calls the tool once; before it, greet and list the tools as clients do; end the session after it.

    Raises:
        OSError: nobody listens, or a greeting is answered with an error.
    """
    where, headers = urlsplit(url), {"mcp-protocol-version": protocol}
    if greets:
        headers |= await _greet(where, protocol)
    call = _request(where, {**headers, **_routing(protocol, "tools/call")}, call_template(protocol))
    connection = await Connection.to(where)  # a new one: while the others greeted, the first could be idle too long
    numbers = count(FIRST_ID)
    try:
        yield lambda: connection.ask(call % next(numbers))
    finally:
        connection.close()
        if "mcp-session-id" in headers:
            await _ask_once(where, _request(where, headers, b"", "DELETE"))


async def _greet(where: SplitResult, protocol: str) -> dict[str, str]:
    """Return the headers that later requests have on account of it."""
    headers = {}
    if protocol == HANDSHAKE:
        answer = await _ask_once(where, _request(where, {}, encode("initialize", HELLO, protocol, 1)))
        if session := _SESSION.search(answer.decode("latin-1")):
            headers["mcp-session-id"] = session[1]
        after = {**headers, "mcp-protocol-version": protocol}
        await _ask_once(where, _request(where, after, encode("notifications/initialized", {}, protocol)))
    listing = {**headers, "mcp-protocol-version": protocol, **_routing(protocol, "tools/list")}
    await _ask_once(where, _request(where, listing, encode("tools/list", {}, protocol, 2)))
    return headers


def _routing(protocol: str, method: str) -> dict[str, str]:
    if protocol != MODERN:
        return {}
    return {"mcp-method": method} | ({"mcp-name": str(CALL["name"])} if method == "tools/call" else {})


async def _ask_once(where: SplitResult, request: bytes) -> bytes:
    connection = await Connection.to(where)
    try:
        answer = await connection.ask(request)
    finally:
        connection.close()
    if not re.match(rb"HTTP/1.1 20\d", answer):
        raise ConnectionError(answer[:500].decode("latin-1"))
    return answer


def _request(where: SplitResult, headers: dict[str, str], body: bytes, method: str = "POST") -> bytes:
    """Build a request; a `%d` in the body stands for an id."""
    lines = [
        f"{method} {where.path} HTTP/1.1",
        f"Host: {where.netloc}",
        "Content-Type: application/json",
        "Accept: application/json, text/event-stream",
        *(f"{name}: {value}" for name, value in headers.items()),
        f"Content-Length: {len(body.replace(b'%d', b'%d' % FIRST_ID))}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body
