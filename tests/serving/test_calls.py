"""One line a tool call: how it ended, never what it was called with."""

import json
from collections.abc import Iterator

import pytest
from fastmcp import Client
from httpx2 import AsyncClient
from mcp import MCPError

from tests.support import Server, post, serving

SECRET = "hunter2"  # noqa: S105


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


@pytest.mark.parametrize("how", ["exit", "interrupt", "cancel"])
@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_a_tool_that_would_end_the_server_only_fails(server, how, mode):
    async with Client(server.url, mode=mode) as client:
        result = await client.call_tool("leave", {"how": how}, raise_on_error=False)
        assert result.content[0].text == "Error calling tool 'leave'"
        assert '"outcome": "failed"' in server.wait_for('"tool call"')
        assert (await client.call_tool("echo", {"message": "still here"})).data == "Echo: still here"
        server.wait_for('"tool call"')


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_a_bug_in_a_prompt_is_kept_from_the_client(server, mode):
    async with Client(server.url, mode=mode) as client:
        with pytest.raises(MCPError, match=r"^Error rendering prompt 'broken_prompt'$"):
            await client.get_prompt("broken_prompt", {"secret": SECRET})


async def test_a_round_that_asks_the_client_is_logged_as_such(server):
    async with AsyncClient() as http:
        await http.send(post(server.url, "2026-07-28", "tools/call", {"name": "ask_in_rounds"}))
    assert '"outcome": "asked"' in server.wait_for('"tool call"')
