"""What a call passes on its way: errors that are told to the client, and those that are not."""

import pytest
from fastmcp import Client
from mcp import MCPError

from tests.support import serving

SECRET = "hunter2"


@pytest.fixture(scope="module")
def server():
    with serving() as running:
        yield running


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


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_what_a_prompt_says_itself_reaches_the_client(server, mode):
    async with Client(server.url, mode=mode) as client:
        with pytest.raises(MCPError, match=r"^no such topic$"):
            await client.get_prompt("refusing_prompt")


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_a_resource_or_a_prompt_that_would_end_the_server_only_fails(server, mode):
    async with Client(server.url, mode=mode) as client:
        with pytest.raises(MCPError, match="Error reading resource"):
            await client.read_resource("sample://leave")
        with pytest.raises(MCPError, match="Error rendering prompt 'leaving_prompt'"):
            await client.get_prompt("leaving_prompt")
        assert (await client.call_tool("echo", {"message": "still here"})).data == "Echo: still here"
