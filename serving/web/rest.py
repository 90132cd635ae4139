"""The REST API: the tools and resources of MCP, through the same middleware, for clients that speak plain HTTP."""

import base64
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import quote, unquote

import anyio
import pydantic
from fastmcp import FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.resources import ResourceContent, ResourceResult
from fastmcp.resources.base import InputRequiredResourceResult
from fastmcp.tools import InputRequiredToolResult, ToolResult
from fastmcp.utilities.versions import dedupe_with_versions
from mcp_types import TextContent
from pydantic import AliasChoices, BaseModel, ConfigDict, Field
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from serving.answers import refusal
from serving.calls.faults import explain
from serving.messages import read_json
from serving.settings import Settings
from serving.web.rest_context import AsksTheClientError, rest_context
from serving.web.rest_errors import answer_error

TOOLS: Final = "/mcp/tools"
EXECUTE: Final = "/mcp/execute"
RESOURCES: Final = "/mcp/resources"
RESOURCE: Final = "/mcp/resource/"

_JSON: Final = re.compile(r"application/([\w.-]+\+)?json", re.IGNORECASE)
_ONE_SLASH: Final = re.compile(r"([a-zA-Z][\w.+-]*:)/(?!/)(.*)", re.DOTALL)
_HUNG_UP: Final = 499
"""nginx's status for a client that is gone; nobody reads it."""

Handler = Callable[[Request], Awaitable[Response]]


class _Anything(PathConvertor):
    regex = "(?s:.*)"  # starlette's own stops at a newline


register_url_convertor("anything", _Anything())


def rest_routes(mcp: FastMCP, settings: Settings) -> list[Route]:
    """Build the four routes; see `serving.web.openapi` for what they take and answer.

    They answer `{"tools": [{"name", "description", "parameters"}]}`, `{"resources": [{"uri", "name", "mimeType"}]}`,
    `{"uri", "content", "mimeType"}` (binary content has `"encoding": "base64"`; a resource with more or fewer than one
    content has a list of them, `"contents"`), and `{"result", "metadata": {"tool", "success"}}`; whatever fails, as
    `serving.web.rest_errors` has it. A client that hangs up cancels its call.
    """
    api = _Api(mcp, settings.endpoint)
    return [
        Route(TOOLS, Endpoint("GET", api.list_tools)),
        Route(RESOURCES, Endpoint("GET", api.list_resources)),
        Route(RESOURCE + "{uri:anything}", Endpoint("GET", api.read_resource)),
        Route(EXECUTE, Endpoint("POST", api.execute)),
    ]


class Call(BaseModel):
    """What `POST /mcp/execute` takes; `name` and `arguments` are MCP's words for the same."""

    model_config = ConfigDict(extra="forbid", strict=True)

    tool: str = Field(validation_alias=AliasChoices("tool", "name"))
    parameters: dict[str, Any] = Field({}, validation_alias=AliasChoices("parameters", "arguments"))


class _Api:
    def __init__(self, mcp: FastMCP, endpoint: str) -> None:
        self.mcp = mcp
        self.endpoint = endpoint

    async def list_tools(self, _: Request) -> Response:
        tools = dedupe_with_versions(await self.mcp.list_tools(), lambda tool: tool.name)
        return JSONResponse(
            {
                "tools": [
                    {"name": tool.name, "description": tool.description or "", "parameters": tool.parameters}
                    for tool in tools
                ]
            }
        )

    async def list_resources(self, _: Request) -> Response:
        resources = dedupe_with_versions(await self.mcp.list_resources(), lambda resource: str(resource.uri))
        return JSONResponse(
            {
                "resources": [
                    {"uri": str(resource.uri), "name": resource.name, "mimeType": resource.mime_type}
                    for resource in resources
                ]
            }
        )

    async def read_resource(self, request: Request) -> Response:
        uri = await self._known(_uri(request))
        with rest_context("resources/read", request, self.endpoint):
            result = await self.mcp.read_resource(uri)
        if isinstance(result, InputRequiredResourceResult):
            raise AsksTheClientError(self.endpoint)
        return JSONResponse({"uri": uri} | _contents(result))

    async def execute(self, request: Request) -> Response:
        given = request.headers.get("content-type")
        if given and not _JSON.fullmatch(given.partition(";")[0].strip()):
            return refusal(415, "unsupported_media_type", "expected Content-Type: application/json")
        body = read_json(await request.body())
        try:
            call = Call.model_validate(body)
        except pydantic.ValidationError as error:
            return refusal(422, "invalid_request", f"the body does not fit: {explain(error, body)}")
        with rest_context("tools/call", request, self.endpoint):
            result = await self.mcp.call_tool(call.tool, call.parameters)
        if isinstance(result, InputRequiredToolResult):
            raise AsksTheClientError(self.endpoint)
        if result.is_error:
            raise ToolError("\n".join(block.text for block in result.content if isinstance(block, TextContent)))
        return JSONResponse({"result": _value(result), "metadata": {"tool": call.tool, "success": True}})

    async def _known(self, uri: str) -> str:
        """Give a URI back the slashes that a proxy has taken for doubled, if there is a resource of that name then."""
        found = _ONE_SLASH.fullmatch(uri)
        for one in [uri, f"{found[1]}//{found[2]}", f"{found[1]}///{found[2]}"] if found else []:
            if await self.mcp.get_resource(one) or await self.mcp.get_resource_template(one):
                return one
        return uri


