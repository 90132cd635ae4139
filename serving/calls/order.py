"""What a call passes on its way to the tool, resource or prompt, in that order, over every transport."""

from fastmcp import FastMCP

from serving.calls.arguments import ExplainArguments
from serving.calls.completions import HideCompletions
from serving.calls.hangup import CancelOnHangUp
from serving.calls.hooks import AroundCalls
from serving.calls.known_tools import KnownTools
from serving.calls.limits import Limits
from serving.calls.param_headers import CompareHeaders
from serving.calls.record import RecordCalls
from serving.calls.results import CheckResults
from serving.calls.slots import LimitCalls
from serving.calls.translate import ContainExits, ExplainNoSession, MaskPrompts
from serving.settings import Settings


def around_calls(settings: Settings) -> AroundCalls:
    """Build the chassis' FastMCP middleware, outermost part first."""
    over_http = settings.transport != "stdio"
    tools = KnownTools()
    parts = [
        CompareHeaders(tools),  # a call that is none is not recorded
        RecordCalls(count=over_http),  # one log line a call, and the metrics, which nobody could ask for over stdio
        MaskPrompts(),
        ExplainArguments(),
        *([ExplainNoSession()] if settings.stateless else []),
        CancelOnHangUp(),
        HideCompletions(),
        LimitCalls(settings, tools, count=over_http),  # a slot, and so many seconds
        CheckResults(settings.max_result_bytes),
        ContainExits(),
    ]
    return AroundCalls(parts)


def limits_of(mcp: FastMCP) -> Limits:
    """Return the accounts that the calls of `mcp` are kept in.

    Raises:
        LookupError: `mcp` was not made with `chassis(settings)`.
    """
    for middleware in mcp.middleware:
        for part in middleware.parts if isinstance(middleware, AroundCalls) else ():
            if isinstance(part, LimitCalls):
                return part.limits
    raise LookupError(f"{mcp.name}: expected a server made with FastMCP(..., **chassis(settings))")
