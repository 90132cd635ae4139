"""Every tool call, however it ends, is one log line and one tick of the metrics."""

import logging
import time
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import anyio
from fastmcp.exceptions import AuthorizationError, NotFoundError, ToolError, ValidationError
from fastmcp.server.dependencies import get_access_token
from fastmcp.tools import InputRequiredToolResult, ToolResult
from mcp.shared.exceptions import MCPError

from serving.calls.hangup import HungUpError
from serving.calls.hooks import Call, CallMiddleware, Next
from serving.calls.limits import LimitError
from serving.request_id import current_request_id

log: Final = logging.getLogger("serving.calls")

Count: TypeAlias = Callable[[str | None, str, float], None]
"""Takes the tool (None for a name that no tool has), the outcome and the seconds that it took."""
MAX_TOOLS: Final = 1000
"""How many tools are told apart; a proxy's tools come and go."""
_PROVES_THE_TOOL: Final = frozenset({"ok", "asked", "refused", "invalid", "failed", "timed_out", "result_too_large"})


class RecordCalls(CallMiddleware):
    """One log line a call: which tool, how it ended and how long it took; never its arguments.

    `outcome` is `ok`, `asked` (the client is to call again with an answer), `refused` (the tool raised ToolError),
    `invalid` (arguments that do not fit), `unknown` (no such tool), `denied` (a scope is missing), `cancelled`,
    `failed` (a bug: the line then says where), `unavailable` (what it needs is gone), or which limit ended it: `busy`,
    `rate_limited`, `timed_out`, `result_too_large`, `stopping`.
    """

    def __init__(self, *, count: bool) -> None:
        self._count: Count | None = None
        if count:
            from serving.metrics import record_call

            self._count = record_call
        self._tools: set[str] = set()
        # FastMCP says some of it too; one call is one line.
        logging.getLogger("fastmcp.server.server").addFilter(_not_about_a_tool_call)

    async def on_call_tool(self, context: Call, call_next: Next) -> Any:
        """Time the call, then log and count its outcome."""
        begin = time.perf_counter()
        outcome: str = "ok"
        bug: BaseException | None = None
        try:
            result = await call_next(context)
            outcome = _outcome(result)
            return result
        except anyio.get_cancelled_exc_class():
            outcome = "cancelled"
            raise
        except Exception as error:
            outcome, bug = _classify(error)
            raise
        finally:
            seconds = time.perf_counter() - begin
            if self._count:
                self._count(self._label(context.message.name, outcome), outcome, seconds)
            log.log(
                logging.ERROR if bug else logging.INFO,
                "tool call",
                exc_info=bug,
                extra={
                    "tool": context.message.name[:100],
                    "outcome": outcome,
                    "duration_ms": round(seconds * 1000, 2),
                    "request_id": current_request_id() or _message_id(context),
                    **_caller(),
                },
            )

    def _label(self, name: str, outcome: str) -> str | None:
        if outcome in _PROVES_THE_TOOL and len(self._tools) < MAX_TOOLS:
            self._tools.add(name)
        return name if name in self._tools else None


def _outcome(result: ToolResult) -> str:
    if isinstance(result, InputRequiredToolResult):
        return "asked"
    return "refused" if getattr(result, "is_error", False) else "ok"


def _classify(error: Exception) -> tuple[str, BaseException | None]:
    match error:
        case HungUpError():
            return "cancelled", None
        case LimitError():
            return error.code, None
        case NotFoundError():
            return "unknown", None
        case AuthorizationError():
            return "denied", None
        case ValidationError():
            return "invalid", None
        case ToolError() if error.__cause__ and str(error).startswith("Error calling tool"):  # FastMCP's own words
            return "failed", error.__cause__
        case ToolError() | MCPError():  # FastMCP lets an MCPError through only to tell the client
            return "refused", None
        case _:
            return "failed", error


def _caller() -> dict[str, str]:
    token = get_access_token()
    return {"client": token.client_id} if token else {}


def _message_id(context: Call) -> str | None:
    request = context.fastmcp_context.request_context if context.fastmcp_context else None
    return str(request.request_id) if request else None


def _not_about_a_tool_call(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith(("Error calling tool", "Invalid arguments for tool"))
