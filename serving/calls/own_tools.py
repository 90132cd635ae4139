"""A server that has only tools of its own finds the one that is called by its name.

FastMCP asks all providers for it, each in a task of its own, and its local provider looks through all its tools: a
tenth of a call with a few tools, a quarter with a thousand. Everything else that a server can have is left to FastMCP:
other providers, transforms before this one, versions, tools that only some may see.
"""

from fastmcp import FastMCP
from fastmcp.server.providers.base import hashed_lookup_target
from fastmcp.server.transforms import GetToolNext, Transform
from fastmcp.tools import Tool
from fastmcp.utilities.versions import VersionSpec


def find_own_tools_by_name(mcp: FastMCP) -> None:
    """Have the tools of `mcp` found so, unless it is of a class that finds tools in a way of its own."""
    if type(mcp)._get_tool is FastMCP._get_tool:
        _look_at_the_place(mcp)
        mcp.add_transform(FindOwnTools(mcp))


class FindOwnTools(Transform):
    """Ask the server's own provider, where it is the only one, without a task for it."""

    def __init__(self, mcp: FastMCP) -> None:
        self._mcp = mcp

    async def get_tool(self, name: str, call_next: GetToolNext, *, version: VersionSpec | None = None) -> Tool | None:
        """Find a tool."""
        if self._may_ask():
            try:
                tool = await self._mcp.local_provider.get_tool(name, version)
            except Exception:  # a transform's: FastMCP decides what becomes of it
                return await call_next(name, version=version)
            if tool is None or tool.auth is None:
                return tool
        return await call_next(name, version=version)

    def _may_ask(self) -> bool:
        mcp = self._mcp
        alone = len(mcp.providers) == 1 and mcp.providers[0] is mcp.local_provider
        return alone and mcp.transforms[0] is self and hashed_lookup_target(mcp) is None


def _look_at_the_place(mcp: FastMCP) -> None:
    """Look first at the place where a tool without versions is; FastMCP takes no other one of its name beside it."""
    own = mcp.local_provider
    look_through_all = own._get_tool

    async def get_tool(name: str, version: VersionSpec | None = None) -> Tool | None:
        tool = getattr(own, "_components", {}).get(f"{Tool.make_key(name)}@")
        if isinstance(tool, Tool) and (tool.name, tool.version, version) == (name, None, None):
            return tool
        return await look_through_all(name, version)

    own._get_tool = get_tool  # type: ignore[method-assign]
