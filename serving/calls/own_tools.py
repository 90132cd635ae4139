"""A server that has only tools of its own finds the one that is called by its name.

FastMCP asks all providers for it, each in a task of its own, and its local provider looks through all its tools: a
tenth of a call with a few tools, a quarter with a thousand. Who may see it is still FastMCP's to say, and whatever is
not plainly there is left to it: other providers, versions, tools with `auth`, transforms of the provider.
"""

from fastmcp import FastMCP
from fastmcp.server.providers import LocalProvider
from fastmcp.server.providers.aggregate import AggregateProvider
from fastmcp.server.providers.base import Provider
from fastmcp.tools import Tool
from fastmcp.utilities.versions import VersionSpec


def find_own_tools_by_name(mcp: FastMCP) -> None:
    """Have the tools of `mcp` found so, unless it or its provider finds tools in a way of its own."""
    own = mcp.local_provider
    if _finders(mcp) != [FastMCP, AggregateProvider, Provider] or _finders(own) != [LocalProvider, Provider]:
        return
    ask_all = mcp._get_tool

    async def get_tool(name: str, version: VersionSpec | None = None) -> Tool | None:
        if version is None and mcp.providers == [own] and not own.transforms:
            # FastMCP takes no other tool of the same name beside one without versions.
            tool = getattr(own, "_components", {}).get(f"{Tool.make_key(name)}@")
            if isinstance(tool, Tool) and (tool.name, tool.version, tool.auth) == (name, None, None):
                return tool
        return await ask_all(name, version)

    mcp._get_tool = get_tool  # type: ignore[method-assign]


def _finders(provider: Provider) -> list[object]:
    """Return the provider itself, and the classes of its, that say how a tool is found."""
    return [one for one in (provider, *type(provider).__mro__) if "_get_tool" in vars(one)]
