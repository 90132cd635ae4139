"""The short way for most tool calls: from the HTTP request to the child and back, without FastMCP and the SDK between.

Those would make models of a message and its answer, look the tool up and open a connection of their own for each call,
which takes most of its time. What surrounds a call is the same: the app's middleware, `around_calls`, FastMCP's span.
Every message that is not plainly such a call goes the long way: a call in a session, of a client that can be asked
something, with a header that does not fit, of a tool that has not been listed yet.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

import mcp_types as types
from fastmcp import FastMCP
from fastmcp.exceptions import FastMCPError, ToolError
from fastmcp.server.middleware import MiddlewareContext
from fastmcp.server.telemetry import server_span
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import InboundModernRoute, classify_inbound_request, find_duplicated_routing_header
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS
from pydantic_core import to_json
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.calls.limits import ResultTooLargeError
from serving.messages import error_message
from serving.settings import Settings
from serving.web.admission import MESSAGE
from ship.adapter.children.child import Child
from ship.adapter.children.exchange import ChildGoneError, Json, result_of
from ship.adapter.front.caller import CannotAskError
from ship.adapter.front.components import NO_RESULT, forwardable
from ship.adapter.front.provider import ChildProvider
from ship.adapter.front.reply import Reply

if TYPE_CHECKING:
    from starlette.applications import Starlette

log: Final = logging.getLogger("ship.adapter.front.express")

PATIENT_SECONDS: Final = 0.05
"""Calls that are over sooner are not worth watching whether their client hangs up."""
_CONTENT: Final = frozenset({"text", "image", "audio", "resource", "resource_link"})
_LOG_LEVEL: Final = "io.modelcontextprotocol/logLevel"


class ExpressFastMCP(FastMCP):
    """A FastMCP server whose endpoint takes the short way where it can."""

    runtime = ""
    """What the page says that the tools run on."""

    def take_express(self, provider: ChildProvider, settings: Settings) -> None:
        """Say what the short way is."""
        self._express = partial(Express, mcp=self, provider=provider, settings=settings)

    def http_app(self, *arguments: Any, **options: Any) -> Any:
        """Build the app as FastMCP does, with the short way in front of its endpoint."""
        app: Starlette = super().http_app(*arguments, **options)
        for route in app.routes:
            if isinstance(route, Route) and route.path == options.get("path"):
                route.app = self._express(route.app)
        return app


@dataclass(frozen=True, kw_only=True)
class Call(MiddlewareContext[Any]):
    """A call on its short way, as `around_calls` sees it."""

    request_id: str | int
    child: Child
    reply: Reply
    modern: bool


@dataclass(frozen=True)
class Answer:
    """What the child has answered, as it goes out."""

    result: Json
    is_error: bool


class Express:
    """ASGI app: forwards plain tool calls, and leaves all else to `app`."""

    def __init__(self, app: ASGIApp, *, mcp: FastMCP, provider: ChildProvider, settings: Settings) -> None:
        self.app = app
        self._provider, self._settings = provider, settings
        self._name = mcp.name
        self._mcp = mcp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the call, if it is a plain one."""
        call = self._read(scope, send)
        if call is None:
            return await self.app(scope, receive, send)
        watch = asyncio.get_running_loop().call_later(PATIENT_SECONDS, call.reply.watch, receive)
        try:
            answer = await self._answer(call)
        finally:
            watch.cancel()
            call.reply.unwatch()
        return await call.reply.end(answer)

    def _read(self, scope: Scope, send: Send) -> Call | None:
        message = scope.get(MESSAGE) or {}
        params = message.get("params") or {}
        if (
            message.get("method") != "tools/call"
            or "id" not in message
            or params.keys() - {"name", "arguments", "_meta"}
        ):
            return None
        name, arguments, meta = params.get("name"), params.get("arguments", {}), params.get("_meta", {})
        if not (isinstance(name, str) and isinstance(arguments, dict) and isinstance(meta, dict)):
            return None
        if "fastmcp" in meta or type(meta.get("progressToken", "")) not in (str, int):
            return None
        era = self._era(scope, message)
        if era is None:
            return None
        try:
            child = self._provider.shared()
        except ChildGoneError:
            return None
        tool = child.lists.get("tools", {}).get(name)
        if tool is None or tool.wants_headers:
            return None
        modern = era == "modern"
        least = meta.get(_LOG_LEVEL) if modern else "debug"
        reply = Reply(send, message["id"], meta.get("progressToken"), least, stream=not self._settings.json_response)
        return Call(
            message=types.CallToolRequestParams.model_construct(name=name, arguments=arguments, meta=cast("Any", meta)),
            method="tools/call",
            request_id=message["id"],
            child=child,
            reply=reply,
            modern=modern,
        )

    def _era(self, scope: Scope, message: Json) -> str | None:
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
        accepts = headers.get("accept", "")
        if "application/json" not in accepts or "text/event-stream" not in accepts:
            return None
        if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return None
        version = headers.get("mcp-protocol-version")
        if version is None or version in HANDSHAKE_PROTOCOL_VERSIONS:
            return "handshake" if self._settings.stateless else None
        if version not in MODERN_PROTOCOL_VERSIONS or _has_odd_headers(scope, headers):
            return None
        route = classify_inbound_request(message, headers=headers)
        if not isinstance(route, InboundModernRoute) or not isinstance(route.client_capabilities, dict):
            return None
        return None if route.client_capabilities.keys() & {"elicitation", "sampling", "roots"} else "modern"

    async def _answer(self, call: Call) -> Json:
        chain: Any = self._forward
        for middleware in reversed(self._mcp.middleware):
            chain = partial(middleware, call_next=chain)
        name = call.message.name
        try:
            answer: Answer = await chain(call)
        except FastMCPError as error:
            result: Json = _refused(str(error))
        except MCPError as error:
            return error_message(call.request_id, error.error.code, error.error.message)
        except Exception:
            log.exception("a tool call failed")
            result = _refused(f"Error calling tool {name!r}")
        else:
            result = answer.result
        if call.modern:
            result = {**result, "resultType": "complete"}
        return {"jsonrpc": "2.0", "id": call.request_id, "result": result}

    async def _forward(self, call: Call) -> Answer:
        name = call.message.name
        params = {"name": name, "arguments": call.message.arguments, **forwardable(call.message.meta)}
        with server_span(f"tools/call {name}", "tools/call", self._name, "tool", name, tool_name=name):
            try:
                result = await self._follow(call, params)
            except MCPError as error:
                raise ToolError(error.error.message) from None
        if not _is_content(result.get("content")):
            raise ToolError(NO_RESULT)
        weight = len(to_json(result))
        if weight > self._settings.max_result_bytes:
            raise ResultTooLargeError(weight, self._settings.max_result_bytes)
        return Answer(result, bool(result.get("isError")))

    async def _follow(self, call: Call, params: Json) -> Json:
        exchange = call.child.begin("tools/call", params)
        try:
            while "method" in (message := await exchange.next()):
                if "id" in message:
                    raise CannotAskError(message["method"])
                await call.reply.note(message)
        finally:
            exchange.abandon()
        return result_of(message)


def _has_odd_headers(scope: Scope, headers: Mapping[str, str]) -> bool:
    if any(name.startswith("mcp-param-") for name in headers):
        return True
    return find_duplicated_routing_header((key.decode("latin-1"), "") for key, _ in scope["headers"]) is not None


def _is_content(content: Any) -> bool:
    return isinstance(content, list) and all(isinstance(one, dict) and one.get("type") in _CONTENT for one in content)


def _refused(text: str) -> Json:
    return {"content": [{"type": "text", "text": text}], "isError": True}
