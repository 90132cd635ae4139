"""What would keep session state is loaded when there is some."""

import sys

import httpx2
from fastmcp import Client, Context, FastMCP
from fastmcp.client.transports import StdioTransport
from key_value.aio.stores.memory import MemoryStore

from serving.session_state import load_state_when_used
from tests.support import ROOT, environment, post, serving

SERVER = """
import sys
from serving.run import run


def create_server(settings):
    from fastmcp import Context, FastMCP
    from serving.chassis import chassis

    mcp = FastMCP("test", **chassis(settings))

    @mcp.tool
    async def loaded() -> bool:
        return "key_value" in sys.modules

    @mcp.tool
    async def keep(ctx: Context) -> None:
        await ctx.set_state("value", 1)

    return mcp


run(create_server)
"""


def server(**options):
    mcp = FastMCP("test", **options)
    load_state_when_used(mcp)

    @mcp.tool
    async def keep(value: int, ctx: Context) -> None:
        await ctx.set_state("value", value)

    @mcp.tool
    async def kept(ctx: Context) -> int | None:
        return await ctx.get_state("value")

    @mcp.tool
    async def forget(ctx: Context) -> None:
        await ctx.delete_state("value")

    @mcp.tool
    async def hide(ctx: Context) -> None:
        await ctx.disable_components(names={"keep"})

    return mcp


async def test_a_call_in_the_handshake_era_loads_nothing_for_it_before_there_is_some(tmp_path):
    script = tmp_path / "server.py"
    script.write_text(SERVER)
    with serving(script=script) as server:
        async with httpx2.AsyncClient() as client:

            async def call(tool):
                answer = await client.send(post(server.url, "legacy", "tools/call", {"name": tool, "arguments": {}}))
                return answer.json()["result"].get("structuredContent")

            assert await call("loaded") == {"result": False}
            await call("keep")
            assert await call("loaded") == {"result": True}


async def test_nor_does_one_over_stdio(tmp_path):
    script = tmp_path / "server.py"
    script.write_text(SERVER)
    transport = StdioTransport(
        sys.executable, [str(script), "--transport", "stdio"], env=environment(PYTHONPATH=str(ROOT))
    )
    async with Client(transport, mode="legacy") as client:
        assert (await client.call_tool("loaded")).data is False


async def test_state_is_kept_and_forgotten_as_ever():
    async with Client(server(), mode="legacy") as client:
        assert (await client.call_tool("kept")).data is None
        await client.call_tool("keep", {"value": 7})
        assert (await client.call_tool("kept")).data == 7
        await client.call_tool("forget")
        assert (await client.call_tool("kept")).data is None


async def test_a_session_can_hide_a_tool_from_itself():
    mcp = server()
    async with Client(mcp, mode="legacy") as one, Client(mcp, mode="legacy") as another:
        await one.call_tool("hide")
        assert "keep" not in {tool.name for tool in await one.list_tools()}
        assert "keep" in {tool.name for tool in await another.list_tools()}


async def test_a_store_of_the_authors_is_asked_from_the_start():
    """Another replica may have written to it."""

    class Asked(MemoryStore):
        times = 0

        async def get(self, *where, **options):
            self.times += 1
            return await super().get(*where, **options)

    store = Asked()
    async with Client(server(session_state_store=store), mode="legacy") as client:
        assert (await client.call_tool("kept")).data is None
    assert store.times


def test_a_server_that_has_its_store_already_keeps_it():
    mcp = FastMCP("test")
    store = mcp._state_store
    load_state_when_used(mcp)
    assert mcp._state_store is store
