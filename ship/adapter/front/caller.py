"""The client behind a call: it hears what the child says of the call, and is asked what the child wants to know."""

import secrets
from collections.abc import Mapping
from typing import Any, Final, get_args

import mcp_types as types
from fastmcp.exceptions import ToolError
from fastmcp.server.context import Context, _log_level_session_key
from mcp.shared.exceptions import MCPError, NoBackChannelError
from mcp.shared.message import ServerMessageMetadata
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import BaseModel

from ship.adapter.children.exchange import Exchange
from ship.adapter.children.wire import Json

PARKED_SECONDS: Final = 300.0
"""How long a child waits for an answer that the client brings with another request."""
MOST_PARKED: Final = 100
"""How many calls may wait so at a time."""
LEVELS: Final[tuple[str, ...]] = get_args(types.LoggingLevel)
"""Of log messages, the least severe first."""
_QUESTIONS: Final[dict[str, tuple[Any, type[BaseModel]]]] = {
    "elicitation/create": (types.ElicitRequest, types.ElicitResult),
    "sampling/createMessage": (types.CreateMessageRequest, types.CreateMessageResult),
    "roots/list": (types.ListRootsRequest, types.ListRootsResult),
}
_LOST: Final = "what was asked is not waited for any more, or was asked by another replica: make the call again"


class CannotAskError(ToolError):
    """The child asks something that this client cannot be asked."""

    def __init__(self, method: object) -> None:
        super().__init__(
            f"the server wants to ask the client ({method}): that takes a client with this capability, and protocol "
            "2026-07-28 or a session (MCP_STATELESS=false)"
        )


class Rounds:
    """Calls whose child waits for an answer that comes with another request (2026-07-28, multi-round).

    The child stays with its call here, in this process; what the client carries is only its number.
    """

    def __init__(self) -> None:
        self._parked: dict[str, tuple[Exchange, Json]] = {}

    def park(self, exchange: Exchange, question: Json) -> types.InputRequiredResult:
        """Keep a call until it is answered, and return what asks its client.

        Raises:
            ToolError: too many wait already.
        """
        if len(self._parked) >= MOST_PARKED:
            raise ToolError(f"{MOST_PARKED} calls wait for an answer, as many as may: try again later")
        request = _QUESTIONS[question["method"]][0].model_validate(_bare(question))
        number = secrets.token_hex(16)
        self._parked[number] = exchange, question
        exchange.expire(PARKED_SECONDS, lambda: self._parked.pop(number, None))
        return types.InputRequiredResult(input_requests={"answer": request}, request_state=number)

    def resume(self, number: str, answers: Mapping[str, Any] | None) -> Exchange:
        """Give the child its answer, and return the call.

        Raises:
            ToolError: the call is not here, or there is no answer.
        """
        answer = (answers or {}).get("answer")
        if number not in self._parked or answer is None:
            raise ToolError(_LOST)
        exchange, question = self._parked.pop(number)
        exchange.keep()
        exchange.answer(question, {"result": _wire(answer)})
        return exchange


async def follow(
    exchange: Exchange, context: Context, rounds: Rounds | None = None
) -> Json | types.InputRequiredResult:
    """Stay with a call until the child has answered, and return the response; or what the client is asked first.

    Raises:
        CannotAskError: the child asks something that this client cannot be asked.
        ChildGoneError: the child has ended.
    """
    parked = False
    try:
        while "method" in (message := await exchange.next()):
            if "id" not in message:
                await _tell(context, message)
            elif rounds and _asks_in_rounds(context, message):
                required = rounds.park(exchange, message)
                parked = True
                return required
            else:
                exchange.answer(message, await _ask(context, message))
        return message
    finally:
        if not parked:
            exchange.abandon()


async def _tell(context: Context, note: Json) -> None:
    params = note.get("params") or {}
    try:
        if note["method"] == "notifications/progress":
            await context.report_progress(params["progress"], params.get("total"), params.get("message"))
        elif _wants(context, params["level"]):
            await context.session.send_log_message(  # not context.log, which takes text only
                params["level"], params.get("data"), params.get("logger"), context.origin_request_id
            )
    except (KeyError, ValueError):
        pass  # a note that is none


def _wants(context: Context, level: str) -> bool:
    """Tell whether a client of the handshake era has not asked for more severe messages only (logging/setLevel)."""
    least = context.fastmcp._client_log_levels.get(_log_level_session_key(context.session), "debug")
    return LEVELS.index(level) >= LEVELS.index(least)


async def _ask(context: Context, question: Json) -> Json:
    request, result = _QUESTIONS[question["method"]]
    related = ServerMessageMetadata(related_request_id=context.origin_request_id)
    try:
        answer = await context.session.send_request(request.model_validate(_bare(question)), result, metadata=related)
    except NoBackChannelError:
        raise CannotAskError(question["method"]) from None
    except MCPError as error:
        return {"error": {"code": error.error.code, "message": error.error.message}}
    return {"result": _wire(answer)}


def _asks_in_rounds(context: Context, question: Json) -> bool:
    if context.session.protocol_version not in MODERN_PROTOCOL_VERSIONS:
        return False
    capability = question["method"].split("/")[0]
    if getattr(context.session.client_capabilities, capability, None) is None:
        raise CannotAskError(question["method"])
    return True


def _bare(question: Json) -> Json:
    return {key: value for key, value in question.items() if key in ("method", "params")}


def _wire(answer: Any) -> Json:
    found: Json = (
        answer.model_dump(mode="json", by_alias=True, exclude_none=True) if hasattr(answer, "model_dump") else {}
    )
    found.pop("resultType", None)  # the child speaks of no such thing
    return found
