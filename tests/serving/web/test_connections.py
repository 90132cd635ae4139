"""Clients that take their time, and clients that are too many, over real sockets."""

import asyncio
import socket
from contextlib import asynccontextmanager

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
async def connection_to_us(answer_after=0.0, answer="ok"):
    """Connect to an app under our protocol, in this process."""

    async def app(scope, receive, send):
        await anyio.sleep(answer_after)
        await PlainTextResponse(answer)(scope, receive, send)

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
            await writer.wait_closed()


async def test_a_client_that_does_not_read_its_answer_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(ours, "WRITE_SECONDS", 0.05)
    async with connection_to_us(answer="x" * 50_000_000) as (_, writer, served):
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with anyio.fail_after(20):
            while not served.connections:
                await anyio.lowlevel.checkpoint()
            while served.connections:
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
