"""`GET /openapi.json`: the REST API as an OpenAPI 3.1 document, with every tool that the caller may see."""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from fastmcp import FastMCP
from fastmcp.resources import Resource
from fastmcp.tools import Tool
from fastmcp.utilities.versions import dedupe_with_versions
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from serving.web.rest import EXECUTE, RESOURCE, RESOURCES, TOOLS, Endpoint

PATH: Final = "/openapi.json"

_TEXT: Final = {"type": "string"}
_SCHEMAS: Final = "#/components/schemas/"
_NOT_IN_A_KEY: Final = re.compile(r"[^\w.-]", re.ASCII)
_SERVERS_CARE: Final = (421, 429, 500, 503)
"""What any request may get, whatever it asks for; with authentication 401 and 403, too."""

_ERROR: Final = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "request_id"],
            "properties": {
                "code": {"type": "string", "description": "a word for programs"},
                "message": {"type": "string", "description": "a sentence for people"},
                "request_id": {"type": ["string", "null"], "description": "what the server's log calls the request"},
            },
        }
    },
}
_CONTENT: Final = {
    "type": "object",
    "required": ["content", "mimeType"],
    "properties": {"content": _TEXT, "mimeType": _TEXT, "encoding": {"const": "base64"}},
}


def openapi_route(mcp: FastMCP) -> Route:
    """Build the route. The document is made for each caller, because a listing hides what a token may not use."""

    async def openapi(_: Request) -> Response:
        tools = dedupe_with_versions(await mcp.list_tools(), lambda tool: tool.name)
        resources = dedupe_with_versions(await mcp.list_resources(), lambda resource: str(resource.uri))
        return JSONResponse(_document(mcp, tools, resources))

    return Route(PATH, Endpoint("GET", openapi))


def _document(mcp: FastMCP, tools: Sequence[Tool], resources: Sequence[Resource]) -> dict[str, Any]:
    schemas: dict[str, Any] = {"Error": _ERROR, "Content": _CONTENT}
    calls, results = [], []
    for tool in tools:
        key = _free_key(tool.name, schemas)
        schemas[key] = _moved(tool.parameters, _SCHEMAS + key)
        calls.append(_call(tool, key))
        results.append(_result(tool, key, schemas))
    refused = (*_SERVERS_CARE, *((401, 403) if mcp.auth else (403,)))
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": mcp.name, "version": str(mcp.version or 0), "description": mcp.instructions or ""},
        "servers": [{"url": "/"}],
        "paths": {
            TOOLS: {"get": _listing("tools", ("name", "description"), {"parameters": {"type": "object"}}, refused)},
            RESOURCES: {"get": _listing("resources", ("uri", "name", "mimeType"), {}, refused)},
            RESOURCE + "{uri}": {"get": _reading(resources, refused)},
            EXECUTE: {"post": _execution(calls, results, refused)},
        },
        "components": {"schemas": schemas},
    }
    if mcp.auth:
        document["components"]["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"bearer": []}]
    return document


def _listing(what: str, names: Sequence[str], more: dict[str, Any], refused: Sequence[int]) -> dict[str, Any]:
    item = {
        "type": "object",
        "required": [*names, *more],
        "properties": dict.fromkeys(names, _TEXT) | more,
    }
    body = {"type": "object", "required": [what], "properties": {what: {"type": "array", "items": item}}}
    return {
        "operationId": f"list_{what}",
        "summary": f"List the {what}",
        "responses": {"200": _json("the list", body)} | _refusals(refused),
    }


def _reading(resources: Sequence[Resource], refused: Sequence[int]) -> dict[str, Any]:
    uri: dict[str, Any] = {
        "name": "uri",
        "in": "path",
        "required": True,
        "description": "the resource's URI, as it is or percent-encoded as a whole; its query belongs to it",
        "schema": {"type": "string", "minLength": 1},
    }
    if resources:
        uri["examples"] = {f"{number}": {"value": str(one.uri)} for number, one in enumerate(resources)}
    many = {"type": "object", "required": ["contents"], "properties": {"contents": {"type": "array", "items": _ref()}}}
    body = {"type": "object", "required": ["uri"], "properties": {"uri": _TEXT}, "anyOf": [_ref(), many]}
    return {
        "operationId": "read_resource",
        "summary": "Read a resource",
        "description": "A resource with more or fewer than one content has a list of them, `contents`.",
        "parameters": [uri],
        "responses": {"200": _json("the content", body)} | _refusals((400, 404, 422, 504, *refused)),
    }


def _execution(calls: Sequence[Any], results: Sequence[Any], refused: Sequence[int]) -> dict[str, Any]:
    return {
        "operationId": "execute",
        "summary": "Call a tool",
        "description": "`name` and `arguments`, MCP's words for `tool` and `parameters`, are taken as well.",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"oneOf": calls} if calls else {"type": "object"}}},
        },
        "responses": {"200": _json("what the tool returned", {"anyOf": results} if results else {})}
        | _refusals((400, 404, 408, 413, 415, 422, 504, *refused)),
    }


def _call(tool: Tool, key: str) -> dict[str, Any]:
    needed = ["tool", "parameters"] if tool.parameters.get("required") else ["tool"]
    return {
        "title": tool.name,
        "description": tool.description or "",
        "type": "object",
        "required": needed,
        "properties": {"tool": {"const": tool.name}, "parameters": {"$ref": _SCHEMAS + key}},
        "additionalProperties": False,
    }


def _result(tool: Tool, parameters_key: str, schemas: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    if tool.output_schema:
        key = _free_key(f"{parameters_key}.result", schemas)
        schemas[key] = _moved(tool.output_schema, _SCHEMAS + key)
        wrapped = tool.output_schema.get("x-fastmcp-wrap-result")
        result = {"$ref": f"{_SCHEMAS}{key}/properties/result" if wrapped else _SCHEMAS + key}
    metadata = {
        "type": "object",
        "required": ["tool", "success"],
        "properties": {"tool": {"const": tool.name}, "success": {"const": True}},
    }
    return {
        "title": tool.name,
        "type": "object",
        "required": ["result", "metadata"],
        "properties": {"result": result, "metadata": metadata},
    }


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _refusals(statuses: Sequence[int]) -> dict[str, Any]:
    return {str(status): _json(HTTPStatus(status).phrase, {"$ref": f"{_SCHEMAS}Error"}) for status in sorted(statuses)}


def _ref() -> dict[str, Any]:
    return {"$ref": f"{_SCHEMAS}Content"}


def _free_key(name: str, taken: dict[str, Any]) -> str:
    key = _NOT_IN_A_KEY.sub("_", name)
    while key in taken:
        key += "_"
    return key


def _moved(schema: Any, home: str) -> Any:
    """Make the references inside of a schema fit the place that it has in the document."""
    match schema:
        case dict():
            return {
                key: home if (key, item) == ("$ref", "#") else _moved(item, home)
                for key, item in schema.items()
                if not (key in ("$schema", "$id") and isinstance(item, str))  # else they are the names of properties
            }
        case list():
            return [_moved(item, home) for item in schema]
        case str() if schema.startswith(("#/$defs/", "#/definitions/")):
            return home + schema[1:]
    return schema
