import logging
from typing import Any

import pytest

from ship.aws_lambda.boot.compat.boot import metorial, simple
from ship.aws_lambda.boot.contract.actions import act
from ship.aws_lambda.boot.contract.registry import registry

NOT_FITTING: Any = 3


@pytest.fixture(autouse=True)
def nothing_declared():
    registry.clear()
    yield
    registry.clear()


async def nobody(message):
    raise AssertionError("asked")


async def ask(action, **given):
    return await act({"action": "callbacks", "callbackAction": action, "callbackInput": given}, nobody)


@pytest.mark.parametrize(
    ("more", "kind"), [({}, "manual"), ({"install": print}, "webhook"), ({"poll": print}, "polling")]
)
async def test_how_events_come_is_told(more, kind):
    simple.callbacks(handle=print, **more)
    assert await ask("get") == {"success": True, "callbacks": {"enabled": True, "type": kind}}


async def test_a_server_without_callbacks_says_so():
    assert await ask("get") == {"success": True, "callbacks": {"enabled": False, "type": "manual"}}
    done = await ask("handle", callbackId="c", events=[])
    assert done == {"success": False, "error": {"code": "callback_error", "message": "this server has no callbacks"}}


async def test_each_event_is_handled_and_one_that_fails_stops_no_other(caplog):
    seen = []

    async def handle(event):
        seen.append(event)
        if event["payload"] == "bug":
            raise ValueError("hunter2")
        if event["payload"] == "no":
            raise metorial.PublicError("not mine")
        return object() if event["payload"] == "object" else {"got": event["payload"]}

    metorial.set_callback_handler(handle)
    payloads = [1, "bug", "no", "object", None]
    events = [{"eventId": f"e{number}", "payload": payload} for number, payload in enumerate(payloads)]
    done = await ask("handle", callbackId="c", events=events)
    assert done == {
        "success": True,
        "callbacks": {
            "results": [
                {"success": True, "eventId": "e0", "result": {"got": 1}},
                {"success": False, "eventId": "e1", "error": "the handler failed (ValueError)"},
                {"success": False, "eventId": "e2", "error": "not mine"},
                {"success": False, "eventId": "e3", "error": "the handler failed (TypeError)"},
                {"success": True, "eventId": "e4", "result": {"got": None}},
            ]
        },
    }
    assert seen[0] == {"callbackId": "c", "eventId": "e0", "payload": 1}
    failures = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [(record.name, record.exc_info[0]) for record in failures] == [
        ("ship.aws_lambda", ValueError),
        ("ship.aws_lambda", TypeError),
    ]


async def test_a_hook_is_installed():
    seen: list[Any] = []
    server = metorial.create_server("x")
    server.set_callback_handler(print, install=seen.append)
    assert await ask("install", callbackId="c", callbackUrl="https://x.example") == {"success": True}
    assert seen == [{"callbackId": "c", "callbackUrl": "https://x.example"}]


async def test_polling_returns_events_and_the_new_state():
    async def poll(given):
        given["setState"]({"page": given["state"]["page"] + 1})
        return [{"id": given["callbackId"]}]

    simple.callbacks(handle=print, poll=poll)
    done = await ask("poll", callbackId="c", state={"page": 1})
    assert done == {"success": True, "callbacks": {"events": [{"id": "c"}], "newState": {"page": 2}}}


@pytest.mark.parametrize("found", [None, [], {"events": []}])
async def test_polling_that_finds_nothing_keeps_the_state(found):
    simple.callbacks(handle=print, poll=lambda _: found)
    done = await ask("poll", callbackId="c", state="s")
    assert done["callbacks"] == {"events": [], "newState": "s"}


async def test_what_polling_returns_must_be_a_list_of_json():
    simple.callbacks(handle=print, poll=lambda _: 3)
    assert "expected it to return a list" in (await ask("poll", callbackId="c"))["error"]["message"]
    simple.callbacks(handle=print, poll=lambda _: [object()])
    assert (await ask("poll", callbackId="c"))["error"]["message"] == "the handler failed (TypeError)"


async def test_what_is_not_set_up_is_said_to_be():
    simple.callbacks(handle=print)
    assert (await ask("install"))["error"]["message"] == "this server's callbacks are not installed"
    assert (await ask("poll"))["error"]["message"] == "this server's callbacks are not polled"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"events": []}, "callbackInput.callbackId: expected a string"),
        ({"callbackId": "c"}, "callbackInput.events: expected a list"),
        ({"callbackId": "c", "events": [3]}, "callbackInput.events[0]: expected an object"),
        ({"callbackId": "c", "events": [{"eventId": "e"}, {}]}, "callbackInput.events[1].eventId: expected a string"),
    ],
)
async def test_an_event_that_does_not_fit_is_named_before_any_is_handled(given, named):
    simple.callbacks(handle=lambda _: pytest.fail("called"))
    message = (await ask("handle", **given))["error"]["message"]
    assert message.startswith(named)


async def test_a_named_handler_gets_the_events_of_its_name():
    @simple.callback("order.created")
    async def created(event):
        return {"order": event["id"]}

    @simple.callback("order.deleted")
    def deleted(event):
        raise KeyError("hunter2")

    done = await act({"action": "callback", "name": "order.created", "event": {"id": 7}}, nobody)
    assert done == {"success": True, "result": {"order": 7}}
    done = await act({"action": "callback", "name": "order.deleted", "event": {}}, nobody)
    assert done["error"] == {"code": "callback_error", "message": "the handler failed (KeyError)"}
    done = await act({"action": "callback", "name": "another", "event": {}}, nobody)
    assert done["error"]["message"] == "name: expected one that the server has a handler for"
    done = await act({"action": "callback", "name": "order.created"}, nobody)
    assert done["error"]["message"] == "event: expected an object"


def test_a_name_has_one_handler():
    simple.callback("order.created")(print)
    with pytest.raises(ValueError, match=r"order\.created: expected one handler"):
        simple.callback("order.created")(print)
    with pytest.raises(TypeError, match="name: expected a string"):
        simple.callback(NOT_FITTING)
    with pytest.raises(TypeError, match="handle: expected a function"):
        simple.callbacks(handle=NOT_FITTING)
