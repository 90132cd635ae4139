"""One line a tool call: how it ended, never what it was called with."""

import json
from collections.abc import Iterator

import pytest
from fastmcp import Client
from httpx2 import AsyncClient

from tests.support import Server, post, serving

SECRET = "hunter2"


@pytest.fixture(scope="module", params=["info", "debug"])
def server(request) -> Iterator[Server]:
    with serving("--log-format", "json", "--log-level", request.param) as server:
        yield server


async def call(server: Server, tool: str, **arguments: object) -> tuple[list[dict], str]:
    """Call a tool; return what was logged up to its line, and what the client got to read."""
    before = len(server.log)
    async with Client(server.url) as client:
        result = await client.call_tool(tool, arguments, raise_on_error=False)
    server.wait_for('"tool call"')
    return [json.loads(line) for line in server.log[before:]], result.content[0].text


@pytest.mark.parametrize(
    ("tool", "arguments", "outcome"),
    [
        ("echo", {"message": SECRET}, "ok"),
        ("refuse", {}, "refused"),
        ("echo", {"message": {"secret": SECRET}}, "invalid"),
        ("echo", {"mesage": SECRET}, "invalid"),
        ("no_such_tool", {"message": SECRET}, "unknown"),
    ],
)
async def test_a_call_is_one_line_without_its_arguments(server, tool, arguments, outcome):
    records, _ = await call(server, tool, **arguments)
    (line,) = [record for record in records if record["logger"] != "uvicorn.access"]
    assert (line["level"], line["tool"], line["outcome"]) == ("info", tool, outcome)
    assert line["duration_ms"] >= 0
    assert line["request_id"]
    assert SECRET not in str(records)


async def test_a_bug_is_one_line_that_says_where_and_keeps_the_details_from_the_client(server):
    records, text = await call(server, "fail", secret=SECRET)
    (line,) = [record for record in records if record["logger"] != "uvicorn.access"]
    assert (line["level"], line["outcome"], line["error"]) == ("error", "failed", "RuntimeError")
    assert "sample.py" in line["where"]
    assert text == "Error calling tool 'fail'"
    traceback = line.pop("traceback", "")  # only at level debug
    assert SECRET not in str(line)
    assert bool(traceback) is ("debug" in str(server.process.args))


async def test_a_round_that_asks_the_client_is_logged_as_such(server):
    async with AsyncClient() as http:
        await http.send(post(server.url, "2026-07-28", "tools/call", {"name": "ask_in_rounds"}))
    assert '"outcome": "asked"' in server.wait_for('"tool call"')


async def test_metrics_count_what_the_log_tells_and_no_name_that_no_tool_has():
    with serving() as server:
        async with Client(server.url) as client:
            for name in ("echo", "no_such_tool", "no_such_tool_either"):
                await client.call_tool(name, {"message": ""}, raise_on_error=False)
        async with AsyncClient() as http:
            text = (await http.get(f"{server.base}/metrics")).text
    assert 'mcp_tool_calls_total{outcome="ok",tool="echo"} 1.0' in text
    assert 'mcp_tool_calls_total{outcome="unknown",tool="(unknown)"} 2.0' in text
    assert "no_such_tool" not in text


async def test_a_long_name_is_cut(server):
    (line,) = [record for record in (await call(server, "x" * 10_000))[0] if record["logger"] != "uvicorn.access"]
    assert line["tool"] == "x" * 100
