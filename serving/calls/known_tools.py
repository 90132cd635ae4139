"""The tool that a call names, looked up at most once a second: FastMCP asks every provider for it, each time."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from fastmcp.tools import Tool
from fastmcp.utilities.json_schema import dereference_refs
from fastmcp.utilities.versions import VersionSpec
from mcp.shared.inbound import X_MCP_HEADER_KEY

from serving.calls.hooks import Call

KNOWN_SECONDS: Final = 1.0
"""How long a tool is taken for what it was."""
MOST_KNOWN: Final = 10_000


@dataclass(frozen=True)
class Known:
    """What has to be known of a tool before it is called."""

    seconds: float | None
    """How long it may take, if it says so itself."""
    schema: dict[str, Any] | None
    """Its input schema, if it wants arguments repeated in headers (SEP-2243)."""

    @classmethod
    def of(cls, tool: Tool) -> "Known":
        """Look at a tool."""
        return cls(tool.timeout, dereference_refs(tool.parameters) if wants_headers(tool) else None)


class KnownTools:
    """What is the same about a tool for all who may call it: how long it may take, which headers it wants.

    It does not say who may see it. A tool that only some may see, or that has versions, of which each caller may see
    another one, is looked up for each call.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._known: dict[str, tuple[float, Known]] = {}

    async def find(self, call: Call) -> Known | None:
        """Return what is known of the tool that is called, None if the caller can see none of that name."""
        name = call.message.name
        until, known = self._known.get(name, (0.0, None))
        if known and until >= self._now() and _version(call) is None:
            return known
        tool = await look_up(call)
        if tool is None:
            return None
        known = Known.of(tool)
        if tool.auth is None and tool.version is None:
            if len(self._known) >= MOST_KNOWN:  # a provider may take any name
                self._known.clear()
            self._known[name] = (self._now() + KNOWN_SECONDS, known)
        return known


def wants_headers(tool: Tool) -> bool:
    """Tell whether a tool wants arguments repeated in headers, too (SEP-2243), which somebody has to compare."""
    return X_MCP_HEADER_KEY in str(tool.parameters)


async def look_up(call: Call) -> Tool | None:
    """Ask FastMCP for the tool that is called, as its caller sees it."""
    if call.fastmcp_context is None:
        return None
    version = _version(call)
    server = call.fastmcp_context.fastmcp
    return await server.get_tool(call.message.name, version=VersionSpec(eq=version) if version else None)


def _version(call: Call) -> str | None:
    asked = (getattr(call.message, "meta", None) or {}).get("fastmcp")
    version = asked.get("version") if isinstance(asked, dict) else None
    return version if isinstance(version, str) else None
