"""A client that hangs up cancels its calls: nobody would read the answer.

The SDK does so itself where it keeps no session and answers with a stream. In a session a call runs on for as long as
it likes, and with `json_response` nobody even notices.
"""

from contextlib import suppress
from typing import Any, Final

import anyio
from fastmcp.exceptions import ToolError
from fastmcp.server.dependencies import get_http_request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.calls.hooks import Call, CallMiddleware, Next

_KEY: Final = "serving.calls.hangup"


class HungUpError(ToolError):
    """What a cancelled call ends with; nobody gets to read it."""


class Calls:
    """The calls of one request."""

    def __init__(self) -> None:
        self.gone = False
        self.running: set[anyio.CancelScope] = set()

    def hang_up(self) -> None:
        """Cancel them, and those that have yet to begin."""
        self.gone = True
        for call in self.running:
            call.cancel()


class WatchHangUp:
    """ASGI middleware: cancel what `CancelOnHangUp` has tied to a request when its client is gone.

    Needs the whole body in one message, as `ReadBodies` gives it. `listen` is for apps that never ask whether the
    client is still there.
    """

    def __init__(self, app: ASGIApp, *, listen: bool) -> None:
        self.app = app
        self.listen = listen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and look out for its disconnect."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        calls = Calls()
        scope[_KEY] = calls

        async def watched() -> Message:
            message = await receive()
            if message["type"] == "http.disconnect":
                calls.hang_up()
            return message

        if not self.listen:
            await self.app(scope, watched, send)
            return
        body = [await receive()]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_until_gone, watched)
            await self.app(scope, lambda: _next(body), send)
            tasks.cancel_scope.cancel()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _next(messages: list[Message]) -> Message:
    if not messages:
        await anyio.sleep_forever()
    return messages.pop()


class CancelOnHangUp(CallMiddleware):
    """FastMCP middleware: tie each call to the HTTP request it came with; over stdio there is none."""

    async def cancel_on_hang_up(self, context: Call, call_next: Next) -> Any:
        """Run the call until it ends or its client is gone."""
        calls = _calls_of_this_request()
        if calls is None:
            return await call_next(context)
        with anyio.CancelScope() as scope:
            if calls.gone:
                scope.cancel()
            calls.running.add(scope)
            try:
                return await call_next(context)
            finally:
                calls.running.discard(scope)
        raise HungUpError("The client hung up")

    on_call_tool = on_read_resource = on_get_prompt = cancel_on_hang_up


def _calls_of_this_request() -> Calls | None:
    with suppress(RuntimeError):
        calls: Calls | None = get_http_request().scope.get(_KEY)
        return calls
    return None
