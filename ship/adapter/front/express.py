"""The short way for most tool calls: from the HTTP request to the child and back, without FastMCP and the SDK between.

Those would make models of a message and its answer, look the tool up and open a connection of their own for each call,
which takes most of its time. What surrounds a call is the same: the app's middleware, `around_calls`, FastMCP's span.
Every message that is not plainly such a call goes the long way: a call in a session, of a client that can be asked
something, with a header that does not fit, of a tool that has not been listed yet.
"""

import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from fastmcp import FastMCP
from fastmcp.exceptions import FastMCPError, ToolError
from fastmcp.server.middleware import MiddlewareContext
from fastmcp.server.telemetry import server_span
from mcp.shared.exceptions import MCPError
from pydantic_core import to_json
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.calls.limits import ResultTooLargeError
from serving.messages import error_message
from serving.settings import Settings
from serving.web.plain import Asked, plain_call
from serving.web.reply import Reply
from ship.adapter.children.child import Child
from ship.adapter.children.exchange import ChildGoneError
from ship.adapter.children.wire import Json, result_of
from ship.adapter.front.caller import LEVELS, CannotAskError
from ship.adapter.front.components import NO_RESULT, forwardable
from ship.adapter.front.provider import ChildProvider

if TYPE_CHECKING:
    from starlette.applications import Starlette

log: Final = logging.getLogger("ship.adapter.front.express")

_CAN_BE_ASKED: Final = frozenset({"elicitation", "sampling", "roots"})
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

    child: Child
    reply: Reply
    least: Any
    """The level from which on the client wants log messages, None if it wants none."""

    async def note(self, note: Json) -> None:
        """Pass on what the child says meanwhile, if the client wants to hear it."""
        params = note.get("params") or {}
        if note["method"] == "notifications/progress":
            if (token := self.message.meta.get("progressToken")) is None:
                return
            note = {**note, "params": {**params, "progressToken": token}}
        elif self.least not in LEVELS or params.get("level") not in LEVELS[LEVELS.index(self.least) :]:
            return
        await self.reply.note(to_json(note, inf_nan_mode="null"))


@dataclass(frozen=True)
class Answer:
    """What the child has answered, as it goes out (JSON)."""

    wire: bytes
    is_error: bool


class Express:
    """ASGI app: forwards plain tool calls, and leaves all else to `app`."""

    def __init__(self, app: ASGIApp, *, mcp: FastMCP, provider: ChildProvider, settings: Settings) -> None:
        self.app = app
        self._provider, self._settings = provider, settings
        self._name = mcp.name
        self._surrounded: Any = self._forward
        for middleware in reversed(mcp.middleware):
            self._surrounded = partial(middleware, call_next=self._surrounded)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the call, if it is a plain one."""
        call = self._call(scope, receive, send)
        if call is None:
            return await self.app(scope, receive, send)
        with call.reply:
            answer = await self._answer(call)
        return await call.reply.end(answer)

    def _call(self, scope: Scope, receive: Receive, send: Send) -> Call | None:
        asked = plain_call(scope, stateless=self._settings.stateless)
        if asked is None or _can_be_asked(asked):
            return None
        try:
            child = self._provider.shared()
        except ChildGoneError:
            return None
        tool = child.lists.get("tools", {}).get(asked.name)
        if tool is None or tool.wants_headers:
            return None
        least = asked.meta.get(_LOG_LEVEL) if asked.modern else "debug"
        reply = Reply(receive, send, stream=not self._settings.json_response)
        return Call(message=asked, method="tools/call", child=child, reply=reply, least=least)

    async def _answer(self, call: Call) -> bytes:
        """Return the response (JSON)."""
        try:
            answer: Answer = await self._surrounded(call)
            wire = answer.wire
        except FastMCPError as error:
            wire = _wire(_refused(str(error)), call)
        except MCPError as error:
            return to_json(error_message(call.message.request_id, error.error.code, error.error.message))
        except Exception:
            log.exception("a tool call failed")
            wire = _wire(_refused(f"Error calling tool {call.message.name!r}"), call)
        return b'{"jsonrpc":"2.0","id":' + to_json(call.message.request_id) + b',"result":' + wire + b"}"

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
        wire = _wire(result, call)
        if len(wire) > self._settings.max_result_bytes:
            raise ResultTooLargeError(len(wire), self._settings.max_result_bytes)
        return Answer(wire, bool(result.get("isError")))

    async def _follow(self, call: Call, params: Json) -> Json:
        exchange = call.child.begin("tools/call", params)
        try:
            while "method" in (message := await exchange.next()):
                if "id" in message:
                    raise CannotAskError(message["method"])
                await call.note(message)
        finally:
            exchange.abandon()
        return result_of(message)


def _can_be_asked(asked: Asked) -> bool:
    says = asked.capabilities
    return asked.modern and not (isinstance(says, dict) and not says.keys() & _CAN_BE_ASKED)


def _is_content(content: Any) -> bool:
    return isinstance(content, list) and all(isinstance(one, dict) and one.get("type") in _CONTENT for one in content)


def _wire(result: Json, call: Call) -> bytes:
    return to_json({**result, "resultType": "complete"} if call.message.modern else result, inf_nan_mode="null")


def _refused(text: str) -> Json:
    return {"content": [{"type": "text", "text": text}], "isError": True}
