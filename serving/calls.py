"""What a call passes on its way to the tool or prompt, outermost first."""

import asyncio
import logging
import time
from typing import Any, Final

import anyio
import mcp_types
from fastmcp.exceptions import NotFoundError, PromptError, ToolError, ValidationError
from fastmcp.prompts import PromptResult
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools import InputRequiredToolResult, ToolResult
from mcp.shared.exceptions import MCPError, NoBackChannelError

from serving.hangup import CancelOnHangUp, HungUpError
from serving.settings import Settings

log: Final = logging.getLogger("serving.calls")

Context = MiddlewareContext[mcp_types.CallToolRequestParams]
Next = CallNext[mcp_types.CallToolRequestParams, ToolResult]


def around_calls(settings: Settings) -> list[Middleware]:
    """Build the chassis' FastMCP middleware, in order."""
    around: list[Middleware] = [LogCalls(), MaskPrompts()]
    if settings.stateless:
        around.append(ExplainNoSession())
    if settings.transport != "stdio":
        around.append(CancelOnHangUp())
    return [*around, ContainExits()]


class LogCalls(Middleware):
    """One log line a call: which tool, how it ended and how long it took; never its arguments.

    `outcome` is `ok`, `asked` (the client is to call again with an answer), `refused` (the tool raised ToolError),
    `invalid` (arguments that do not fit), `unknown` (no such tool), `cancelled` or `failed` (a bug: the line then
    says where).
    """

    def __init__(self) -> None:
        # FastMCP says some of it too; one call is one line.
        logging.getLogger("fastmcp.server.server").addFilter(_not_about_a_tool_call)

    async def on_call_tool(self, context: Context, call_next: Next) -> ToolResult:
        """Time the call and log its outcome."""
        begin = time.perf_counter()
        outcome: str = "ok"
        bug: BaseException | None = None
        try:
            result = await call_next(context)
            if isinstance(result, InputRequiredToolResult):
                outcome = "asked"
            return result
        except anyio.get_cancelled_exc_class():
            outcome = "cancelled"
            raise
        except Exception as error:
            outcome, bug = _classify(error)
            raise
        finally:
            log.log(
                logging.ERROR if bug else logging.INFO,
                "tool call",
                exc_info=bug,
                extra={
                    "tool": context.message.name,
                    "outcome": outcome,
                    "duration_ms": round((time.perf_counter() - begin) * 1000, 2),
                    "request_id": _request_id(context),
                },
            )


class ExplainNoSession(Middleware):
    """Say what is missing when a tool calls back to a client that this server keeps no session with."""

    async def on_call_tool(self, context: Context, call_next: Next) -> ToolResult:
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


class MaskPrompts(Middleware):
    """Keep a bug's message from the client, which FastMCP does for tools and resources only."""

    async def on_get_prompt(
        self,
        context: MiddlewareContext[mcp_types.GetPromptRequestParams],
        call_next: CallNext[mcp_types.GetPromptRequestParams, PromptResult],
    ) -> PromptResult:
        """Say no more than which prompt failed, unless the prompt itself has said why."""
        try:
            return await call_next(context)
        except PromptError as error:
            if error.__cause__ is None:
                raise
            raise PromptError(f"Error rendering prompt {context.message.name!r}") from error


class ContainExits(Middleware):
    """A tool that calls `sys.exit`, or is cancelled by itself, fails; else it would take the server along."""

    async def on_call_tool(self, context: Context, call_next: Next) -> ToolResult:
        """Turn what would pass through every `except Exception` into the failure of this call."""
        try:
            return await call_next(context)
        except (SystemExit, KeyboardInterrupt, asyncio.CancelledError) as error:
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task and task.cancelling():
                raise  # from outside: the client has cancelled
            raise ToolError(f"Error calling tool {context.message.name!r}") from error


def _classify(error: Exception) -> tuple[str, BaseException | None]:
    match error:
        case HungUpError():
            return "cancelled", None
        case NotFoundError():
            return "unknown", None
        case ValidationError():
            return "invalid", None
        case ToolError() if error.__cause__ and str(error).startswith("Error calling tool"):  # FastMCP's own words
            return "failed", error.__cause__
        case ToolError() | MCPError():  # FastMCP lets an MCPError through only to tell the client
            return "refused", None
        case _:
            return "failed", error


def _request_id(context: MiddlewareContext[Any]) -> str | None:
    request = context.fastmcp_context.request_context if context.fastmcp_context else None
    return str(request.request_id) if request else None


def _not_about_a_tool_call(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith(("Error calling tool", "Invalid arguments for tool"))
