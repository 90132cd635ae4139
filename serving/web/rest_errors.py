"""What the REST API answers when something is refused or fails: a status, a word for programs, and a sentence."""

import logging
from typing import Final

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
from starlette.responses import Response

from serving.answers import refusal
from serving.calls.limits import LimitError
from serving.messages import BadMessage
from serving.web.rest_context import AsksTheClientError

log: Final = logging.getLogger("serving.web.rest")

LONGEST_NAME: Final = 200
_BUG: Final = "an internal error; the server's log says more under this request_id"


def answer_error(error: Exception) -> Response:
    """Turn what a call raised into its answer.

    404: there is no such tool or resource. 422: arguments that do not fit. 400: no JSON, what the tool itself refused,
    or a question that only MCP can carry. 403: a scope is missing. 503, 429, 504: a limit. 500: a bug, without details.
    """
    match error:
        case BadMessage():
            return refusal(400, "invalid_json", str(error))
        case NotFoundError() | DisabledError():
            return refusal(404, "not_found", _shown(error))
        case ValidationError():
            return refusal(422, "invalid_arguments", str(error))
        case InsufficientScopeError():
            challenge = f'Bearer error="insufficient_scope", scope="{" ".join(error.required_scopes)}"'
            return refusal(403, "insufficient_scope", str(error), {"WWW-Authenticate": challenge})
        case AuthorizationError():
            return refusal(403, "forbidden", str(error))
        case LimitError():
            headers = {"Retry-After": str(error.retry_after)} if error.retry_after else None
            return refusal(error.status, error.code, str(error), headers)
        case AsksTheClientError():
            return refusal(400, "input_required", str(error))
        case ToolError() if not (error.__cause__ and str(error).startswith("Error calling tool")):
            return refusal(400, "tool_error", str(error))
        case ResourceError() if not (error.__cause__ and str(error).startswith("Error reading")):
            return refusal(400, "resource_error", str(error))
        case MCPError():  # FastMCP lets one through only to tell the client
            return refusal(400, "tool_error", error.error.message)
        case ToolError() | ResourceError():  # FastMCP's own words for a bug, which has been logged
            return refusal(500, "internal_error", _BUG)
    log.error("a REST request failed", exc_info=error)
    return refusal(500, "internal_error", _BUG)


def _shown(error: Exception) -> str:
    text = str(error)
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}…"
