"""What comes in from outside: one JSON-RPC message, strictly JSON, or a sentence that says what is wrong with it."""

import re
from typing import Any, Final

from mcp_types import INVALID_REQUEST, PARSE_ERROR
from pydantic_core import from_json

MOST_VALUES: Final = 20_000
"""How many values a message may hold: checking ten times as many against a tool's types takes seconds."""
_MAY_OVERFLOW: Final = re.compile(rb"[eE]\+?\d{3}|\d{309}")


class BadMessage(ValueError):  # noqa: N818  it is no failure of ours
    """A message that gets `answer`, a JSON-RPC error, instead of being dispatched."""

    def __init__(self, code: int, text: str, request_id: Any = None) -> None:
        super().__init__(text)
        self.code = code
        self.answer = error_message(request_id, code, text)


def read_json(body: bytes) -> Any:
    """Parse `body` as RFC 8259 has it, which Python's parser does not: no NaN, no Infinity, no lone surrogates.

    Raises:
        BadMessage: it is not JSON, nested deeper than 200, or holds a number that no float or 4,300 digits can hold,
            or more than MOST_VALUES values.
    """
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise BadMessage(PARSE_ERROR, f"not JSON: {error}") from None
    if body.count(b",") > MOST_VALUES or _MAY_OVERFLOW.search(body):
        _look_through(value)
    return value


def read_message(body: bytes) -> Any:
    """Parse a JSON-RPC message.

    A request whose `id` is null or fractional would pass for a notification, and its sender would wait for ever.

    Raises:
        BadMessage: it is not JSON, or no message as JSON-RPC 2.0 has it (section 4; MCP forbids an `id` of null).
    """
    message = read_json(body)
    if fault := _fault(message):
        given = message.get("id") if isinstance(message, dict) else None
        raise BadMessage(INVALID_REQUEST, fault, given if type(given) in (str, int) else None)
    return message


def error_message(request_id: Any, code: int, text: str) -> dict[str, Any]:
    """Build a JSON-RPC error; `request_id` is None where the request's own could not be read."""
    return {"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": text}}


def _look_through(value: Any) -> None:
    """Refuse too many values and too large numbers; without recursion, which is slow for what is nested deep."""
    stack, seen = [value], 0
    while stack:
        match stack.pop():
            case float() as number if number in (float("inf"), float("-inf")):
                raise BadMessage(PARSE_ERROR, "not JSON: number out of range")
            case dict() as mapping:
                stack.extend(mapping.values())
            case list() as items:
                stack.extend(items)
        seen += 1
        if seen + len(stack) > MOST_VALUES:
            raise BadMessage(INVALID_REQUEST, f"expected at most {MOST_VALUES} values in one message")


def _fault(message: Any) -> str:
    """Return what keeps `message` from being a JSON-RPC one; the SDK would quote it in pydantic's words."""
    if not isinstance(message, dict):
        return "expected one JSON object: MCP knows no batches"
    if message.get("jsonrpc") != "2.0":
        return 'jsonrpc: expected "2.0"'
    if "method" in message:
        if not isinstance(message["method"], str):
            return "method: expected text"
        if "id" in message and type(message["id"]) not in (str, int):
            return "id: expected a string or a whole number"
        if not isinstance(message.get("params", {}), dict | None):
            return "params: expected an object"
    elif not {"result", "error"} & message.keys():
        return "method: missing"
    return ""
