"""MCP in an event: messages that are asked one after the other, and the questions that tell what a server offers."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias

from ship.aws_lambda.boot.contract.errors import InputError, PublicError
from ship.aws_lambda.boot.contract.fields import read

Message: TypeAlias = dict[str, Any]
Ask: TypeAlias = Callable[[Message], Awaitable[Message | None]]
"""Hands a JSON-RPC message to the server; a notification has no answer."""

MOST_PAGES: Final = 100
"""Of one list: a server whose cursor leads in a circle has no last page."""
_HELLO: Final = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "discovery", "version": "1"},
}
_METHOD_NOT_FOUND: Final = -32601
_LISTS: Final = {
    "tools": "tools/list",
    "resources": "resources/list",
    "resourceTemplates": "resources/templates/list",
    "prompts": "prompts/list",
}


async def answer_messages(event: Mapping[str, Any], ask: Ask) -> dict[str, Any]:
    """Ask each message, in order, and return the text of each answer that there is.

    Raises:
        InputError: one is no JSON-RPC message; then none is asked.
        Exception: whatever asking raises.
    """
    messages = [_message(one, f"messages[{number}]") for number, one in enumerate(read(event, "messages", list))]
    answers = [(await ask(one), one) for one in messages]
    return {"responses": [json.dumps(answer) for answer, message in answers if answer is not None and "id" in message]}


async def answer_discovery(_event: Mapping[str, Any], ask: Ask) -> dict[str, Any]:
    """Return what the server offers.

    Raises:
        PublicError: it does not say.
        Exception: whatever asking raises.
    """
    hello = await _result(ask, "initialize", _HELLO)
    info = hello.get("serverInfo") or {}
    lists = {key: await _listed(ask, method, key) for key, method in _LISTS.items()}
    about = {
        "capabilities": hello.get("capabilities") or {},
        "implementation": {"name": info.get("name"), "version": info.get("version")},
        "instructions": hello.get("instructions"),
    }
    return {"discovery": lists | about}


async def _listed(ask: Ask, method: str, key: str) -> list[Any]:
    found: list[Any] = []
    params: Message = {}
    for _ in range(MOST_PAGES):
        page = await _result(ask, method, params)
        found += page.get(key) or []
        if not page.get("nextCursor"):
            return found
        params = {"cursor": page["nextCursor"]}
    raise PublicError(f"{method}: more than {MOST_PAGES} pages")


async def _result(ask: Ask, method: str, params: Message) -> Message:
    answer = await ask({"jsonrpc": "2.0", "id": method, "method": method, "params": params}) or {}
    result, error = answer.get("result"), answer.get("error")
    if isinstance(result, dict):
        return result
    if isinstance(error, dict) and error.get("code") == _METHOD_NOT_FOUND:
        return {}  # a server need not have such a list
    told = f": {error['message']}" if isinstance(error, dict) and isinstance(error.get("message"), str) else ""
    raise PublicError(f"{method} failed{told}")


def _message(given: Any, where: str) -> Message:
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            given = None
    if not isinstance(given, dict) or given.get("jsonrpc") != "2.0":
        raise InputError(f"{where}: expected a JSON-RPC message, or its text")
    return given
