"""What passes through an adapter in which protocol era, cell by cell of the table in ship/adapter/README.md."""

import asyncio
import sys
from collections.abc import Iterator

import httpx2
import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from fastmcp.exceptions import ToolError
from mcp.shared.exceptions import MCPError
from mcp_types import ElicitResult, PromptReference

from tests.eras import Column, Era, only
from tests.ship.adapter.support import ADAPTER, adapted, called, ready, toy, until
from tests.support import ROOT, environment, post

MODERN = Era("2026-07-28", "auto")
OWN = Era("sessions with a child of their own", "legacy", ("--stateless", "false", "--session-children", "9"))
SHARED = Era("sessions that share", "legacy", ("--stateless", "false"))
STATELESS = Era("handshake, stateless", "legacy")
EVERY = (MODERN, OWN, SHARED, STATELESS)


@pytest.fixture(scope="module", params=EVERY, ids=lambda era: era.name)
def column(request) -> Iterator[Column]:
    with adapted(*request.param.arguments) as server:
        yield Column(request.param, server)


async def accept(message, response_type, params, context) -> ElicitResult:
    return ElicitResult(action="accept", content={"value": f"to {message!r}"})


async def test_tools_pass_as_the_child_has_them(column):
    async with column.client() as client:
        tools = {tool.name: tool for tool in await client.list_tools()}
        echo = tools["echo"]
        assert (echo.title, echo.description, echo.meta) == (None, "It can echo.", {"toy": True})
        assert echo.input_schema["$defs"] == {"kept": {"type": "string"}}
        result = await client.call_tool("echo", {"message": "hé ✓"})
        assert (result.content[0].text, result.structured_content) == ("Echo: hé ✓", {"result": "hé ✓"})
        picture = (await client.call_tool("picture", {})).content[0]
        assert (picture.mime_type, picture.data, picture.annotations.priority) == ("image/png", "iVBORw0KGgo=", 1)
        with pytest.raises(ToolError, match="I would rather not"):
            await client.call_tool("refuse", {})


async def test_resources_pass_also_those_that_are_not_listed(column):
    async with column.client() as client:
        [box] = await client.list_resources()
        assert (str(box.uri), box.title, box.mime_type) == ("toy://box", "The box", "text/markdown")
        assert (await client.list_resource_templates())[0].uri_template == "toy://shelf/{number}"
        for uri in ("toy://box", "toy://shelf/3", "toy://attic"):
            assert (await client.read_resource(uri))[0].text == f"in {uri}"
        assert (await client.read_resource("toy://picture"))[0].blob == "iVBORw0KGgo="
        with pytest.raises(MCPError, match="no such resource: other://box"):
            await client.read_resource("other://box")


async def test_prompts_and_completion_pass(column):
    async with column.client() as client:
        [prompt] = await client.list_prompts()
        assert [(one.name, one.required) for one in prompt.arguments] == [("whom", True)]
        assert (await client.get_prompt("play", {"whom": "Ada"})).messages[0].content.text == "Play, Ada!"
        completion = await client.complete(PromptReference(name="play"), {"name": "whom", "value": "an"})
        assert (completion.values, completion.total) == (["anna", "anton"], 2)


async def test_progress_and_logging_pass(column):
    progress, logged = [], []

    async def on_progress(done, total, message):
        progress.append((done, total, message))

    async def on_log(message):
        logged.append((message.level, message.logger, message.data))

    async with column.client(progress_handler=on_progress, log_handler=on_log) as client:
        await client.call_tool("steps", {"count": 2})
    assert progress == [(1, 2, "step 1"), (2, 2, "step 2")]
    assert logged == [("info", "toy", {"text": f"step {step}"}) for step in (1, 2)]


async def test_the_child_introduces_itself(column):
    async with column.client() as client:
        who = client.server_info
        assert (who.name, who.version, who.title) == ("toy", "1.2.3", "A toy")
        assert client.instructions == "Play with it."


async def test_a_client_that_hangs_up_cancels_its_call(column):
    headers = {}
    async with httpx2.AsyncClient() as http:
        if "false" in column.era.arguments:
            hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}
            answer = await http.send(post(column.server.url, "legacy", "initialize", hello))
            headers = {"mcp-session-id": answer.headers["mcp-session-id"]}
            await http.send(
                _with(post(column.server.url, "legacy", "notifications/initialized", notification=True), headers)
            )
        mode = "2026-07-28" if column.era == MODERN else "legacy"

        def request(tool):
            return _with(post(column.server.url, mode, "tools/call", {"name": tool, "arguments": {}}), headers)

        before = (await http.send(request("cancelled"))).text
        with pytest.raises(httpx2.ReadTimeout):
            await http.send(_with(request("hang"), {}, timeout=0.5))
        async with asyncio.timeout(10):
            while (await http.send(request("cancelled"))).text == before:
                pass


def _with(request, headers, timeout=10):
    request.headers.update(headers)
    request.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), timeout)
    return request


