import json

import httpx2
import pytest

from ship.aws_lambda.boot.compat.boot import metorial, simple
from ship.aws_lambda.boot.contract.actions import act, is_action
from ship.aws_lambda.boot.contract.registry import registry

LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
NOTE = {"jsonrpc": "2.0", "method": "notifications/initialized"}


@pytest.fixture(autouse=True)
def nothing_declared():
    registry.clear()
    yield
    registry.clear()


@pytest.fixture
async def ask():
    """Hand messages to the server of the test over HTTP, as the chassis does."""
    server = simple.create_server("offers", version="1.2.3")
    server.register_tool("whose", {"description": "Whose it is"}, lambda _: simple.get_args())
    server.register_resource("memo", "memo://{id}", {}, lambda uri: uri)
    lowlevel = server.lowlevel()
    app = lowlevel.streamable_http_app(stateless_http=True, json_response=True)
    transport = httpx2.ASGITransport(app)
    headers = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"}
    async with lowlevel.session_manager.run(), httpx2.AsyncClient(transport=transport, headers=headers) as client:

        async def ask(message):
            response = await client.post("http://localhost:1/mcp", json=message)
            return response.json() if response.status_code == 200 else None

        yield ask


async def nobody(message):
    raise AssertionError("asked")


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"action": "oauth"}, True),
        ({"action": 3}, True),
        ({"action": "x", "requestContext": {"http": {}}}, False),
        ({"requestContext": {}}, False),
        ([], False),
        (None, False),
    ],
)
def test_an_action_is_told_from_a_request(event, expected):
    assert is_action(event) is expected


@pytest.mark.parametrize("action", ["another", None, 3, []])
async def test_an_action_that_is_none_is_named(action):
    done = await act({"action": action}, nobody)
    assert done["error"]["code"] == "unknown_action"
    assert done["error"]["message"].startswith(
        "action: expected one of oauth, callbacks, callback, discover, mcp.request"
    )


async def test_discovery_tells_what_the_server_offers(ask):
    done = await act({"action": "discover", "args": {}}, ask)
    found = done["discovery"]
    assert done["success"]
    assert [tool["name"] for tool in found["tools"]] == ["whose"]
    assert found["tools"][0]["inputSchema"] == {"type": "object"}
    assert [template["uriTemplate"] for template in found["resourceTemplates"]] == ["memo://{id}"]
    assert (found["resources"], found["prompts"], found["instructions"]) == ([], [], None)
    assert found["implementation"] == {"name": "offers", "version": "1.2.3"}
    assert found["capabilities"].keys() == {"tools", "resources"}
    assert json.loads(json.dumps(done)) == done


async def test_discovery_reads_every_page():
    async def ask(message):
        if message["method"] != "tools/list":
            return {"id": message["id"], "result": {}}
        if not message["params"]:
            return {"id": message["id"], "result": {"tools": [1], "nextCursor": "n"}}
        assert message["params"] == {"cursor": "n"}
        return {"id": message["id"], "result": {"tools": [2]}}

    assert (await act({"action": "discover"}, ask))["discovery"]["tools"] == [1, 2]


async def test_discovery_of_pages_without_an_end_is_given_up():
    async def ask(message):
        return {"id": message["id"], "result": {"tools": [], "nextCursor": "n"}}

    done = await act({"action": "discover"}, ask)
    assert done["error"] == {"code": "discovery_error", "message": "tools/list: more than 100 pages"}


@pytest.mark.parametrize(
    ("answer", "said"),
    [({"error": {"code": -32603, "message": "no"}}, "initialize failed: no"), (None, "initialize failed")],
)
async def test_discovery_of_a_server_that_does_not_answer_says_what_failed(answer, said):
    async def ask(message):
        return answer

    done = await act({"action": "discover"}, ask)
    assert done == {"success": False, "error": {"code": "discovery_error", "message": said}}


@pytest.mark.parametrize("action", ["mcp.request", "mcp.batch"])
async def test_messages_or_their_texts_are_answered_in_order(ask, action):
    call = {"jsonrpc": "2.0", "id": "two", "method": "tools/call", "params": {"name": "whose", "arguments": {}}}
    event = {"action": action, "args": {"account": "a1"}, "messages": [LIST, NOTE, json.dumps(call)]}
    done = await act(event, ask)
    listed, called = [json.loads(text) for text in done["responses"]]
    assert (listed["id"], listed["result"]["tools"][0]["name"]) == (1, "whose")
    assert (called["id"], called["result"]["structuredContent"]) == ("two", {"account": "a1"})


async def test_an_error_of_the_protocol_is_an_answer(ask):
    done = await act({"action": "mcp.request", "messages": [LIST | {"method": "prompts/list"}]}, ask)
    assert done["success"]
    assert json.loads(done["responses"][0])["error"]["code"] == -32601


@pytest.mark.parametrize(
    ("event", "named"),
    [
        ({}, "messages: expected a list"),
        ({"messages": [LIST, "{"]}, "messages[1]: expected a JSON-RPC message"),
        ({"messages": ["[" * 100_000]}, "messages[0]: expected a JSON-RPC message"),
        ({"messages": [[LIST]]}, "messages[0]: expected a JSON-RPC message"),
        ({"messages": [{"id": 1}]}, "messages[0]: expected a JSON-RPC message"),
        ({"messages": [], "args": 3}, "args: expected an object"),
    ],
)
async def test_messages_that_are_none_are_named_before_any_is_asked(event, named):
    done = await act({"action": "mcp.request", **event}, nobody)
    assert done["error"]["code"] == "mcp_error"
    assert done["error"]["message"].startswith(named)


async def test_whatever_fails_is_an_answer_and_in_the_log(caplog):
    async def ask(message):
        raise RuntimeError("hunter2")

    done = await act({"action": "mcp.request", "messages": [LIST]}, ask)
    assert done == {
        "success": False,
        "error": {"code": "mcp_error", "message": "the handler failed (RuntimeError)"},
    }
    assert "the action 'mcp.request' failed" in caplog.text


async def test_handlers_see_the_arguments_of_their_event_and_none_later():
    seen = []
    metorial.set_callback_handler(lambda _: seen.append(metorial.get_args()))
    handle = {"callbackAction": "handle", "callbackInput": {"callbackId": "c", "events": [{"eventId": "e"}]}}
    await act({"action": "callbacks", "args": {"key": "k"}, **handle}, nobody)
    await act({"action": "callbacks", "args": None, **handle}, nobody)
    assert seen == [{"key": "k"}, {}]
    assert metorial.get_args() == {}
