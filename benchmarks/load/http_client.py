"""A client of streamable HTTP by hand: one connection that is kept, one request at a time."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Final
from urllib.parse import SplitResult, urlsplit

from benchmarks.load.connection import Connection
from benchmarks.load.messages import FIRST_ID, HANDSHAKE, HELLO, MODERN, Question, encode

_SESSION: Final = re.compile(r"\r\nmcp-session-id: *(\S+)", re.IGNORECASE)
ANSWER_SECONDS: Final = 60
"""How long an answer may take to what is asked once."""


@asynccontextmanager
async def opened(
    url: str, protocol: str, question: Question, *, greets: bool
) -> AsyncIterator[Callable[[], Awaitable[bytes]]]:
    """Yield what asks once; before it, greet and list the tools as clients do; end the session after it.

    Raises:
        OSError: nobody listens, or a greeting is answered with an error.
    """
    where, headers = urlsplit(url), {"mcp-protocol-version": protocol}
    if greets:
        headers |= await greet(url, protocol)
    template = request_template(url, protocol, question, headers)
    connection = await Connection.to(where)  # a new one: while the others greeted, the first could be idle too long
    numbers = count(FIRST_ID)
    try:
        yield lambda: connection.ask(template % next(numbers))
    finally:
        connection.close()
        if "mcp-session-id" in headers:
            await ask_once(url, _request(where, headers, b"", "DELETE"))


async def greet(url: str, protocol: str) -> dict[str, str]:
    """Say hello and list the tools; return the headers that later requests have on account of it.

    Raises:
        OSError: nobody listens, or something is answered with an error.
    """
    where, headers = urlsplit(url), {}
    if protocol == HANDSHAKE:
        headers = await hello(url)
        after = {**headers, "mcp-protocol-version": protocol}
        await ask_once(url, _request(where, after, encode("notifications/initialized", {}, protocol)))
    listing = {**headers, "mcp-protocol-version": protocol, **_routing(protocol, "tools/list")}
    await ask_once(url, _request(where, listing, encode("tools/list", {}, protocol, 2)))
    return headers


async def hello(url: str) -> dict[str, str]:
    """Shake hands; return the header that names the session, if there is one."""
    answer = await ask_once(url, _request(urlsplit(url), {}, encode("initialize", HELLO, HANDSHAKE, 1)))
    session = _SESSION.search(answer.decode("latin-1"))
    return {"mcp-session-id": session[1]} if session else {}


async def ask_once(url: str, request: bytes = b"") -> bytes:
    """Send a request, or else GET the URL, through a connection of its own; return the answer.

    Raises:
        OSError: nobody listens, the answer is an error, or there is none in time.
    """
    where = urlsplit(url)
    connection = await Connection.to(where)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            answer = await connection.ask(request or _request(where, {}, b"", "GET"))
    finally:
        connection.close()
    if not re.match(rb"HTTP/1.1 20\d", answer):
        raise ConnectionError(answer[:500].decode("latin-1"))
    return answer


def request_template(url: str, protocol: str, question: Question, headers: dict[str, str]) -> bytes:
    """Return the question as a request, with `%d` where its id is."""
    routing = _routing(protocol, question.method, question.params.get("name", ""))
    headers = {**headers, "mcp-protocol-version": protocol, **routing}
    return _request(urlsplit(url), headers, question.template(protocol))


def _routing(protocol: str, method: str, name: str = "") -> dict[str, str]:
    if protocol != MODERN:
        return {}
    return {"mcp-method": method} | ({"mcp-name": name} if name else {})


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
