"""The SDK's server of a guest's functions. What asks them is FastMCP with the chassis, see `boot.lowlevel`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

import mcp_types as types
from mcp import UriTemplate
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from pydantic import BaseModel

from ship.aws_lambda.boot.contract.calls import Handler, call
from ship.aws_lambda.boot.contract.errors import public_message
from ship.aws_lambda.boot.contract.shapes import (
    entries,
    fitted,
    prompt_result,
    resource_result,
    tool_entry,
    tool_result,
)

if TYPE_CHECKING:
    from ship.aws_lambda.boot.contract.server import Item, SimpleServer

M = TypeVar("M", bound=BaseModel)

_NOT_FOUND: Final = types.INVALID_PARAMS
"""What 2026-07-28 has for what is not there; before, a resource had a code of its own that clients need not know."""


def build(simple: "SimpleServer") -> Server[Any]:
    """Return the SDK's server of what is registered by now; kinds that come later are not offered."""
    answers, items = _Answers(simple), simple.items
    offered: dict[str, Any] = {}
    if items.tools or simple.lists.keys() & {"tools/list", "tools/call"}:
        offered |= {"on_list_tools": answers.list_tools, "on_call_tool": answers.call_tool}
    if items.resources or items.templates or any(method.startswith("resources/") for method in simple.lists):
        offered |= {"on_list_resources": answers.list_resources, "on_read_resource": answers.read_resource}
        offered["on_list_resource_templates"] = answers.list_templates
    if items.prompts or simple.lists.keys() & {"prompts/list", "prompts/get"}:
        offered |= {"on_list_prompts": answers.list_prompts, "on_get_prompt": answers.get_prompt}
    return Server(simple.name, version=simple.version, instructions=simple.instructions, **offered)


class _Answers:
    """Each method's handler: an item's own function first, then the one for the whole method."""

    def __init__(self, simple: "SimpleServer") -> None:
        self._items, self._lists = simple.items, simple.lists

    async def list_tools(self, _ctx: Any, _params: Any) -> types.ListToolsResult:
        listed = await self._listed(types.Tool, "tools/list", "tools", self._items.tools)
        return types.ListToolsResult(tools=listed)

    async def list_resources(self, _ctx: Any, _params: Any) -> types.ListResourcesResult:
        listed = await self._listed(types.Resource, "resources/list", "resources", self._items.resources)
        return types.ListResourcesResult(resources=listed)

    async def list_templates(self, _ctx: Any, _params: Any) -> types.ListResourceTemplatesResult:
        method, key = "resources/templates/list", "resourceTemplates"
        listed = await self._listed(types.ResourceTemplate, method, key, self._items.templates)
        return types.ListResourceTemplatesResult(resource_templates=listed)

    async def list_prompts(self, _ctx: Any, _params: Any) -> types.ListPromptsResult:
        listed = await self._listed(types.Prompt, "prompts/list", "prompts", self._items.prompts)
        return types.ListPromptsResult(prompts=listed)

    async def call_tool(self, _ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        what, arguments = f"tool {params.name!r}", params.arguments or {}
        try:
            if item := self._items.tools.get(params.name):
                return tool_result(await call(item.handler, arguments), what)
            handler = self._whole("tools/call", f"Unknown tool: {params.name!r}")
            return tool_result(await call(handler, params.name, arguments), what)
        except MCPError:
            raise
        except Exception as error:  # it is a failed call, which the model is told of
            content = types.TextContent(text=public_message(error, what))
            return types.CallToolResult(content=[content], is_error=True)

    async def read_resource(self, _ctx: Any, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        uri = str(params.uri)
        item = self._resource(uri)
        what = f"resource {item.entry['name']!r}" if item else "resources/read"  # a URI is not for the log
        handler = item.handler if item else self._whole("resources/read", f"Unknown resource: {uri!r}")
        mime_type = item.entry.get("mimeType") if item else None
        return resource_result(await _asked(what, handler, uri), uri, mime_type, what)

    async def get_prompt(self, _ctx: Any, params: types.GetPromptRequestParams) -> types.GetPromptResult:
        what, arguments = f"prompt {params.name!r}", params.arguments or {}
        if item := self._items.prompts.get(params.name):
            return prompt_result(await _asked(what, item.handler, arguments), what)
        handler = self._whole("prompts/get", f"Unknown prompt: {params.name!r}")
        return prompt_result(await _asked(what, handler, params.name, arguments), what)

    async def _listed(self, model: type[M], method: str, key: str, items: Mapping[str, "Item"]) -> list[M]:
        found = [item.entry for item in items.values()]
        if method in self._lists:
            found += entries(await _asked(method, self._lists[method]), key)
        if model is types.Tool:
            found = [tool_entry(entry) for entry in found]
        return [fitted(model, entry, _named(method, entry, number)) for number, entry in enumerate(found)]

    def _resource(self, uri: str) -> "Item | None":
        if item := self._items.resources.get(uri):
            return item
        matching = (item for template, item in self._items.templates.items() if _matches(template, uri))
        return next(matching, None)

    def _whole(self, method: str, unknown: str) -> Handler:
        if method not in self._lists:
            raise MCPError(_NOT_FOUND, unknown)
        return self._lists[method]


async def _asked(what: str, handler: Handler, *arguments: Any) -> Any:
    try:
        return await call(handler, *arguments)
    except MCPError:
        raise
    except Exception as error:  # all else would be quoted to the client
        raise MCPError(types.INTERNAL_ERROR, public_message(error, what)) from None


def _matches(template: str, uri: str) -> bool:
    return UriTemplate.parse(template).match(uri) is not None


def _named(method: str, entry: Any, number: int) -> str:
    name = entry.get("name") if isinstance(entry, dict) else None
    return f"{method}[{number}]" + (f" ({name!r})" if isinstance(name, str) else "")
