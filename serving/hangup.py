"""A client that hangs up cancels its calls: nobody would read the answer.

The SDK does so itself where it keeps no session. In one, a call runs on for as long as it likes.
"""

from contextlib import suppress
from typing import Any, Final

import anyio
import mcp_types
from fastmcp.exceptions import ToolError
from fastmcp.server.dependencies import get_http_request
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools import ToolResult
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_KEY: Final = "serving.hangup"


class HungUpError(ToolError):
    """What a cancelled call ends with; nobody gets to read it."""


class WatchHangUp:
    """ASGI middleware: cancel what `CancelOnHangUp` has tied to a request when its client is gone."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and look out for its disconnect."""
        calls: set[anyio.CancelScope] = set()
        scope[_KEY] = calls

        async def watched() -> Message:
            message = await receive()
            if message["type"] == "http.disconnect":
                for call in calls:
                    call.cancel()
            return message

        await self.app(scope, watched, send)


class CancelOnHangUp(Middleware):
    """FastMCP middleware: tie each tool call to the HTTP request it came with; over stdio there is none."""

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """Run the call until it ends or its client is gone."""
        calls = _calls_of_this_request()
        if calls is None:
            return await call_next(context)
        with anyio.CancelScope() as scope:
            calls.add(scope)
            try:
                return await call_next(context)
            finally:
                calls.discard(scope)
        raise HungUpError("The client hung up")


def _calls_of_this_request() -> Any:
    with suppress(RuntimeError):
        return get_http_request().scope.get(_KEY)
    return None
