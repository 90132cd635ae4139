"""A tool is found by its name, and is the one that FastMCP finds by looking through all of them."""

import pytest
from fastmcp import FastMCP
from fastmcp.exceptions import FastMCPError
from fastmcp.tools import Tool
from fastmcp.utilities.versions import VersionSpec

from serving.calls.own_tools import find_own_tools_by_name


class Unread(dict):
    def values(self):
        raise AssertionError("all were looked through")


def tool(name: str, version: str | None = None) -> Tool:
    return Tool.from_function(lambda: "said", name=name, version=version)


def server() -> FastMCP:
    mcp = FastMCP("test")
    for name, version in (("word", None), ("many", "1.0"), ("many", "2.0"), ("word@", None), ("hidden", None)):
        mcp.add_tool(tool(name, version))
    mcp.disable(names={"hidden"})
    return mcp


@pytest.mark.parametrize("version", [None, "1.0", "2.0", "3.0"])
@pytest.mark.parametrize("name", ["word", "word@", "many", "many@2.0", "hidden", "none", "", "word@2.0"])
async def test_what_is_found_is_what_fastmcp_finds(name, version):
    mcp, spec = server(), VersionSpec(eq=version) if version else None
    expected = await mcp.get_tool(name, spec)
    find_own_tools_by_name(mcp)
    assert await mcp.get_tool(name, spec) is expected


async def test_all_are_looked_through_only_for_versions():
    mcp = server()
    find_own_tools_by_name(mcp)
    mcp.local_provider._components = Unread(mcp.local_provider._components)
    assert (await mcp.get_tool("word")).name == "word"
    with pytest.raises(AssertionError):
        await mcp.local_provider.get_tool("many")


async def test_tools_that_come_and_go_are_known():
    mcp = server()
    find_own_tools_by_name(mcp)
    mcp.local_provider.remove_tool("word")
    assert await mcp.get_tool("word") is None
    mcp.add_tool(tool("new"))
    assert (await mcp.get_tool("new")).name == "new"


async def test_where_fastmcp_keeps_them_elsewhere_it_is_asked():
    mcp = server()
    find_own_tools_by_name(mcp)
    kept, mcp.local_provider._components = mcp.local_provider._components, {}
    mcp.local_provider._components.update({f"v5/{key}": one for key, one in kept.items()})
    assert (await mcp.get_tool("word")).name == "word"


def test_fastmcp_takes_no_second_tool_beside_one_without_versions():
    mcp = server()
    with pytest.raises((ValueError, FastMCPError)):
        mcp.add_tool(tool("word", "1.0"))
