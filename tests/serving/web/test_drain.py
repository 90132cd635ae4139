"""A stop loses no call: real signals, real sockets, calls under way."""

import json
import re
import signal
import sys
from contextlib import contextmanager

import anyio
import anyio.lowlevel
import httpx2
import pytest
from fastmcp import Client
from fastmcp.client.transports import SSETransport, StreamableHttpTransport

from tests.support import Server, post, program, serving

PAUSE = {"name": "pause", "arguments": {"seconds": 0.1}}
ENOUGH = 30
"""So many answers are under way or done when the signal comes."""


@contextmanager
def under_uvicorn(**variables):
    """Run the sample app as `uvicorn server:app` would."""
    command = [sys.executable, "-m", "uvicorn", "tests.app:app", "--port", "0"]
    with program(*command, **variables) as process:
        server = Server(process)
        try:
            [address] = re.findall(r"http://[\d.:]+", server.wait_for("Uvicorn running"))
            server.url = f"{address}/{'sse' if variables.get('MCP_TRANSPORT') == 'sse' else 'mcp'}"
            yield server
        finally:
            server.kill()


async def caller(server, mode):
    """Yield after every answer; end when the server is gone."""
    async with httpx2.AsyncClient(timeout=30) as client:
        while True:
            try:
                answer = await client.send(post(server.url, mode, "tools/call", PAUSE))
            except httpx2.HTTPError:
                return
            assert answer.status_code == 200
            assert "done" in answer.text
            yield


async def caller_in_a_session(server, mode):
    transport = (SSETransport if server.url.endswith("sse") else StreamableHttpTransport)(server.url)
    try:
        async with Client(transport, mode=mode) as client:
            while True:
                answer = await client.call_tool("pause", PAUSE["arguments"])
                assert answer.data == "done"
                yield
    except AssertionError:
        raise
    except Exception:
        return


async def fire(server, calls):
    """Call from eight clients at a time until none gets through, with a SIGTERM in the middle; count the answers."""
    answers = 0

    async def one_client():
        nonlocal answers
        async for _ in calls():
            answers += 1
            if answers == ENOUGH:
                server.process.send_signal(signal.SIGTERM)

    async with anyio.create_task_group() as tasks:
        for _ in range(8):
            tasks.start_soon(one_client)
    return answers


def outcomes(server):
    """How each call of `pause` ended, as the server saw it."""
    lines = [json.loads(line) for line in server.log if '"tool call"' in line]
    return [line["outcome"] for line in lines if line["tool"] == "pause"]


def faults(server):
    return [line for line in server.log if '"level": "error"' in line or '"level": "critical"' in line]


@pytest.mark.parametrize(
    ("mode", "variables"),
    [
        ("2026-07-28", {}),
        ("legacy", {}),
        ("2026-07-28", {"MCP_JSON_RESPONSE": "true"}),
        ("legacy", {"MCP_JSON_RESPONSE": "true"}),
    ],
)
@pytest.mark.parametrize("run", [serving, under_uvicorn])
async def test_a_stop_under_fire_loses_no_accepted_call(run, mode, variables):
    with run(**variables) as server:
        answers = await fire(server, lambda: caller(server, mode))
        status = server.stop()
    assert outcomes(server) == ["ok"] * answers
    assert not faults(server)
    assert run is under_uvicorn or status == 0


@pytest.mark.parametrize("variables", [{"MCP_STATELESS": "false"}, {"MCP_TRANSPORT": "sse"}])
@pytest.mark.parametrize("run", [serving, under_uvicorn])
async def test_a_stop_under_fire_loses_no_call_of_a_session(run, variables):
    with run(**variables) as server:
        answers = await fire(server, lambda: caller_in_a_session(server, "legacy"))
        status = server.stop()
    assert outcomes(server) == ["ok"] * answers
    assert not faults(server)
    assert run is under_uvicorn or status == 0


async def test_until_the_delay_is_over_an_unready_server_goes_on_serving():
    with serving(MCP_DRAIN_DELAY="60") as server:
        async with httpx2.AsyncClient(base_url=server.base) as client:
            server.process.send_signal(signal.SIGTERM)
            server.wait_for("stopping")
            ready = await client.get("/ready")
            assert (ready.status_code, ready.json()["reason"]) == (503, "draining")
            assert (await client.get("/health")).status_code == 200
            answer = await client.send(post(server.url, "2026-07-28", "tools/call", PAUSE))
            assert "done" in answer.text
            assert answer.headers["connection"] == "close"  # so that the next call goes elsewhere
        assert server.stop() == 0


@pytest.mark.parametrize("path", ["/mcp", "/sse"])
async def test_open_streams_are_ended_and_not_cut(path):
    with serving(MCP_TRANSPORT="sse" if path == "/sse" else "http", MCP_STATELESS="false") as server:
        async with httpx2.AsyncClient(timeout=30) as client:
            headers = {"accept": "text/event-stream"}
            if path == "/mcp":
                hello = {
                    "protocolVersion": "2025-11-25",
                    "capabilities": {},
                    "clientInfo": {"name": "t", "version": "0"},
                }
                began = await client.send(post(server.url, "legacy", "initialize", hello))
                headers["mcp-session-id"] = began.headers["mcp-session-id"]
            async with client.stream("GET", server.url, headers=headers) as stream:
                assert stream.status_code == 200
                server.process.send_signal(signal.SIGTERM)
                await stream.aread()  # a cut would raise
        assert server.stop() == 0
    assert not faults(server)


@pytest.mark.parametrize("name", ["pause", "block"])
@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_a_call_that_takes_too_long_to_wait_for_is_told_so(name, mode):
    with serving(MCP_DRAIN_SECONDS="0.2") as server:
        async with httpx2.AsyncClient(timeout=30) as client, anyio.create_task_group() as tasks:
            answers = []

            async def call():
                long = {"name": name, "arguments": {"seconds": 600}}
                answers.append(await client.send(post(server.url, mode, "tools/call", long)))

            tasks.start_soon(call)
            await until_running(server, client, 1)
            server.process.send_signal(signal.SIGTERM)
        assert f"{name} was given up, because the server stops" in answers[0].text
        assert server.stop() == 0


async def until_running(server, client, number):
    """Wait until so many calls run."""
    with anyio.fail_after(20):
        while f"mcp_calls_in_progress {number}.0" not in (await client.get(f"{server.base}/metrics")).text:
            await anyio.lowlevel.checkpoint()
