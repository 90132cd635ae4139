"""Bodies over real sockets: too long, in pieces, too slow."""

import json
import socket

import anyio
import httpx2
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from serving.web import bodies
from serving.web.bodies import ReadBodies
from tests.support import post, serving


@pytest.fixture(scope="module")
def server():
    with serving(MCP_MAX_BODY_BYTES="1000") as running:
        yield running


def send(server, head, body=b"", method="POST"):
    """Send raw bytes and return what comes back until the server closes."""
    address = httpx2.URL(server.url)
    with socket.create_connection((address.host, address.port), timeout=30) as connection:
        connection.sendall(f"{method} /mcp HTTP/1.1\r\nHost: localhost\r\n{head}\r\n\r\n".encode() + body)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return answer.decode()


def test_a_length_that_says_too_much_is_refused_before_the_body_is_there(server):
    answer = send(server, "Content-Length: 1001\r\nExpect: 100-continue")
    assert answer.startswith("HTTP/1.1 413")
    error = json.loads(answer.partition("\r\n\r\n")[2])["error"]
    assert error["code"] == "body_too_large"
    assert error["message"] == "the body is longer than 1000 bytes (MCP_MAX_BODY_BYTES)"


def test_chunks_without_end_are_refused_as_soon_as_they_are_too_much(server):
    chunk = b"%x\r\n%s\r\n" % (600, b"x" * 600)
    assert send(server, "Transfer-Encoding: chunked", chunk * 2).startswith("HTTP/1.1 413")


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_request_of_two_lengths_is_refused_and_what_follows_is_not_read(server, method):
    head = "Content-Length: 5\r\nTransfer-Encoding: chunked"
    behind = b"0\r\n\r\nGET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer = send(server, head, behind, method)
    assert answer.count("HTTP/1.1 ") == 1
    assert answer.startswith("HTTP/1.1 400")
    assert "expected Content-Length or Transfer-Encoding, not both" in answer


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
def test_a_body_of_just_the_length_passes(server, mode):
    with httpx2.Client() as client:

        def echo(length):
            return post(server.url, mode, "tools/call", {"name": "echo", "arguments": {"message": "x" * length}})

        room = 1000 - len(echo(0).content)
        assert client.send(echo(room)).status_code == 200
        assert client.send(echo(room + 1)).status_code == 413


async def test_a_body_that_does_not_arrive_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.01)
    app = Starlette(
        routes=[Route("/", lambda _: PlainTextResponse("read"), methods=["POST"])],
        middleware=[Middleware(ReadBodies, most_bytes=10, uploads=set())],
    )
    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-length", b"5")]}

    async def receive():
        await anyio.sleep_forever()

    await app(scope, receive, send)
    assert sent[0]["status"] == 408
    assert b"did not arrive within" in sent[1]["body"]


POST = {"type": "http", "method": "POST", "headers": []}


async def nobody(*_):
    pytest.fail("there is nothing to pass on")


async def test_a_client_that_goes_before_its_body_is_there_gets_no_answer():
    async def gone(*_):
        return {"type": "http.disconnect"}

    await ReadBodies(nobody, most_bytes=10, uploads=set())(POST, gone, nobody)


async def test_a_stop_does_not_wait_for_a_body():
    uploads: set[anyio.CancelScope] = set()
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        for upload in uploads:
            upload.cancel()
        await anyio.sleep_forever()

    await ReadBodies(nobody, most_bytes=10, uploads=uploads)(POST, receive, send)
    assert sent[0]["status"] == 503
    assert not uploads


async def test_bodies_that_arrive_together_may_weigh_so_much(monkeypatch):
    monkeypatch.setattr(bodies, "MOST_HELD", 5)
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request", "body": b"123456", "more_body": True}

    await ReadBodies(nobody, most_bytes=10, uploads=set())(POST, receive, send)
    assert sent[0]["status"] == 503
