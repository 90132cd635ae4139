"""What a tool, a resource or a prompt answers: no heavier than it may be, and nothing that would break the wire."""

from typing import Any

from fastmcp.exceptions import FastMCPError, ToolError
from fastmcp.prompts import PromptResult
from fastmcp.resources import ResourceResult
from fastmcp.tools import ToolResult
from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, to_json

from serving.calls.hooks import Call, CallMiddleware, Next
from serving.calls.limits import ResultTooLargeError


class CheckResults(CallMiddleware):
    """Refuse answers heavier than `most_bytes` (as JSON), and mend text that cannot be encoded.

    Text with lone surrogates, as file names can have, would end a stdio server and leave others without an answer.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes

    async def check(self, context: Call, call_next: Next) -> Any:
        """Check what the call answers, an error's text included."""
        try:
            result = await call_next(context)
        except FastMCPError as error:
            if str(error).isascii() or (text := encodable(str(error))) == str(error):
                raise
            raise ToolError(text) from error
        return self._check(result) if isinstance(result, ToolResult | ResourceResult | PromptResult) else result

    on_call_tool = on_read_resource = on_get_prompt = check

    def _check(self, result: BaseModel) -> BaseModel:
        try:  # dumped first, because a model's own way with bytes would win
            wire = to_json(result.model_dump(), bytes_mode="base64")
        except PydanticSerializationError:
            result = encodable(result)
            wire = to_json(result.model_dump(), bytes_mode="base64")
        if len(wire) > self.most_bytes:
            raise ResultTooLargeError(len(wire), self.most_bytes)
        return result


def encodable(value: Any) -> Any:
    """Return `value` with a question mark for whatever UTF-8 cannot encode, in models, dicts and lists, too."""
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case BaseModel():
            return value.model_copy(update={name: encodable(getattr(value, name)) for name in type(value).model_fields})
        case dict():
            return {encodable(key): encodable(item) for key, item in value.items()}
        case list() | tuple():
            return [encodable(item) for item in value]
    return value
