"""A call's arguments: what is wrong with them is told to whoever made the call."""

import inspect
import re
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final

import pydantic
from fastmcp.exceptions import PromptError, ResourceError, ValidationError
from fastmcp.prompts import FunctionPrompt, Prompt

from serving.calls.faults import explain, shown
from serving.calls.hooks import Call, CallMiddleware, Next

_UNCONVERTED: Final = re.compile(r"Could not convert argument '(\w+)'")
_NOT_THE_AUTHORS: Final = {"fastmcp", "pydantic", "anyio"}


class ExplainArguments(CallMiddleware):
    """FastMCP middleware: explain what FastMCP leaves in pydantic's words, values included, or hides."""

    async def on_call_tool(self, context: Call, call_next: Next) -> Any:
        """Explain a tool's arguments."""
        try:
            return await call_next(context)
        except ValidationError as error:
            if not isinstance(error.__cause__, pydantic.ValidationError):
                raise
            explained = explain(error.__cause__, context.message.arguments)
            raise ValidationError(explained, log_level=error.log_level) from error.__cause__

    async def on_get_prompt(self, context: Call, call_next: Next) -> Any:
        """Explain a prompt's arguments."""
        try:
            return await call_next(context)
        except PromptError as error:
            server = context.fastmcp_context and context.fastmcp_context.fastmcp
            prompt = await server.get_prompt(context.message.name) if server else None
            if missing := _missing(prompt, context.message.arguments):
                raise ValidationError("; ".join(f"{shown(name)}: missing" for name in missing)) from error
            unconverted = _UNCONVERTED.match(str(error))
            if unconverted and isinstance(error.__cause__, pydantic.ValidationError):
                cause = _before_json(prompt, unconverted[1], context.message.arguments, error.__cause__)
                raise ValidationError(explain(cause, context.message.arguments, (unconverted[1],))) from error
            raise

    async def on_read_resource(self, context: Call, call_next: Next) -> Any:
        """Explain the parameters in the URI of a resource template."""
        try:
            return await call_next(context)
        except ResourceError as error:
            cause = error.__cause__
            if not isinstance(cause, ValueError) or _reached_the_author(cause.__traceback__):
                raise
            server = context.fastmcp_context and context.fastmcp_context.fastmcp
            template = await server.get_resource_template(str(context.message.uri)) if server else None
            if template is None:
                raise
            raise ValidationError(f"the parameters in the URI do not fit {template.uri_template}") from error


def _missing(prompt: Prompt | None, arguments: Mapping[str, str] | None) -> list[str]:
    declared = (prompt and prompt.arguments) or []
    return [one.name for one in declared if one.required and one.name not in (arguments or {})]


def _before_json(
    prompt: Prompt | None, name: str, arguments: Mapping[str, str] | None, error: pydantic.ValidationError
) -> pydantic.ValidationError:
    # FastMCP tries an argument as text, then as JSON, and tells of the latter; where it is none, the former tells more.
    if isinstance(prompt, FunctionPrompt) and arguments and error.errors()[0]["type"] == "json_invalid":
        kind = inspect.signature(prompt.fn).parameters[name].annotation
        try:
            pydantic.TypeAdapter(kind).validate_python(arguments[name])
        except pydantic.ValidationError as first:
            return first
    return error


def _reached_the_author(traceback: TracebackType | None) -> bool:
    while traceback:
        if traceback.tb_frame.f_globals["__name__"].partition(".")[0] not in _NOT_THE_AUTHORS:
            return True
        traceback = traceback.tb_next
    return False
