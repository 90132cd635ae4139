"""`Mcp-Param-*` headers must agree with the arguments that they repeat (2026-07-28, Streamable HTTP).

The SDK compares them before a call, for which it lists all tools, through all middleware, each time: with a thousand
tools that takes fifty times as long as the call. Here the one tool that is called is asked.
"""

from collections.abc import Mapping
from typing import Any, Final

from fastmcp import FastMCP
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import validate_mcp_param_headers
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from serving.calls.hooks import Call, CallMiddleware, Next
from serving.calls.known_tools import Known, KnownTools, look_up
from serving.calls.slots import inside_call

_PREFIX: Final = "mcp-param-"


def compare_no_headers(mcp: FastMCP) -> None:
    """Keep the SDK from comparing them, too."""
    mcp._mcp_server.get_tool_input_schema = lambda _: None


class CompareHeaders(CallMiddleware):
    """Refuse a call whose headers say something else than its arguments, as the SDK does."""

    def __init__(self, tools: KnownTools) -> None:
        self._tools = tools

    async def on_call_tool(self, context: Call, call_next: Next) -> Any:
        """Compare what a tool wants to have repeated.

        Raises:
            MCPError: HEADER_MISMATCH, which is status 400.
        """
        if inside_call.get():  # the headers are about the call that makes this one
            return await call_next(context)
        headers, arguments = _headers(context), context.message.arguments or {}
        if headers is None or not (arguments or any(name.startswith(_PREFIX) for name in headers)):
            return await call_next(context)
        known = await self._tools.find(context)
        if known and known.schema and validate_mcp_param_headers(known.schema, arguments, headers):
            # Asked again for this caller: who may not see the tool does not get to know that it wants any.
            tool = await look_up(context)
            schema = Known.of(tool).schema if tool else None
            if schema and (mismatch := validate_mcp_param_headers(schema, arguments, headers)):
                raise MCPError(mismatch.code, mismatch.message, mismatch.data)
        return await call_next(context)


def _headers(context: Call) -> Mapping[str, str] | None:
    """Return the headers of a request in which they count."""
    request = context.fastmcp_context.request_context if context.fastmcp_context else None
    if request is None or request.request is None or request.protocol_version not in MODERN_PROTOCOL_VERSIONS:
        return None
    headers: Mapping[str, str] = request.request.headers
    return headers
