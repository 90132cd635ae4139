"""The short way for plain tool calls: one request and its answer, without a transport and its tasks between.

For each request, the SDK's transports for HTTP start tasks and open streams between them, which takes a third of a
call's time, and in the handshake era half of it. A plain call needs none of that: its only way back is the answer. So
it is given to `serve_one`, the SDK's driver for single exchanges, from which on all is the same: validation, the
server's middleware, FastMCP. Every message that is not plainly such a call goes the long way.

It is answered with JSON, or with a stream when it has had something to say before its end. The SDK does so in
2026-07-28; in the handshake era it answers with a stream always, though clients must take either (2025-11-25,
Streamable HTTP, "Sending Messages to the Server").
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import Any, Final

import anyio
from fastmcp.server.http import StreamableHTTPASGIApp
from mcp.server.connection import Connection
from mcp.server.runner import modern_error_data, serve_one
from mcp.shared.exceptions import NoBackChannelError
from mcp.shared.inbound import ERROR_CODE_HTTP_STATUS
from mcp.shared.message import ServerMessageMetadata
from mcp.shared.transport_context import TransportContext
from mcp_types import DEFAULT_NEGOTIATED_VERSION
from pydantic_core import to_jsonable_python
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from serving.settings import Settings
from serving.web.bodies import BODY
from serving.web.plain import Asked, plain_call
from serving.web.reply import Reply
from serving.web.sessions import endpoint_holders

log: Final = logging.getLogger("serving.web.express")

MADE_FOR: Final = ("2.3.",)
"""How the versions of the SDK begin whose transports have been compared with this (tests/serving/web/test_express.py).
With another one, all calls go the long way."""


def take_express(app: Starlette, settings: Settings) -> None:
    """Put the short way in front of FastMCP's endpoint, behind whatever protects it."""
    if not version("mcp").startswith(MADE_FOR):
        log.warning("this is mcp %s: calls are slower until serving/web/express.py is compared with it", version("mcp"))
        return
    for holder in list(endpoint_holders(app)):
        holder.app = Express(holder.app, settings)


class Express:
    """ASGI app: answers plain tool calls, and leaves all else to `app`."""

    def __init__(self, app: StreamableHTTPASGIApp, settings: Settings) -> None:
        self.app = app
        self._stateless, self._stream = settings.stateless, not settings.json_response

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the call, if it is a plain one."""
        asked = plain_call(scope, stateless=self._stateless)
        manager = self.app.session_manager
        if asked is None or manager is None or manager._task_group is None:  # the app has not started, or has ended
            return await self.app(scope, receive, send)
        protocol = asked.protocol or DEFAULT_NEGOTIATED_VERSION
        connection = Connection.from_envelope(protocol, asked.client, asked.capabilities)
        params = {"name": asked.name, "arguments": asked.arguments, "_meta": asked.meta}
        status = 200
        with Reply(receive, send, stream=self._stream) as reply:
            exchange = Exchange(Request(scope, _body_of(scope)), asked, reply)
            try:
                state = manager._lifespan_state
                result = await serve_one(
                    manager.app, exchange, "tools/call", params, connection=connection, lifespan_state=state
                )
                answer = {"result": result}
            except Exception as failure:
                error = modern_error_data(failure)
                answer = {"error": error.model_dump(mode="json", exclude_none=True)}
                status = ERROR_CODE_HTTP_STATUS.get(error.code, 200) if asked.modern else 200
        return await reply.end(_encode({"jsonrpc": "2.0", "id": asked.request_id, **answer}), status)


@dataclass
class Exchange:
    """What the SDK calls a dispatch context: whose call it is, and what can be said to its client meanwhile."""

    request: Request
    asked: Asked
    reply: Reply
    can_send_request: bool = False

    @property
    def request_id(self) -> str | int:
        """The id of the request, by which a note finds its way."""
        return self.asked.request_id

    @cached_property
    def transport(self) -> TransportContext:
        """Describe the transport."""
        return TransportContext(kind="streamable-http", can_send_request=False, headers=self.request.headers)

    @cached_property
    def message_metadata(self) -> ServerMessageMetadata:
        """Where the call's own code finds the HTTP request."""
        return ServerMessageMetadata(request_context=self.request)

    @cached_property
    def cancel_requested(self) -> anyio.Event:
        """Never set: nobody can cancel such a call but by hanging up."""
        return anyio.Event()

    async def send_raw_request(self, method: str, params: Mapping[str, Any] | None, opts: Any = None) -> dict[str, Any]:
        """Ask the client, which cannot be done.

        Raises:
            NoBackChannelError: always.
        """
        raise NoBackChannelError(method)

    async def notify(self, method: str, params: Mapping[str, Any] | None, opts: Any = None) -> None:
        """Send a notification, as part of the answer."""
        note = {"jsonrpc": "2.0", "method": method}
        await self.reply.note(_encode(note if params is None else note | {"params": dict(params)}))

    async def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Report progress, if the client has asked for it."""
        if (token := self.asked.meta.get("progressToken")) is not None:
            said = {"progressToken": token, "progress": progress, "total": total, "message": message}
            params = {key: value for key, value in said.items() if value is not None}
            await self.notify("notifications/progress", params)


def _body_of(scope: Scope) -> Receive:
    """Let a tool that asks for the request's body have it; what else the client says is for `Reply` to hear."""

    async def receive() -> Message:
        return {"type": "http.request", "body": scope.get(BODY, b""), "more_body": False}

    return receive


def _encode(message: Any) -> bytes:
    return json.dumps(message, separators=(",", ":"), default=to_jsonable_python).encode()
