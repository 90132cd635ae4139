"""What each kind of failure answers over the REST API."""

import json

import pytest
from fastmcp.exceptions import (
    AuthorizationError,
    DisabledError,
    InsufficientScopeError,
    NotFoundError,
    ResourceError,
    ToolError,
    ValidationError,
)
from mcp.shared.exceptions import MCPError

from serving.calls.limits import BusyError, CallTimeoutError, RateLimitError, ResultTooLargeError, StoppedError
from serving.messages import BadMessage
from serving.web.rest_context import AsksTheClientError
from serving.web.rest_errors import answer_error


def caused(error: Exception) -> Exception:
    error.__cause__ = RuntimeError("hunter2")
    return error


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (BadMessage(-32700, "not JSON"), 400, "invalid_json"),
        (NotFoundError("Unknown tool: 'x'"), 404, "not_found"),
        (DisabledError("Unknown tool: 'x'"), 404, "not_found"),
        (ValidationError("a: missing"), 422, "invalid_arguments"),
        (AuthorizationError("not for you"), 403, "forbidden"),
        (InsufficientScopeError(["admin"]), 403, "insufficient_scope"),
        (BusyError("busy"), 503, "busy"),
        (RateLimitError("too often", 7), 429, "rate_limited"),
        (CallTimeoutError("too long"), 504, "timed_out"),
        (ResultTooLargeError(5, 4), 500, "result_too_large"),
        (StoppedError("stopped"), 503, "stopping"),
        (AsksTheClientError("/mcp"), 400, "input_required"),
        (ToolError("not today"), 400, "tool_error"),
        (caused(ToolError("not today")), 400, "tool_error"),
        (ResourceError("not today"), 400, "resource_error"),
        (MCPError(-32021, "not today"), 400, "tool_error"),
    ],
)
def test_what_the_caller_can_mend_says_how(error, status, code):
    answer = answer_error(error)
    body = json.loads(bytes(answer.body))["error"]
    assert (answer.status_code, body["code"]) == (status, code)
    assert body["message"] == str(error)


@pytest.mark.parametrize(
    "error",
    [
        caused(ToolError("Error calling tool 'x'")),
        caused(ResourceError("Error reading resource 'x'")),
        caused(ResourceError("Error reading file /etc/hunter2")),
        RuntimeError("hunter2"),
    ],
)
def test_a_bug_has_no_details(error):
    answer = answer_error(error)
    assert (answer.status_code, json.loads(bytes(answer.body))["error"]["code"]) == (500, "internal_error")
    assert b"hunter2" not in bytes(answer.body)


def test_only_what_nobody_else_has_logged_is_logged(caplog):
    answer_error(caused(ToolError("Error calling tool 'x'")))
    assert not caplog.records
    answer_error(RuntimeError("broken"))
    assert caplog.records[0].exc_info


def test_headers_say_when_to_come_back_and_with_which_scope():
    assert answer_error(RateLimitError("too often", 7)).headers["retry-after"] == "7"
    challenge = answer_error(InsufficientScopeError(["read", "write"])).headers["www-authenticate"]
    assert challenge == 'Bearer error="insufficient_scope", scope="read write"'


def test_a_long_name_is_not_repeated():
    assert len(answer_error(NotFoundError(f"Unknown tool: {'x' * 100_000!r}")).body) < 400
