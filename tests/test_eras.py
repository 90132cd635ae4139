"""What works in which protocol era, cell by cell of the table in docs/connect.md."""

import asyncio
from collections.abc import Iterator
from uuid import uuid4

import httpx2
import pytest
from fastmcp import Client
from mcp_types import ElicitResult, PromptReference

from tests.eras import Column, Era, only
from tests.support import post, serving, serving_all

MODERN = Era("2026-07-28", "2026-07-28", ())
SESSIONS = Era("handshake, sessions", "legacy", ("--stateless", "false"))
STATELESS = Era("handshake, stateless", "legacy", ())
EVERY = (MODERN, SESSIONS, STATELESS)


async def seen(column: Column, key: str, *expected: str) -> None:
    """Return as soon as `hang` has seen what is expected."""
    async with asyncio.timeout(10), column.client() as client:
        while (await client.call_tool("seen", {"key": key})).data != list(expected):
            pass


@pytest.fixture(scope="module", params=EVERY, ids=lambda era: era.name)
def column(request) -> Iterator[Column]:
    with serving_all(*request.param.arguments) as server:
        yield Column(request.param, server)


async def answer(message, response_type, params, context) -> ElicitResult:
    return ElicitResult(action="accept", content={"value": "Ada"})


async def test_tools_resources_prompts_and_completion_work(column):
    async with column.client() as client:
        assert (await client.call_tool("echo", {"message": "hi"})).data == "Echo: hi"
        assert (await client.read_resource("sample://data"))[0].text == "data"
        assert (await client.read_resource("sample://x/data"))[0].text == "data of x"
        assert (await client.get_prompt("describe", {"thing": "a"})).messages[0].content.text == "Describe a"
        completion = await client.complete(PromptReference(name="describe"), {"name": "thing", "value": "a"})
        assert completion.values == ["apple"]


async def test_progress_and_logging_arrive_inside_a_call(column):
    progress, logged = [], []

    async def on_progress(done, total, message):
        progress.append((done, total))

    async def on_log(message):
        logged.append(message.data["msg"])

    async with column.client(progress_handler=on_progress, log_handler=on_log) as client:
        await client.call_tool("steps", {"count": 2})
    assert progress == [(1, 2), (2, 2)]
    assert logged == ["step 1", "step 2"]


async def test_json_responses_carry_no_progress():
    progress = []

    async def on_progress(done, total, message):
        progress.append(done)

    with serving("--json-response", "true") as server:
        async with Client(server.url, mode="legacy", progress_handler=on_progress) as client:
            assert (await client.call_tool("steps", {"count": 2})).data == "done"
    assert progress == []


async def test_hanging_up_cancels_the_call(column):
    key = uuid4().hex
    async with httpx2.AsyncClient() as http:
        request = post(column.server.url, column.era.mode, "tools/call", {"name": "hang", "arguments": {"key": key}})
        if column.era is SESSIONS:
            request.headers["mcp-session-id"] = await new_session(http, column.server.url)
        call = asyncio.create_task(http.send(request))
        await seen(column, key, "started")
        call.cancel()
    await seen(column, key, "started", "cancelled")


@only(SESSIONS)
async def test_a_notification_cancels_the_call_in_a_session(column):
    key = uuid4().hex
    async with column.client() as client:
        call = asyncio.create_task(client.call_tool("hang", {"key": key}))
        await seen(column, key, "started")
        call.cancel()  # the client then sends notifications/cancelled and keeps its session
        await seen(column, key, "started", "cancelled")
        assert (await client.call_tool("echo", {"message": "still here"})).data == "Echo: still here"


@only(MODERN)
async def test_elicitation_takes_rounds_with_sealed_state(column):
    async with column.client(elicitation_handler=answer) as client:
        assert (await client.call_tool("ask_in_rounds")).data == "accept Ada after round 1"
    async with httpx2.AsyncClient() as http:
        reply = await http.send(post(column.server.url, "2026-07-28", "tools/call", {"name": "ask_in_rounds"}))
    assert reply.json()["result"]["resultType"] == "input_required"
    assert "round 1" not in reply.json()["result"]["requestState"]


@only(SESSIONS)
async def test_elicitation_is_a_request_to_the_client_in_a_session(column):
    async with column.client(elicitation_handler=answer) as client:
        assert (await client.call_tool("ask")).data == "accept Ada"


@only(STATELESS)
async def test_elicitation_without_a_session_is_a_clear_error(column):
    async with column.client(elicitation_handler=answer) as client:
        result = await client.call_tool("ask", raise_on_error=False)
    assert result.is_error
    assert "ask has to ask the client (elicitation/create)" in result.content[0].text
    assert "MCP_STATELESS=false" in result.content[0].text


@only(MODERN, STATELESS)
async def test_any_replica_answers(column):
    with serving(*column.era.arguments) as replica:
        async with httpx2.AsyncClient() as http:
            for url in (column.server.url, replica.url) * 2:
                reply = await http.send(
                    post(url, column.era.mode, "tools/call", {"name": "echo", "arguments": {"message": "hi"}})
                )
                assert reply.status_code == 200
                assert "Echo: hi" in reply.text


@only(SESSIONS)
async def test_only_the_replica_with_the_session_answers(column):
    with serving(*column.era.arguments) as replica:
        async with httpx2.AsyncClient() as http:
            request = post(replica.url, "legacy", "tools/list")
            request.headers["mcp-session-id"] = await new_session(http, column.server.url)
            assert (await http.send(request)).status_code == 404


async def new_session(http: httpx2.AsyncClient, url: str) -> str:
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "0"}}
    reply = await http.send(post(url, "legacy", "initialize", hello))
    session = reply.headers["mcp-session-id"]
    initialized = post(url, "legacy", "notifications/initialized", notification=True)
    initialized.headers["mcp-session-id"] = session
    assert (await http.send(initialized)).status_code == 202
    return session
