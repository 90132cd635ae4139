"""Which HTTP requests become calls: well-formed ones for which there is room."""

from typing import Any, Final

from mcp_types import INTERNAL_ERROR
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.answers import refusal, refuse_with
from serving.calls.limits import RUNS_CODE, LimitError, Limits
from serving.calls.slots import SLOT
from serving.messages import BadMessage, error_message, read_message
from serving.request_id import current_request_id
from serving.route_path import route_path
from serving.web.bodies import BODY

MESSAGE: Final = "serving.message"
"""Where the scope keeps the MCP message that was posted, parsed."""
LASTS: Final = "serving.lasts"
"""Set in the scope of a request whose answer is a stream that lasts until the client goes."""


class AdmitCalls:
    """ASGI middleware: answer malformed messages (400) and calls that a limit refuses (503, 429) before they begin.

    Over sse a message is only read: the answer to its request says nothing of the call, which is admitted later.
    """

    def __init__(self, app: ASGIApp, *, limits: Limits, endpoint: str, rest: bool) -> None:
        self.app = app
        self.limits = limits
        self.endpoint = endpoint
        self.rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a call on together with its slot, and everything else as it is."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        message = None
        path, method = route_path(scope), scope["method"]
        if method == "POST" and (path == self.endpoint or path.startswith("/messages")):
            try:
                message = read_message(scope[BODY])
            except BadMessage as error:
                answer = refuse_with(400, "invalid_message", error.answer)
                return await answer(scope, receive, send)
            scope[MESSAGE] = message
        scope[LASTS] = path == self.endpoint and (method == "GET" or _method(message) == "subscriptions/listen")
        if not (_method(message) in RUNS_CODE and path == self.endpoint) and not (self.rest and _is_call(method, path)):
            return await self.app(scope, receive, send)
        try:
            slot = self.limits.admit(scope)
        except LimitError as error:
            return await _refuse(error, message)(scope, receive, send)
        scope[SLOT] = slot
        try:
            return await self.app(scope, receive, send)
        finally:
            if not slot.taken:  # the request turned out to be no call
                slot.release()


def _method(message: Any) -> Any:
    return message.get("method") if isinstance(message, dict) else None


def _is_call(method: str, path: str) -> bool:
    return (method == "POST" and path == "/mcp/execute") or (method == "GET" and path.startswith("/mcp/resource/"))


def _refuse(error: LimitError, message: Any) -> JSONResponse:
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after else None
    if message is None:
        return refusal(error.status, error.code, str(error), headers)
    body = error_message(message.get("id"), INTERNAL_ERROR, str(error))
    body["error"]["data"] = {"code": error.code, "request_id": current_request_id()}
    return refuse_with(error.status, error.code, body, headers)
