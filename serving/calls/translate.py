"""Failures in words that their reader can use: the client's, or nobody's but the log's."""

import asyncio
from typing import Any

from fastmcp.exceptions import PromptError, ResourceError, ToolError
from mcp.shared.exceptions import NoBackChannelError

from serving.calls.hooks import Call, CallMiddleware, Next


class ExplainNoSession(CallMiddleware):
    """Say what is missing when a tool calls back to a client that this server keeps no session with."""

    async def on_call_tool(self, context: Call, call_next: Next) -> Any:
        """Translate the SDK's error; FastMCP would mask it as a bug of the tool."""
        try:
            return await call_next(context)
        except ToolError as error:
            if isinstance(error.__cause__, NoBackChannelError):
                raise ToolError(
                    f"{context.message.name} has to ask the client ({error.__cause__.method}), which takes protocol "
                    "2026-07-28 and a tool that returns InputRequiredResult, or a server with MCP_STATELESS=false"
                ) from None
            raise


class MaskPrompts(CallMiddleware):
    """Keep a bug's message from the client, which FastMCP does for tools and resources only."""

    async def on_get_prompt(self, context: Call, call_next: Next) -> Any:
        """Say no more than which prompt failed, unless the prompt itself has said why."""
        try:
            return await call_next(context)
        except PromptError as error:
            if not str(error).startswith("Error rendering prompt"):  # FastMCP's own words, before the bug's
                raise
            raise PromptError(f"Error rendering prompt {context.message.name!r}") from error


class ContainExits(CallMiddleware):
    """Code that calls `sys.exit`, or is cancelled by itself, fails; else it would take the server along."""

    async def contain(self, context: Call, call_next: Next) -> Any:
        """Turn what would pass through every `except Exception` into the failure of this call."""
        try:
            return await call_next(context)
        except (SystemExit, KeyboardInterrupt, asyncio.CancelledError) as error:
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task and task.cancelling():
                raise  # from outside: the client has cancelled
            match context.method:
                case "tools/call":
                    raise ToolError(f"Error calling tool {context.message.name!r}") from error
                case "prompts/get":
                    raise PromptError(f"Error rendering prompt {context.message.name!r}") from error
                case _:
                    raise ResourceError("Error reading resource") from error

    on_call_tool = on_read_resource = on_get_prompt = contain
