"""Clients that take their time, are too many, or send what is no request or has no end, over real sockets."""

import asyncio
import re
import socket
from contextlib import asynccontextmanager, suppress

import anyio
import anyio.lowlevel
import httpx2
import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from uvicorn.server import ServerState

from serving.web import connections as ours
from tests.support import post, serving


@pytest.mark.parametrize("sent", [b"", b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: "])
async def test_a_connection_on_which_no_request_arrives_is_closed(sent, monkeypatch):
    monkeypatch.setattr(ours, "HEADER_SECONDS", 0.05)
    async with connection_to_us() as (reader, writer, _):
        writer.write(sent)
        assert await reader.read() == b""


async def test_headers_that_trickle_in_after_an_answer_are_not_waited_for_either(monkeypatch):
    monkeypatch.setattr(ours, "HEADER_SECONDS", 0.3)
    async with connection_to_us() as (reader, writer, _):
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        await reader.readexactly(2)
        writer.write(b"GET / HTTP")
        assert await reader.read() == b""


async def test_an_answer_may_take_longer_than_headers_may(monkeypatch):
    monkeypatch.setattr(ours, "HEADER_SECONDS", 0.05)
    async with connection_to_us(answer_after=0.2) as (reader, writer, _):
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).endswith(b"ok")


@asynccontextmanager
async def connection_to_us(answer_after=0.0, answer=lambda scope: "ok"):
    """Connect to an app under our protocol, in this process."""

    async def app(scope, receive, send):
        if answer_after:
            await anyio.sleep(answer_after)
        await PlainTextResponse(answer(scope))(scope, receive, send)

    config = uvicorn.Config(app, http=ours.ImpatientProtocol, lifespan="off", log_config=None)
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: ours.ImpatientProtocol(config, state, {}), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        try:
            yield reader, writer, state
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


async def test_a_client_that_does_not_read_its_answer_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(ours, "WRITE_SECONDS", 0.05)
    async with connection_to_us(answer=lambda scope: "x" * 50_000_000) as (_, writer, served):
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with anyio.fail_after(20):
            while not served.connections:
                await anyio.lowlevel.checkpoint()
            while served.connections:
                await anyio.lowlevel.checkpoint()


async def test_a_connection_that_is_closed_does_not_wait_for_its_last_words_to_be_read_either(monkeypatch):
    monkeypatch.setattr(ours, "WRITE_SECONDS", 0.05)
    async with connection_to_us(answer=lambda scope: "x" * 60_000) as (_, other, served):
        with anyio.fail_after(20), socket.socket() as client:
            while len(served.connections) != 1:
                await anyio.lowlevel.checkpoint()
            first = set(served.connections)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(other.get_extra_info("peername"))
            while served.connections == first:
                await anyio.lowlevel.checkpoint()
            (deaf,) = served.connections - first
            deaf.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            while served.connections != first:
                await anyio.lowlevel.checkpoint()


async def test_a_connection_too_many_is_closed_and_the_others_are_served(monkeypatch):
    monkeypatch.setattr(ours, "_most", 1)
    async with connection_to_us() as (reader, writer, _):
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readuntil(b"ok")
        other, its_writer = await asyncio.open_connection(*writer.get_extra_info("peername"))
        assert await other.read() == b""
        its_writer.close()
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readuntil(b"ok")


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
def test_a_hang_up_is_noticed_behind_the_next_request(mode):
    with serving() as server, httpx2.Client() as client:
        url = httpx2.URL(server.url)
        call = post(server.url, mode, "tools/call", {"name": "hang", "arguments": {"key": mode}})
        head = "".join(f"{name}: {value}\r\n" for name, value in call.headers.items())
        with socket.create_connection((url.host, url.port)) as connection:
            connection.sendall(f"POST /mcp HTTP/1.1\r\n{head}\r\n".encode() + call.content)
            seen = post(server.url, mode, "tools/call", {"name": "seen", "arguments": {"key": mode}})
            while "started" not in client.send(seen).text:
                pass
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        while "cancelled" not in client.send(seen).text:
            pass


HOST = b"Host: localhost\r\n"


@pytest.mark.parametrize(
    "request_line_and_headers",
    [
        b"GET / HTTP/1.1\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n",
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nContent-Length: 4\r\n",
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: +3\r\n",
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: xchunked\r\n",
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"X : x\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"X: a\0b\r\n",
        b"\x16\x03\x01\x02\x00\x01",
    ],
)
async def test_what_is_no_request_gets_400_and_reaches_nobody(request_line_and_headers):
    reached = []

    def answer(scope):
        reached.append(scope)
        return "ok"

    async with connection_to_us(answer=answer) as (reader, writer, _):
        writer.write(request_line_and_headers + b"\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
        assert not reached


@pytest.mark.parametrize(
    "endless",
    [
        b"GET / HTTP/1.1\r\n" + HOST + b"X: ",
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: ",
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n1;",
        b"GET / HTTP/1.1\r\n" + HOST + b"\r\nPOST / HTTP/1.1\r\nContent-Length: 900000000\r\n" + HOST + b"\r\n",
    ],
    ids=["a header", "a trailer", "a chunk's extension", "a request ahead of an answer"],
)
async def test_what_has_no_end_is_not_read_to_its_end(endless, monkeypatch):
    monkeypatch.setattr(ours, "HEADER_SECONDS", 3600)
    async with connection_to_us(answer_after=3600) as (_, writer, served):
        writer.write(endless)
        with anyio.fail_after(20), suppress(ConnectionError):
            while True:
                writer.write(b"x" * 10_000)
                await writer.drain()
        await ended(served)


async def ended(served):
    """End what still waits to answer."""
    for task in served.tasks:
        task.cancel()
    await asyncio.wait(served.tasks) if served.tasks else None


async def test_long_headers_are_no_fault_and_neither_is_an_old_client_that_names_no_host():
    for start in (b"GET / HTTP/1.0\r\n", b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"x" * 60_000 + b"\r\n"):
        async with connection_to_us() as (reader, writer, _):
            writer.write(start + b"Connection: close\r\n\r\n")
            assert (await reader.read()).endswith(b"ok")


async def test_requests_that_are_sent_ahead_are_answered_in_their_order():
    async with connection_to_us(answer=lambda scope: f"<{scope['path']}>") as (reader, writer, _):
        for path in range(20):
            writer.write(b"GET /%d HTTP/1.1\r\n%s\r\n" % (path, HOST))
        writer.write(b"GET /last HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n")
        bodies = re.findall(rb"<(.+?)>", await reader.read())
        assert bodies == [*(b"/%d" % path for path in range(20)), b"/last"]


async def test_who_has_asked_and_says_no_more_gets_the_answer():
    async with connection_to_us() as (reader, writer, _):
        writer.write(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
        writer.write_eof()
        assert (await reader.read()).endswith(b"ok")
