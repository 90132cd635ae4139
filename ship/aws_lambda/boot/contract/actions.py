"""What the platform invokes the function with, other than HTTP requests: events that say what is to be done."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias

from ship.aws_lambda.boot.contract.arguments import using_args
from ship.aws_lambda.boot.contract.authorization import answer_oauth
from ship.aws_lambda.boot.contract.errors import public_message
from ship.aws_lambda.boot.contract.events import answer_callbacks, answer_named
from ship.aws_lambda.boot.contract.fields import read_object
from ship.aws_lambda.boot.contract.messages import Ask, answer_discovery, answer_messages

Answer: TypeAlias = Callable[[Mapping[str, Any], Ask], Awaitable[dict[str, Any]]]

_ACTIONS: Final[dict[str, tuple[Answer, str]]] = {
    "oauth": (answer_oauth, "oauth_error"),
    "callbacks": (answer_callbacks, "callback_error"),
    "callback": (answer_named, "callback_error"),
    "discover": (answer_discovery, "discovery_error"),
    "mcp.request": (answer_messages, "mcp_error"),
    "mcp.batch": (answer_messages, "mcp_error"),
}


def is_action(event: object) -> bool:
    """Say whether an event is for `act`: one of HTTP has a request's context."""
    return isinstance(event, dict) and "action" in event and "requestContext" not in event


async def act(event: Mapping[str, Any], ask: Ask) -> dict[str, Any]:
    """Do what an event says and return the answer, in JSON, whatever happens; `ask` hands messages to the server."""
    action = event.get("action")
    if not isinstance(action, str) or action not in _ACTIONS:
        return _failed("unknown_action", f"action: expected one of {', '.join(_ACTIONS)}")
    answer, code = _ACTIONS[action]
    try:
        with using_args(_args(event)):
            done: dict[str, Any] = {"success": True, **await answer(event, ask)}
        json.dumps(done, allow_nan=False)
    except Exception as error:  # the platform wants an answer that says so, and no traceback
        return _failed(code, public_message(error, f"the action {action!r}"))
    return done


def _args(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the event's args: an object, or its text."""
    args = event.get("args") or {}
    if isinstance(args, str):
        try:
            args = json.loads(args)
        except (ValueError, RecursionError):
            args = None
    return read_object({"args": args}, "args")


def _failed(code: str, message: str) -> dict[str, Any]:
    return {"success": False, "error": {"code": code, "message": message}}
