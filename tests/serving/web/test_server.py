"""Over HTTP: starting, refusing to start, and stopping."""

import gc
import signal

import httpx2
import pytest
import uvicorn
from fastmcp import Client
from starlette.responses import PlainTextResponse

from serving.web.server import Server
from tests.support import serving


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
@pytest.mark.parametrize("transport", ["http", "sse"])
async def test_both_eras_work_over_both_transports(transport, mode):
    with serving("--transport", transport) as server:
        async with Client(server.url, mode=mode) as client:
            assert (await client.call_tool("echo", {"message": "hi"})).data == "Echo: hi"
            assert client.protocol_version == ("2025-11-25" if mode == "legacy" else mode)


def test_the_start_says_where_everything_is():
    with serving() as server:
        line = server.log[-1]
        assert f"MCP on {server.base}/mcp, page on {server.base}/, probes on {server.base}/health" in line
        for path in ("/", "/health", "/ready"):
            assert httpx2.get(server.base + path).status_code == 200


async def test_the_garbage_collector_leaves_alone_what_the_start_has_made():
    config = uvicorn.Config(PlainTextResponse("ok"), port=0, lifespan="off", log_config=None)
    config.load()
    server = Server(config, "here")
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        assert gc.get_freeze_count() > 10_000
    finally:
        gc.unfreeze()
        await server.shutdown()


def test_sse_says_once_that_it_is_deprecated():
    with serving("--transport", "sse") as server:
        assert server.url.endswith("/sse")
        assert server.stop() == 0
        assert sum("deprecated" in line for line in server.log) == 1


def test_the_address_can_be_ipv6():
    with serving("--host", "::1") as server:
        assert server.base.startswith("http://[::1]:")
        assert httpx2.get(server.base + "/health").status_code == 200


@pytest.mark.parametrize("transport", ["http", "sse"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_process_with_0(transport, number):
    with serving("--transport", transport) as server:
        assert server.stop(number) == 0
        assert "Traceback" not in "\n".join(server.log)


def test_a_second_signal_ends_the_process_at_once_and_quietly():
    with serving() as server:
        server.process.send_signal(signal.SIGINT)
        assert server.stop(signal.SIGINT) == 0
        assert "Traceback" not in "\n".join(server.log)
