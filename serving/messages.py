"""What comes in from outside: one JSON-RPC message, strictly JSON, or a sentence that says what is wrong with it."""

import re
from collections.abc import Iterator
from typing import Any, Final

from mcp_types import INVALID_REQUEST, PARSE_ERROR
from pydantic_core import from_json

_MAY_OVERFLOW: Final = re.compile(rb"[eE]\+?\d{3}|\d{309}")


class BadMessage(ValueError):  # noqa: N818  it is no failure of ours
    """A message that gets an answer instead of being dispatched; `code` is JSON-RPC's."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def read_json(body: bytes) -> Any:
    """Parse `body` as RFC 8259 has it, which Python's parser does not: no NaN, no Infinity, no lone surrogates.

    Raises:
        BadMessage: it is not JSON, nested deeper than 200, or holds a number that no float or 4,300 digits can hold.
    """
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise BadMessage(PARSE_ERROR, f"not JSON: {error}") from None
    if _MAY_OVERFLOW.search(body) and any(number in (float("inf"), float("-inf")) for number in _floats(value)):
        raise BadMessage(PARSE_ERROR, "not JSON: number out of range")
    return value


def read_message(body: bytes) -> Any:
    """Parse a JSON-RPC message.

    A request whose `id` is null or fractional would pass for a notification, and its sender would wait for ever.

    Raises:
        BadMessage: it is not JSON, or a request with an `id` that is neither a string nor a whole number
            (JSON-RPC 2.0, section 4; MCP forbids null).
    """
    message = read_json(body)
    if isinstance(message, dict) and "method" in message and "id" in message and type(message["id"]) not in (str, int):
        raise BadMessage(INVALID_REQUEST, "id: expected a string or a whole number")
    return message


def error_message(request_id: Any, code: int, text: str) -> dict[str, Any]:
    """Build a JSON-RPC error; `request_id` is None where the request's own could not be read."""
    return {"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": text}}


def _floats(value: Any) -> Iterator[float]:
    match value:
        case float():
            yield value
        case dict():
            for item in value.values():
                yield from _floats(item)
        case list():
            for item in value:
                yield from _floats(item)
