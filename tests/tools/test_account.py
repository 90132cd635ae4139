"""A scope in front of one tool."""

import pytest
from fastmcp import Client
from fastmcp.client.auth import BearerAuth

from tests.support import SERVER, serving
from tools.account import whoami

ANN, BOB = "a" * 16, "b" * 16


@pytest.fixture(scope="module")
def server():
    with serving(script=SERVER, MCP_AUTH="token", MCP_AUTH_TOKENS=f"ann={ANN} account,bob={BOB}") as running:
        yield running


def test_without_tokens_it_is_whoever_has_started_the_server():
    assert whoami() == "whoever has started this server"


async def test_who_has_the_scope_sees_and_calls_the_tool(server):
    async with Client(server.url, auth=BearerAuth(ANN)) as client:
        assert "whoami" in {tool.name for tool in await client.list_tools()}
        assert (await client.call_tool("whoami")).data == "ann"


async def test_for_who_has_not_there_is_no_such_tool(server):
    async with Client(server.url, auth=BearerAuth(BOB)) as client:
        assert "whoami" not in {tool.name for tool in await client.list_tools()}
        answer = await client.call_tool("whoami", raise_on_error=False)
        assert answer.content[0].text == "Unknown tool: 'whoami'"
