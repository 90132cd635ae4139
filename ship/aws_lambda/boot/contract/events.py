"""Callbacks: events that come for the guest's server from elsewhere, and the platform's questions about them."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from ship.aws_lambda.boot.contract.calls import Handler, call, call_for_json, checked
from ship.aws_lambda.boot.contract.errors import InputError, PublicError, public_message
from ship.aws_lambda.boot.contract.fields import read, read_choice, read_object
from ship.aws_lambda.boot.contract.registry import CallbackHandlers, registry

H = TypeVar("H", bound=Handler)

_INPUT: Final = "callbackInput."


def set_callback_handler(handle: Handler, install: Handler | None = None, poll: Handler | None = None) -> None:
    """Take the function that handles each event, the one that installs a hook, and the one that polls.

    Each gets one dict: `handle` one of `callbackId`, `eventId` and `payload`; `install` the event's `callbackInput`;
    `poll` one of `callbackId`, `state` and a function `setState`, and it returns the events that there are.

    Raises:
        TypeError: one of them is no function.
    """
    registry.callbacks = CallbackHandlers(
        checked(handle, "handle"), install and checked(install, "install"), poll and checked(poll, "poll")
    )


def callbacks(*, handle: Handler, install: Handler | None = None, poll: Handler | None = None) -> None:
    """Do as `set_callback_handler`, with each function named.

    Raises:
        TypeError: one of them is no function.
    """
    set_callback_handler(handle, install, poll)


def callback(name: str) -> Callable[[H], H]:
    """Take a function that gets the events of this name, which somebody invokes the function with.

    Raises:
        ValueError: there is one of this name already.
    """

    def take(handler: H) -> H:
        if name in registry.named:
            raise ValueError(f"{name}: expected one handler, and not a second one")
        registry.named[name] = checked(handler, name)
        return handler

    if not isinstance(name, str) or not name:
        raise TypeError("name: expected a string that is not empty")
    return take


async def answer_callbacks(event: Mapping[str, Any], _ask: object) -> dict[str, Any]:
    """Answer what the platform wants to know of callbacks, or have done.

    Raises:
        PublicError: the event does not fit, or the server does not do that.
        Exception: whatever a function of the guest's raises.
    """
    return await read_choice(event, "callbackAction", _ACTIONS)(event)


async def answer_named(event: Mapping[str, Any], _ask: object) -> dict[str, Any]:
    """Hand an event to the handler of its name.

    Raises:
        PublicError: the event does not fit, or there is no handler of this name.
        Exception: whatever the handler raises.
    """
    name, content = read(event, "name", str), read_object(event, "event")
    if name not in registry.named:
        raise InputError("name: expected one that the server has a handler for")
    return {"result": await call_for_json(registry.named[name], content)}


async def _get(_: Mapping[str, Any]) -> dict[str, Any]:
    found = registry.callbacks
    kind = "manual"
    if found and (found.install or found.poll):
        kind = "webhook" if found.install else "polling"
    return {"callbacks": {"enabled": bool(found), "type": kind}}


async def _handle(event: Mapping[str, Any]) -> dict[str, Any]:
    handlers, given = _handlers(), read_object(event, "callbackInput")
    callback_id, events = read(given, "callbackId", str, _INPUT), read(given, "events", list, _INPUT)
    calls = [_one(callback_id, one, f"{_INPUT}events[{number}]") for number, one in enumerate(events)]
    return {"callbacks": {"results": [await _result(handlers.handle, one) for one in calls]}}


def _one(callback_id: str, event: Any, where: str) -> dict[str, Any]:
    if not isinstance(event, dict):
        raise InputError(f"{where}: expected an object")
    event_id = read(event, "eventId", str, f"{where}.")
    return {"callbackId": callback_id, "eventId": event_id, "payload": event.get("payload")}


async def _result(handle: Handler, event: dict[str, Any]) -> dict[str, Any]:
    event_id = event["eventId"]
    try:
        return {"success": True, "eventId": event_id, "result": await call_for_json(handle, event)}
    except Exception as error:  # the other events are still to be handled
        return {"success": False, "eventId": event_id, "error": public_message(error, "the callback's handler")}


async def _install(event: Mapping[str, Any]) -> dict[str, Any]:
    handler = _handlers().install
    if not handler:
        raise PublicError("this server's callbacks are not installed")
    await call(handler, read_object(event, "callbackInput"))
    return {}


async def _poll(event: Mapping[str, Any]) -> dict[str, Any]:
    handler, given = _handlers().poll, read_object(event, "callbackInput")
    if not handler:
        raise PublicError("this server's callbacks are not polled")
    states = [given.get("state")]
    question = {"callbackId": read(given, "callbackId", str, _INPUT), "state": states[0], "setState": states.append}
    found = await call(handler, question)
    events = found.get("events") if isinstance(found, dict) else found
    if not isinstance(events, list | tuple | None):
        raise PublicError("poll: expected it to return a list of events")
    return {"callbacks": {"events": list(events or ()), "newState": states[-1]}}


def _handlers() -> CallbackHandlers:
    if not registry.callbacks:
        raise PublicError("this server has no callbacks")
    return registry.callbacks


_ACTIONS: Final = {"get": _get, "handle": _handle, "install": _install, "poll": _poll}
