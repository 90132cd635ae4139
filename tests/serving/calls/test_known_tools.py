"""What is the same about a tool for all its callers is looked up once a second."""

import pytest
from fastmcp import Client, FastMCP
from fastmcp.server.auth import require_scopes

from serving.calls import known_tools
from serving.calls.hooks import AroundCalls, CallMiddleware
from serving.calls.known_tools import KNOWN_SECONDS, KnownTools


class Ask(CallMiddleware):
    """Notes what is known of each tool that is called, and how often FastMCP was asked for it."""

    def __init__(self):
        self.time = 0.0
        self.tools = KnownTools(lambda: self.time)
        self.found = []

    async def on_call_tool(self, context, call_next):
        self.found.append(await self.tools.find(context))
        return await call_next(context)


@pytest.fixture
def ask():
    return Ask()


@pytest.fixture
def asked(monkeypatch):
    times = []
    look_up = known_tools.look_up

    async def counted(call):
        times.append(call.message.name)
        return await look_up(call)

    monkeypatch.setattr(known_tools, "look_up", counted)
    return times


async def test_a_tool_is_looked_up_again_after_a_second(ask, asked):
    mcp = FastMCP("test", middleware=[AroundCalls([ask])])
    mcp.tool(lambda: 1, name="one", timeout=1)
    async with Client(mcp) as client:
        await client.call_tool("one")
        mcp.local_provider.remove_tool("one")
        mcp.tool(lambda: 1, name="one", timeout=2)
        await client.call_tool("one")
        ask.time += KNOWN_SECONDS + 0.1
        await client.call_tool("one")
    assert asked == ["one", "one"]
    assert [known.seconds for known in ask.found] == [1, 1, 2]


async def test_a_tool_with_versions_is_looked_up_each_time(ask, asked):
    mcp = FastMCP("test", middleware=[AroundCalls([ask])])
    mcp.tool(lambda: 1, name="one", version="1", timeout=1)
    mcp.tool(lambda: 2, name="one", version="2", timeout=2)
    async with Client(mcp) as client:
        for version in (None, "1", "2", "1"):
            await client.call_tool("one", version=version)
    assert [known.seconds for known in ask.found] == [2, 1, 2, 1]
    assert len(asked) == 4


async def test_what_only_some_may_see_and_what_is_not_there_is_looked_up_each_time(ask, asked):
    mcp = FastMCP("test", middleware=[AroundCalls([ask])])
    mcp.tool(lambda: 1, name="guarded", auth=require_scopes("some"))
    async with Client(mcp) as client:
        for name in ("guarded", "guarded", "none", "none"):
            await client.call_tool(name, raise_on_error=False)
    assert asked == ["guarded", "guarded", "none", "none"]


async def test_what_a_client_says_of_versions_is_not_remembered(ask, asked):
    mcp = FastMCP("test", middleware=[AroundCalls([ask])])
    mcp.tool(lambda: 1, name="one")
    async with Client(mcp) as client:
        for version in ("1", "2", None, None):
            await client.call_tool("one", version=version)
    assert len(asked) == 2
    assert len(ask.tools._known) == 1


async def test_no_more_tools_are_remembered_than_may_be(ask, monkeypatch):
    monkeypatch.setattr(known_tools, "MOST_KNOWN", 2)
    mcp = FastMCP("test", middleware=[AroundCalls([ask])])
    for name in ("one", "two", "three"):
        mcp.tool(lambda: 1, name=name)
    async with Client(mcp) as client:
        for name in ("one", "two", "three"):
            await client.call_tool(name)
    assert list(ask.tools._known) == ["three"]
