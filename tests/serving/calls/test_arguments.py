"""What a caller is told about arguments that do not fit."""

import json
from datetime import date
from typing import Literal

import pytest
from fastmcp import Client, FastMCP
from fastmcp.exceptions import ToolError
from mcp.shared.exceptions import MCPError

from serving.chassis import chassis
from serving.settings import Settings


def sample() -> FastMCP:
    mcp = FastMCP("test", **chassis(Settings()))

    @mcp.tool
    def travel(distance: int, unit: Literal["km", "mile"]) -> str:
        return f"{distance} {unit}"

    @mcp.prompt
    def describe(thing: str, times: int, tags: list[int] | None = None) -> str:
        return f"{thing} {times} {tags}"

    @mcp.prompt
    def broken(value: str) -> str:
        return str(int(value))

    @mcp.resource("test://{number}/{day}")
    def numbered(number: int, day: date) -> str:
        return f"{number} {day}"

    @mcp.resource("broken://{value}")
    def broken_resource(value: str) -> str:
        return str(int(value))

    return mcp


@pytest.fixture(params=["2026-07-28", "legacy"])
def client(request) -> Client:
    return Client(sample(), mode=request.param)


async def test_a_tools_caller_reads_what_is_wrong(client):
    async with client:
        with pytest.raises(ToolError) as caught:
            await client.call_tool("travel", {"distance": "secret", "colour": 1})
    assert str(caught.value) == "distance: expected a whole number; unit: missing; colour: no such argument"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "thing: missing; times: missing"),
        ({"thing": "a", "times": "secret"}, "times: expected a whole number"),
        ({"thing": "a", "times": "1", "tags": json.dumps([1, "secret"])}, "tags[1]: expected a whole number"),
        ({"thing": "a", "times": "1", "tags": "secret"}, "tags: expected a list"),
    ],
)
async def test_a_prompts_caller_reads_what_is_wrong(client, arguments, words):
    async with client:
        with pytest.raises(MCPError) as caught:
            await client.get_prompt("describe", arguments)
    assert (caught.value.error.code, caught.value.error.message) == (-32602, words)


@pytest.mark.parametrize("uri", ["test://secret/2020-01-01", "test://1/secret"])
async def test_the_reader_of_a_resource_template_reads_that_its_uri_does_not_fit(client, uri):
    async with client:
        assert (await client.read_resource("test://1/2020-01-01"))[0].text == "1 2020-01-01"
        with pytest.raises(MCPError) as caught:
            await client.read_resource(uri)
    assert caught.value.error.code == -32602
    assert caught.value.error.message == "the parameters in the URI do not fit test://{number}/{day}"


async def test_a_bug_is_no_fault_of_the_arguments(client):
    async with client:
        with pytest.raises(MCPError, match=r"^Error rendering prompt 'broken'$"):
            await client.get_prompt("broken", {"value": "x"})
        with pytest.raises(MCPError, match=r"^Error reading resource 'broken://x'$"):
            await client.read_resource("broken://x")
