"""What a child offers, as FastMCP's components: each passes its call on to the child, and the answer back."""

import base64
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeAlias, TypeVar

import mcp_types as types
from fastmcp.exceptions import ToolError
from fastmcp.prompts import Message, Prompt, PromptResult
from fastmcp.prompts.base import PromptArgument
from fastmcp.resources import Resource, ResourceContent, ResourceResult, ResourceTemplate
from fastmcp.server.dependencies import get_context
from fastmcp.tools import InputRequiredToolResult, Tool, ToolResult
from mcp.shared.exceptions import MCPError
from pydantic import BaseModel, PrivateAttr, ValidationError

from serving.calls.known_tools import wants_headers
from ship.adapter.children.child import Child
from ship.adapter.children.wire import Json, result_of
from ship.adapter.front.caller import Rounds, follow

Pick: TypeAlias = Callable[[], Coroutine[Any, Any, Child]]
"""Returns the child for the request that is being answered."""
NO_RESULT: Final = "the server has answered with what is no result"

M = TypeVar("M", bound=BaseModel)

_CONNECTIONS_OWN: Final = ("protocolVersion", "clientInfo", "clientCapabilities", "logLevel")
"""What the `_meta` of a request says of the connection to us, and not of the request."""


def forwardable(meta: Any) -> Json:
    """Return the `_meta` of a request as the child gets it, in a dict of its own if there is any."""
    own = {f"io.modelcontextprotocol/{key}" for key in _CONNECTIONS_OWN}
    kept = {key: value for key, value in dict(meta or {}).items() if key not in own}
    if "progress_token" in kept:  # the SDK's own spelling
        kept["progressToken"] = kept.pop("progress_token")
    return {"_meta": kept} if kept else {}


class ChildTool(Tool):
    """A tool of the child, listed as the child has it, as all components here: FastMCP would make up a title."""

    _pick: Pick = PrivateAttr()
    _rounds: Rounds = PrivateAttr()
    _listed: types.Tool = PrivateAttr()
    _wants_headers: bool = PrivateAttr()

    @classmethod
    def of(cls, listed: Json, pick: Pick, rounds: Rounds) -> "ChildTool":
        """Build one from its entry in the child's list."""
        found = types.Tool.model_validate(listed)
        tool = cls(name=found.name, description=found.description, parameters=found.input_schema)
        tool._pick, tool._rounds, tool._listed = pick, rounds, found
        tool._wants_headers = wants_headers(tool)
        return tool

    @property
    def wants_headers(self) -> bool:
        """Whether arguments come in headers, too, which somebody has to compare."""
        return self._wants_headers

    def to_mcp_tool(self, **_: Any) -> types.Tool:
        """Return the entry."""
        return self._listed

    async def run(self, arguments: dict[str, Any]) -> ToolResult:
        """Call it.

        Raises:
            ToolError: the child refuses the call; the message is the child's.
            ChildGoneError: the child has ended.
        """
        context = get_context()
        try:
            if context.request_state:
                exchange = self._rounds.resume(context.request_state, context.input_responses)
            else:
                child = await self._pick()
                params = {"name": self.name, "arguments": arguments, **forwardable(_meta(context))}
                exchange = child.begin("tools/call", params)
            answer = await follow(exchange, context, self._rounds)
            if isinstance(answer, types.InputRequiredResult):
                return InputRequiredToolResult(answer)
            result = _read(types.CallToolResult, result_of(answer))
        except MCPError as error:
            raise ToolError(error.error.message) from None
        return ToolResult(result.content, result.structured_content, result.meta, result.is_error)


class ChildResource(Resource):
    """A resource of the child, listed or not."""

    _pick: Pick = PrivateAttr()
    _listed: types.Resource = PrivateAttr()

    @classmethod
    def of(cls, listed: Json, pick: Pick) -> "ChildResource":
        """Build one from its entry in the child's list."""
        found = types.Resource.model_validate(listed)
        resource = cls(name=found.name, uri=found.uri, mime_type=found.mime_type or "text/plain")
        resource._pick, resource._listed = pick, found
        return resource

    def to_mcp_resource(self, **_: Any) -> types.Resource:
        """Return the entry."""
        return self._listed

    async def read(self) -> ResourceResult:
        """Read it.

        Raises:
            ChildGoneError: the child has ended.
            MCPError: the child refuses; the message is the child's.
        """
        answer = await _ask("resources/read", {"uri": str(self.uri)}, self._pick)
        result = _read(types.ReadResourceResult, answer)
        return ResourceResult([_content(one) for one in result.contents], meta=result.meta)


class ChildTemplate(ResourceTemplate):
    """A resource template of the child, for lists; what it stands for is read as any other resource."""

    _listed: types.ResourceTemplate = PrivateAttr()

    @classmethod
    def of(cls, listed: Json) -> "ChildTemplate":
        """Build one from its entry in the child's list."""
        found = types.ResourceTemplate.model_validate(listed)
        template = cls(name=found.name, uri_template=found.uri_template, parameters={})
        template._listed = found
        return template

    def to_mcp_template(self, **_: Any) -> types.ResourceTemplate:
        """Return the entry."""
        return self._listed


class ChildPrompt(Prompt):
    """A prompt of the child."""

    _pick: Pick = PrivateAttr()
    _listed: types.Prompt = PrivateAttr()

    @classmethod
    def of(cls, listed: Json, pick: Pick) -> "ChildPrompt":
        """Build one from its entry in the child's list."""
        found = types.Prompt.model_validate(listed)
        arguments = [PromptArgument(name=one.name, required=bool(one.required)) for one in found.arguments or []]
        prompt = cls(name=found.name, arguments=arguments)
        prompt._pick, prompt._listed = pick, found
        return prompt

    def to_mcp_prompt(self, **_: Any) -> types.Prompt:
        """Return the entry."""
        return self._listed

    async def render(self, arguments: dict[str, Any] | None = None) -> PromptResult:
        """Render it.

        Raises:
            ChildGoneError: the child has ended.
            MCPError: the child refuses; the message is the child's.
        """
        params = {"name": self.name, "arguments": arguments or {}}
        answer = await _ask("prompts/get", params, self._pick)
        result = _read(types.GetPromptResult, answer)
        messages = [Message(content=one.content, role=one.role) for one in result.messages]
        return PromptResult(messages, description=result.description, meta=result.meta)


async def _ask(method: str, params: Json, pick: Pick) -> Json:
    context = get_context()
    exchange = (await pick()).begin(method, {**params, **forwardable(_meta(context))})
    answer = await follow(exchange, context)
    return result_of(answer) if isinstance(answer, dict) else {}


def _read(model: type[M], answer: Json) -> M:
    try:
        return model.model_validate(answer)
    except ValidationError:  # which the SDK would take for a fault of the client's
        raise MCPError(types.INTERNAL_ERROR, NO_RESULT) from None


def _meta(context: Any) -> Any:
    request = context.request_context
    return request.meta if request else None


def _content(one: Any) -> ResourceContent:
    content = one.text if isinstance(one, types.TextResourceContents) else base64.b64decode(one.blob)
    return ResourceContent(content, mime_type=one.mime_type, meta=one.meta)
