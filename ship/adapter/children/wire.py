"""JSON-RPC, as it stands on the lines of a child."""

import json
from typing import Any, TypeAlias

from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR
from pydantic_core import from_json

from serving.calls.results import encodable

Json: TypeAlias = dict[str, Any]


def read_line(line: bytes) -> Any:
    """Return the JSON on a line, None if it is none; text that cannot be encoded, as file names have it, is mended."""
    try:
        return from_json(line)
    except ValueError:
        try:
            return encodable(json.loads(line))
        except (ValueError, RecursionError):
            return None


def result_of(response: Json) -> Json:
    """Return the result in a response.

    Raises:
        MCPError: it is an error.
    """
    error = response.get("error")
    if isinstance(error, dict):
        code = error.get("code")
        text = str(error.get("message", "the server failed"))
        raise MCPError(code if isinstance(code, int) else INTERNAL_ERROR, text, error.get("data"))
    result = response.get("result")
    return result if isinstance(result, dict) else {}


def error_of(code: int, message: str) -> Json:
    """Return the part of a response that says what is wrong."""
    return {"error": {"code": code, "message": message}}