@only(OWN, SHARED)
async def test_in_a_session_a_notification_cancels(column):
    async with column.client() as client:
        before = await called(client, "cancelled")
        task = asyncio.create_task(client.call_tool("hang", {}, timeout=0.3))
        with pytest.raises((ToolError, MCPError)):
            await task
        async with asyncio.timeout(10):
            while await called(client, "cancelled") == before:
                pass


@only(MODERN, OWN, SHARED)
async def test_elicitation_passes(column):
    async with column.client(elicitation_handler=accept) as client:
        answer = await called(client, "form", question="Who are you?")
    assert answer == {"action": "accept", "content": {"value": "to 'Who are you?'"}}


@only(MODERN, STATELESS)
async def test_a_client_that_cannot_be_asked_learns_why(column):
    async with column.client() as client:
        with pytest.raises(ToolError, match=r"wants to ask the client \(elicitation/create\).*2026-07-28 or a session"):
            await client.call_tool("form", {"question": "Who are you?"})


@only(OWN)
async def test_sampling_passes_to_the_client_of_a_child_of_its_own(column):
    async def sample(messages, params, context):
        return "a sample"

    async with column.client(sampling_handler=sample) as client:
        assert (await called(client, "client")).keys() == {"sampling"}
        assert (await called(client, "sample"))["result"]["content"]["text"] == "a sample"


@only(MODERN, OWN, SHARED)
async def test_changed_lists_are_announced_and_listed(column):
    heard = asyncio.Event()

    async def on_message(message):
        if getattr(message, "method", "") == "notifications/tools/list_changed":
            heard.set()

    async with column.client(message_handler=on_message) as client:
        assert "grown_0" not in [tool.name for tool in await client.list_tools()]
        name = await called(client, "grow")
        async with asyncio.timeout(10):
            if column.era != MODERN:
                await heard.wait()
            while name not in [tool.name for tool in await client.list_tools()]:
                pass
        assert await called(client, name) == f"I am {name}"


@only(OWN, SHARED)
@pytest.mark.filterwarnings("ignore:resources/")  # of an era that has passed, says the SDK
async def test_a_session_hears_of_the_resources_that_it_has_subscribed_to(column):
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def on_message(message):
        if getattr(message, "method", "") == "notifications/resources/updated":
            heard.put_nowait(str(message.params.uri))

    async with column.client(message_handler=on_message) as client, column.client() as other:
        await client.session.subscribe_resource("toy://box")
        await other.session.subscribe_resource("toy://attic")
        await called(client, "touch")
        async with asyncio.timeout(10):
            assert await heard.get() == "toy://box"
        await client.session.unsubscribe_resource("toy://box")
        await other.session.unsubscribe_resource("toy://attic")
        assert await called(client, "touch") == []
        assert heard.empty()


@pytest.mark.filterwarnings("ignore:resources/")
async def test_a_child_that_was_started_again_knows_what_is_subscribed_to():
    with adapted(*SHARED.arguments) as server:
        async with Client(server.url, mode="legacy") as client:
            await client.session.subscribe_resource("toy://box")
            with pytest.raises(ToolError):
                await client.call_tool("crash", {})
            await until(lambda: ready(server)[0] == 200)
            async with asyncio.timeout(10):
                while await called(client, "touch") != ["toy://box"]:
                    pass


async def test_who_listens_in_2026_hears_of_changed_lists():
    wanted = {"notifications": {"toolsListChanged": True, "resourceSubscriptions": ["toy://box"]}}
    with adapted() as server:
        async with Client(server.url) as client, httpx2.AsyncClient() as http:
            request = post(server.url, "2026-07-28", "subscriptions/listen", wanted)
            answer = await http.send(request, stream=True)
            lines = (line async for line in answer.aiter_lines() if line.startswith("data: "))
            assert "acknowledged" in await anext(lines)
            await called(client, "grow")
            assert "notifications/tools/list_changed" in await anext(lines)
            await called(client, "touch")
            assert "toy://box" in await anext(lines)
            await answer.aclose()


async def test_over_stdio_everything_passes_to_the_one_client():
    logged = []

    async def on_log(message):
        logged.append(message.data)

    arguments = [ADAPTER, "--transport", "stdio"]
    transport = StdioTransport(sys.executable, arguments, env=environment(MCP_COMMAND=toy()), cwd=str(ROOT))
    async with Client(transport, elicitation_handler=accept, log_handler=on_log) as client:
        assert await called(client, "echo", message="hi") == "Echo: hi"
        assert (await called(client, "form", question="Who?"))["action"] == "accept"
        await called(client, "steps", count=1)
    assert logged == [{"text": "step 1"}]


async def test_a_session_with_a_child_of_its_own_has_it_for_itself():
    with adapted(*OWN.arguments) as server:
        one, two = Client(server.url, mode="legacy"), Client(server.url, mode="legacy")
        async with one, two:
            assert await called(one, "pid") == await called(one, "pid") != await called(two, "pid")
            await called(one, "grow")
            assert "grown_0" in [tool.name for tool in await one.list_tools()]
            assert "grown_0" not in [tool.name for tool in await two.list_tools()]
