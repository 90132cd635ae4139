"""The guest's plain data, as the protocol's types."""

import base64
import json
import logging
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import mcp_types as types
from mcp.shared.exceptions import MCPError
from pydantic import BaseModel, ValidationError

log: Final = logging.getLogger("ship.aws_lambda")

M = TypeVar("M", bound=BaseModel)

_CONTENT: Final = frozenset({"text", "image", "audio", "resource", "resource_link"})
_ANY_OBJECT: Final = {"type": "object"}


def fitted(model: type[M], value: Any, what: str) -> M:
    """Return the guest's data as one of the protocol's types; `what` says whose it is, to the log and the client.

    Raises:
        MCPError: it does not fit. The log says which field, and neither it nor the client is told what was in it.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        wrong = "; ".join(f"{_path(one['loc'])}: {one['type']}" for one in error.errors()[:5])
        log.error("%s: not as the protocol has it: %s", what, wrong)  # noqa: TRY400  a traceback quotes the data
        raise misfit(what) from None


def misfit(what: str) -> MCPError:
    """Return the error for data that is not of the protocol."""
    return MCPError(types.INTERNAL_ERROR, f"{what}: the server has answered with what is not of the protocol")


def plain(value: Any) -> Any:
    """Return data in which the SDK's own objects have become dicts, as the wire has them."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def entries(value: Any, key: str) -> list[Any]:
    """Return the entries of a list that came as such, or in a dict as the protocol has it."""
    value = plain(value)
    found = value.get(key) if isinstance(value, dict) else value
    return found if isinstance(found, list) else [found]


def tool_entry(entry: Any) -> Any:
    """Return a tool's entry with an input schema, which the protocol wants, for one that has none."""
    if not isinstance(entry, dict):
        return entry
    schema = entry.get("inputSchema", entry.get("input_schema"))
    if schema is None:
        return {**entry, "inputSchema": _ANY_OBJECT}
    return {**entry, "inputSchema": _ANY_OBJECT | schema} if isinstance(schema, dict) else entry


def tool_result(value: Any, what: str) -> types.CallToolResult:
    """Return what a tool answers: a result, a list of content, a text, or any other JSON value, which becomes a text.

    Raises:
        MCPError: it is none of them.
    """
    value = plain(value)
    if value is None:
        return types.CallToolResult(content=[])
    if isinstance(value, str):
        return types.CallToolResult(content=[types.TextContent(text=value)])
    if isinstance(value, list) and all(isinstance(one, dict) and one.get("type") in _CONTENT for one in value):
        value = {"content": value}
    elif not (isinstance(value, dict) and (isinstance(value.get("content"), list) or "structuredContent" in value)):
        value = {"structuredContent": value} if isinstance(value, dict) else {"content": [_text(value, what)]}
    if "content" not in value:
        value = {**value, "content": [_text(value["structuredContent"], what)]}
    return fitted(types.CallToolResult, value, what)


def resource_result(value: Any, uri: str, mime_type: str | None, what: str) -> types.ReadResourceResult:
    """Return what a resource answers: contents, a text, bytes, or any other JSON value.

    Raises:
        MCPError: it is none of them.
    """
    common = {"uri": uri} | ({"mimeType": mime_type} if mime_type else {})
    if isinstance(value, bytes | bytearray | memoryview):
        value = {"contents": [{"blob": base64.b64encode(value).decode()}]}
    value = plain(value)
    if isinstance(value, str):
        value = {"contents": [{"text": value}]}
    if isinstance(value, list) and all(isinstance(one, dict) and one.keys() & {"text", "blob"} for one in value):
        value = {"contents": value}
    if not (isinstance(value, dict) and isinstance(value.get("contents"), list)):
        value = {"contents": [{"mimeType": "application/json", "text": _text(value, what)["text"]}]}
    contents = [common | one if isinstance(one, dict) else one for one in value["contents"]]
    return fitted(types.ReadResourceResult, {**value, "contents": contents}, what)


def prompt_result(value: Any, what: str) -> types.GetPromptResult:
    """Return what a prompt answers: a result, a list of messages, or a text, which becomes the user's message.

    Raises:
        MCPError: it is none of them.
    """
    value = plain(value)
    if isinstance(value, str):
        value = [{"role": "user", "content": value}]
    if isinstance(value, list):
        value = {"messages": value}
    if isinstance(value, dict) and isinstance(value.get("messages"), list):
        value = {**value, "messages": [_message(one) for one in value["messages"]]}
    return fitted(types.GetPromptResult, value, what)


def _message(message: Any) -> Any:
    if isinstance(message, dict) and isinstance(message.get("content"), str):
        return {**message, "content": {"type": "text", "text": message["content"]}}
    return message


def _text(value: Any, what: str) -> dict[str, Any]:
    try:
        return {"type": "text", "text": json.dumps(value, ensure_ascii=False, allow_nan=False)}
    except (TypeError, ValueError) as error:
        log.error("%s: not of JSON: %s", what, type(error).__name__)  # noqa: TRY400  a traceback quotes the data
        raise misfit(what) from None


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location))
