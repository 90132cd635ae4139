"""A tool is found by its name, and is the one that FastMCP finds by asking everybody and looking through all."""

import pytest
from fastmcp import FastMCP
from fastmcp.exceptions import FastMCPError
from fastmcp.server.providers import LocalProvider, aggregate
from fastmcp.server.transforms import Namespace, Transform
from fastmcp.tools import Tool
from fastmcp.utilities.versions import VersionSpec

from serving.calls.own_tools import find_own_tools_by_name


class Unread(dict):
    def values(self):
        raise AssertionError("all were looked through")


class Failing(Transform):
    async def get_tool(self, name, call_next, *, version=None):
        raise RuntimeError("no")


def tool(name: str, version: str | None = None, **others) -> Tool:
    return Tool.from_function(lambda: "said", name=name, version=version, **others)


def plain() -> FastMCP:
    mcp = FastMCP("test")
    for name, version in (("word", None), ("many", "1.0"), ("many", "2.0"), ("word@", None), ("other", None)):
        mcp.add_tool(tool(name, version))
    mcp.add_tool(tool("forbidden", auth=lambda _: False))
    mcp.add_tool(tool("allowed", auth=lambda _: True))
    return mcp


def disabled() -> FastMCP:
    mcp = plain()
    mcp.disable(names={"word"})
    return mcp


def renamed() -> FastMCP:
    mcp = plain()
    mcp.add_transform(Namespace("my"))
    return mcp


def renamed_itself() -> FastMCP:
    mcp = plain()
    mcp.local_provider.add_transform(Namespace("my"))
    return mcp


def with_another_provider() -> FastMCP:
    mcp, other = plain(), LocalProvider()
    for name, version in (("theirs", None), ("many", "3.0")):
        other.add_tool(tool(name, version))
    mcp.add_provider(other)
    return mcp


def with_another_server() -> FastMCP:
    mcp = plain()
    mcp.mount(plain(), namespace="my")
    return mcp


def failing() -> FastMCP:
    mcp = plain()
    mcp.local_provider.add_transform(Failing())
    return mcp


KINDS = [plain, disabled, renamed, renamed_itself, with_another_provider, with_another_server, failing]
NAMES = ["word", "word@", "many", "many@2.0", "other", "forbidden", "allowed", "none", "", "my_word", "theirs"]


@pytest.mark.parametrize("version", [None, "1.0", "2.0", "3.0"])
@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_found_is_what_fastmcp_finds(kind, version):
    def said(found: Tool | None) -> str | None:
        return f"{found.name} {found.version}" if found else None

    mcp, spec = kind(), VersionSpec(eq=version) if version else None
    expected = {name: said(await mcp.get_tool(name, spec)) for name in NAMES}
    find_own_tools_by_name(mcp)
    assert {name: said(await mcp.get_tool(name, spec)) for name in NAMES} == expected
    assert any(expected.values()) == (kind is not failing)


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_listed_is_what_fastmcp_lists(kind):
    mcp = kind()
    expected = [one.name for one in await mcp.list_tools()]
    find_own_tools_by_name(mcp)
    assert [one.name for one in await mcp.list_tools()] == expected


async def test_nobody_else_is_asked_and_not_all_are_looked_through(monkeypatch):
    mcp = plain()
    find_own_tools_by_name(mcp)
    mcp.local_provider._components = Unread(mcp.local_provider._components)
    monkeypatch.setattr(aggregate, "gather", None)
    assert (await mcp.call_tool("word", {})).content[0].text == "said"
    with pytest.raises(AssertionError):
        await mcp.local_provider.get_tool("many")
    with pytest.raises(TypeError):
        await mcp.get_tool("allowed")


async def test_tools_that_come_and_go_are_known():
    mcp = plain()
    find_own_tools_by_name(mcp)
    mcp.local_provider.remove_tool("word")
    assert await mcp.get_tool("word") is None
    mcp.add_tool(tool("new"))
    assert (await mcp.get_tool("new")).name == "new"


async def test_what_is_transformed_later_is_found_by_its_new_name():
    mcp = plain()
    find_own_tools_by_name(mcp)
    mcp.add_transform(Namespace("my"))
    assert [(await mcp.get_tool("my_word")).name, await mcp.get_tool("word")] == ["my_word", None]


async def test_where_fastmcp_keeps_them_elsewhere_it_is_asked():
    mcp = plain()
    find_own_tools_by_name(mcp)
    kept = mcp.local_provider._components
    mcp.local_provider._components = {f"v5/{key}": one for key, one in kept.items()}
    assert (await mcp.get_tool("word")).name == "word"


class Guarded(FastMCP):
    async def _get_tool(self, name, version=None):
        return None


class Guard(aggregate.AggregateProvider):
    async def _get_tool(self, name, version=None):
        return None


class Mixed(FastMCP, Guard):
    pass


async def nothing(name, version=None):
    return None


@pytest.mark.parametrize("kind", [Guarded, Mixed])
async def test_a_server_of_a_class_that_finds_tools_in_its_own_way_is_left_alone(kind):
    mcp = kind("test")
    mcp.add_tool(tool("word"))
    find_own_tools_by_name(mcp)
    assert await mcp.get_tool("word") is None


@pytest.mark.parametrize("which", ["server", "provider"])
async def test_so_is_one_that_was_told_how_to_find_them(which, monkeypatch):
    mcp = plain()
    monkeypatch.setattr(mcp if which == "server" else mcp.local_provider, "_get_tool", nothing)
    find_own_tools_by_name(mcp)
    assert await mcp.get_tool("word") is None


async def test_a_tool_of_an_app_with_two_names_is_still_found_by_its_hash():
    meta = {"fastmcp": {"tool_hash": "0123456789ab"}, "ui": {"visibility": ["app"]}}
    found = []
    for quick in (False, True):
        mcp = FastMCP("test")
        for name in ("save", "save2"):
            mcp.add_tool(tool(name, meta=meta))
        if quick:
            find_own_tools_by_name(mcp)
        said = await mcp.get_tool_by_hash("0123456789ab", "save")
        found.append(said and said.name)
    assert found[0] == found[1] == "save"


def test_fastmcp_takes_no_second_tool_beside_one_without_versions():
    mcp = plain()
    with pytest.raises((ValueError, FastMCPError)):
        mcp.add_tool(tool("word", "1.0"))