class Endpoint:
    """ASGI app: one handler for one method, and an answer for whatever is refused or goes wrong."""

    def __init__(self, method: str, handler: Handler) -> None:
        self.methods = {"GET": ("GET", "HEAD"), "POST": ("POST",)}[method]
        self.handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request."""
        request = Request(scope, receive, send)
        allow = {"Allow": ", ".join([*self.methods, "OPTIONS"])}
        answer: Response
        if request.method == "OPTIONS":
            answer = Response(status_code=204, headers=allow)
        elif request.method not in self.methods:
            answer = refusal(405, "method_not_allowed", f"expected {allow['Allow']}", allow)
        else:
            answer = await _while_connected(request, self.handler)
        await answer(scope, receive, send)


async def _while_connected(request: Request, handler: Handler) -> Response:
    answer = Response(status_code=_HUNG_UP)
    if request.method == "POST":  # what comes after the body is the disconnect
        try:
            await request.body()
        except ClientDisconnect:
            return answer
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_cancel_on_disconnect, request.receive, tasks.cancel_scope)
        answer = await _answer(request, handler)
        tasks.cancel_scope.cancel()
    return answer


async def _cancel_on_disconnect(receive: Receive, calls: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    calls.cancel()


async def _answer(request: Request, handler: Handler) -> Response:
    try:
        return await handler(request)
    except Exception as error:
        return answer_error(error)


def _uri(request: Request) -> str:
    """Read the URI as the client wrote it: as it is, or percent-encoded as a whole. A query belongs to it."""
    path = request.scope.get("raw_path") or quote(request.scope["path"], safe="/:").encode()
    uri = path.decode("utf-8", "replace").partition(RESOURCE)[2]
    scheme, _, rest = uri.partition(":")
    if not rest or "%" in scheme or rest[:3].lower() == "%2f":
        uri = unquote(uri)
    query = request.scope["query_string"].decode("latin-1")
    return f"{uri}?{query}" if query else uri


def _contents(result: ResourceResult) -> dict[str, Any]:
    contents = [_content(one) for one in result.contents]
    return contents[0] if len(contents) == 1 else {"contents": contents}


def _content(one: ResourceContent) -> dict[str, Any]:
    if isinstance(one.content, str):
        return {"content": one.content, "mimeType": one.mime_type or "text/plain"}
    content = base64.b64encode(one.content).decode()
    return {"content": content, "mimeType": one.mime_type or "application/octet-stream", "encoding": "base64"}


def _value(result: ToolResult) -> Any:
    """Return what the tool returned; FastMCP wraps what is no object, because MCP's structured content must be one."""
    if result.structured_content is not None:
        wrapped = (result.meta or {}).get("fastmcp", {}).get("wrap_result")
        return result.structured_content["result"] if wrapped else result.structured_content
    match result.content:
        case []:
            return None
        case [TextContent() as only]:
            return only.text
        case blocks:
            return [block.model_dump(mode="json", by_alias=True, exclude_none=True) for block in blocks]
