import logging
from contextlib import asynccontextmanager
from typing import Any, cast

import mcp_types as types
import pytest
from fastmcp import Client
from fastmcp.exceptions import ToolError
from mcp.shared.exceptions import MCPError

from serving.chassis import chassis
from serving.settings import Settings
from ship.aws_lambda.boot.compat.boot import metorial, simple
from ship.aws_lambda.boot.contract.registry import current_server, registry
from ship.aws_lambda.boot.lowlevel import LowLevelTransport, proxy_of

ERAS = ["legacy", "2026-07-28"]
NUMBERS = {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}, "required": ["a", "b"]}


@pytest.fixture(autouse=True)
def nothing_declared():
    registry.clear()
    yield
    registry.clear()


@pytest.fixture(params=ERAS)
def era(request):
    return request.param


def proxied(server):
    return proxy_of(server.lowlevel(), chassis(Settings()))


def directly(server, era):
    return Client(LowLevelTransport(server.lowlevel()), mode=era)


def through_the_chassis(server, era):
    return Client(proxied(server), mode=era)


@pytest.fixture(params=[directly, through_the_chassis])
def connect(request, era):
    @asynccontextmanager
    async def connected(server):
        async with request.param(server, era) as client:
            assert (client.protocol_version == "2026-07-28") == (era == "2026-07-28")
            yield client

    return connected


async def answer_of(connect, answer, **call):
    server = simple.create_server("answers")
    server.register_tool("answer", {"description": "Answer"}, lambda _: answer)
    async with connect(server) as client:
        return await client.call_tool("answer", {}, **call)


async def test_a_server_that_was_written_for_the_platform_works_as_it_is(connect):
    server = metorial.create_server({"name": "calculator-server", "version": "1.0.0"})

    @server.register_tool(
        "add",
        {
            "title": "Addition Tool",
            "description": "Add two numbers",
            "inputSchema": {
                "type": "object",
                "properties": {
                    "a": {"type": "number", "description": "First number"},
                    "b": {"type": "number", "description": "Second number"},
                },
                "required": ["a", "b"],
            },
        },
    )
    async def add_handler(arguments):
        result = arguments["a"] + arguments["b"]
        return {"content": [{"type": "text", "text": f"Result: {result}"}]}

    @server.register_resource(
        "greeting", "greeting://{name}", {"title": "Greeting Resource", "description": "Dynamic greeting generator"}
    )
    async def greeting_handler(uri):
        name = uri.split("/")[-1]
        return {"contents": [{"uri": uri, "mimeType": "text/plain", "text": f"Hello, {name}!"}]}

    metorial.start_server(server)
    async with connect(server) as client:
        [tool] = await client.list_tools()
        assert (tool.name, tool.title, tool.input_schema["required"]) == ("add", "Addition Tool", ["a", "b"])
        assert (await client.call_tool("add", {"a": 1, "b": 2})).content[0].text == "Result: 3"
        assert [one.uri_template for one in await client.list_resource_templates()] == ["greeting://{name}"]
        assert await client.list_resources() == []
        [read] = await client.read_resource("greeting://Ada")
        assert (read.text, read.uri) == ("Hello, Ada!", "greeting://Ada")


async def test_a_server_of_lists_works_as_it_is(connect):
    server = metorial.create_server("My Server")

    @server.list_tools()
    async def list_tools():
        return [{"name": "example", "description": "Example tool"}]

    @server.call_tool()
    async def call_tool(name, arguments):
        return {"result": "Success", "name": name, "arguments": arguments}

    async with connect(server) as client:
        assert [(tool.name, tool.input_schema) for tool in await client.list_tools()] == [
            ("example", {"type": "object"})
        ]
        answer = await client.call_tool("example", {"x": 1})
        assert answer.structured_content == {"result": "Success", "name": "example", "arguments": {"x": 1}}
        assert answer.content[0].text == '{"result": "Success", "name": "example", "arguments": {"x": 1}}'


async def test_lists_of_resources_and_prompts_are_answered_by_functions_async_or_not(connect):
    server = simple.create_server("lists", version="2.0")
    server.list_resources()(lambda: [{"uri": "memo://one", "name": "one"}])
    server.list_resource_templates()(lambda: {"resourceTemplates": [{"uriTemplate": "memo://{id}", "name": "memo"}]})
    server.list_prompts()(lambda: [{"name": "ask", "arguments": [{"name": "what", "required": True}]}])

    @server.read_resource()
    def read_resource(uri):
        return b"\x00\x01" if uri == "memo://bytes" else f"text of {uri}"

    @server.get_prompt()
    async def get_prompt(name, arguments):
        return {"messages": [{"role": "user", "content": {"type": "text", "text": f"{name}: {arguments['what']}"}}]}

    async with connect(server) as client:
        assert [resource.uri for resource in await client.list_resources()] == ["memo://one"]
        assert [template.name for template in await client.list_resource_templates()] == ["memo"]
        assert (await client.read_resource("memo://one"))[0].text == "text of memo://one"
        assert (await client.read_resource("memo://bytes"))[0].blob == "AAE="
        assert [prompt.name for prompt in await client.list_prompts()] == ["ask"]
        assert (await client.get_prompt("ask", {"what": "why"})).messages[0].content.text == "ask: why"


async def test_items_are_registered_one_by_one_and_the_lists_come_after_them(connect):
    server = simple.create_server("items")
    server.register_resource("note", "note://one", {"mimeType": "text/markdown"}, lambda _: "# One")
    server.register_prompt("greet", {"arguments": [{"name": "who"}]}, lambda arguments: f"Greet {arguments['who']}")
    server.register_tool("own", {}, lambda _: "its own")
    server.list_tools()(lambda: [types.Tool(name="other", input_schema={"type": "object"})])
    server.call_tool()(lambda name, _: [types.TextContent(text=f"that of {name}")])
    async with connect(server) as client:
        assert [tool.name for tool in await client.list_tools()] == ["own", "other"]
        assert (await client.call_tool("own", {})).content[0].text == "its own"
        assert (await client.call_tool("other", {})).content[0].text == "that of other"
        [note] = await client.read_resource("note://one")
        assert (note.text, note.mime_type) == ("# One", "text/markdown")
        message = (await client.get_prompt("greet", {"who": "Ada"})).messages[0]
        assert (message.role, message.content.text) == ("user", "Greet Ada")


@pytest.mark.parametrize(
    ("answer", "texts", "structured"),
    [
        ("a text", ["a text"], None),
        (3, ["3"], None),
        ([1, "ä"], ['[1, "ä"]'], None),
        (None, [], None),
        ([], [], None),
        ([{"type": "text", "text": "x"}], ["x"], None),
        ({"content": "a plain value"}, ['{"content": "a plain value"}'], {"content": "a plain value"}),
        ({"structuredContent": {"n": 1}}, ['{"n": 1}'], {"n": 1}),
        ({"content": [{"type": "text", "text": "x"}], "structuredContent": {"n": 1}}, ["x"], {"n": 1}),
    ],
)
async def test_whatever_a_tool_answers_becomes_content(connect, answer, texts, structured):
    result = await answer_of(connect, answer)
    assert ([block.text for block in result.content], result.structured_content) == (texts, structured)


async def test_a_tool_can_say_that_it_failed(connect):
    failed = {"content": [{"type": "text", "text": "no such account"}], "isError": True}
    result = await answer_of(connect, failed, raise_on_error=False)
    assert (result.is_error, result.content[0].text) == (True, "no such account")


@pytest.mark.parametrize(
    ("answer", "field"),
    [({"content": [{"type": "text", "text": 41}]}, "content.0."), ({1: object()}, "not of JSON: TypeError")],
)
async def test_what_does_not_fit_is_named_in_the_log_and_not_shown_to_the_client(connect, caplog, answer, field):
    with pytest.raises((MCPError, ToolError)) as caught:
        await answer_of(connect, answer)
    assert "41" not in str(caught.value)
    assert "object at" not in str(caught.value)
    [said] = [record for record in caplog.records if record.name == "ship.aws_lambda"]
    assert "tool 'answer'" in said.getMessage()
    assert field in said.getMessage()
    assert "41" not in said.getMessage()


async def test_the_error_for_what_does_not_fit_is_one_of_the_protocol(era):
    with pytest.raises(MCPError) as caught:
        await answer_of(lambda server: directly(server, era), {"content": [{"type": "text"}]})
    assert caught.value.error.code == types.INTERNAL_ERROR
    assert str(caught.value) == "tool 'answer': the server has answered with what is not of the protocol"


async def test_a_list_that_does_not_fit_is_an_error_that_names_the_entry(era, caplog):
    server = simple.create_server("list")
    server.list_tools()(lambda: [{"name": "good"}, {"name": "bad", "description": ["secret"]}])
    async with directly(server, era) as client:
        with pytest.raises(MCPError, match="tools/list") as caught:
            await client.list_tools()
    assert "secret" not in str(caught.value)
    assert "tools/list[1] ('bad'): not as the protocol has it: description: string_type" in caplog.text
    assert "secret" not in caplog.text


async def test_a_bug_is_logged_and_the_client_learns_its_kind(connect, caplog):
    server = simple.create_server("bugs")

    @server.register_tool("broken", {})
    async def broken(arguments):
        raise ValueError("password=hunter2")

    async with connect(server) as client:
        result = await client.call_tool("broken", {}, raise_on_error=False)
    assert (result.is_error, result.content[0].text) == (True, "the handler failed (ValueError)")
    assert [record.exc_info[0] for record in caplog.records if record.name == "ship.aws_lambda"] == [ValueError]


async def test_what_is_meant_for_the_client_reaches_it(connect):
    server = simple.create_server("refusals")

    @server.register_tool("locked", {})
    def locked(arguments):
        raise simple.PublicError("the account is locked")

    async with connect(server) as client:
        result = await client.call_tool("locked", {}, raise_on_error=False)
    assert (result.is_error, result.content[0].text) == (True, "the account is locked")


@pytest.mark.parametrize("wrong", [ValueError("hunter2"), MCPError(-32099, "of its own"), None])
async def test_prompts_and_resources_fail_with_an_error_of_the_protocol(era, caplog, wrong):
    server = simple.create_server("failing")

    def fail(_):
        raise wrong or simple.PublicError("not today")

    server.register_prompt("p", {}, fail)
    server.register_resource("r", "r://{id}", {}, fail)
    expected = "not today" if wrong is None else {ValueError: "the handler failed \\(ValueError\\)"}.get(type(wrong))
    async with directly(server, era) as client:
        with pytest.raises(MCPError, match=expected or "of its own"):
            await client.get_prompt("p")
        with pytest.raises(MCPError, match=expected or "of its own"):
            await client.read_resource("r://secret")
    assert "secret" not in "".join(caplog.messages)


async def test_what_is_unknown_is_said_to_be(connect):
    server = simple.create_server("unknown")
    for register in (server.register_tool, server.register_prompt):
        register("known", {}, lambda _: "x")
    server.register_resource("known", "known://{x}", {}, lambda _: "x")
    async with connect(server) as client:
        with pytest.raises((MCPError, ToolError), match="Unknown tool: 'other'"):
            await client.call_tool("other", {})
        with pytest.raises(MCPError, match="Unknown prompt: 'other'"):
            await client.get_prompt("other")
        with pytest.raises(MCPError, match=r"(Unknown resource|Resource not found): 'other://x'"):
            await client.read_resource("other://x")


async def test_only_what_is_registered_is_a_capability(era):
    server = simple.create_server("tools only")
    server.register_tool("one", {}, lambda _: "x")
    capabilities = server.lowlevel().get_capabilities()
    assert (capabilities.tools is not None, capabilities.resources, capabilities.prompts) == (True, None, None)
    async with directly(server, era) as client:
        with pytest.raises(MCPError, match="Method not found"):
            await client.list_prompts()


def test_the_last_server_is_the_current_one(caplog):
    first = simple.create_server("first")
    assert current_server() is first
    with caplog.at_level(logging.WARNING):
        second = simple.create_server("second", version="1.0.0")
    assert current_server() is second
    assert "'second' takes the place of 'first'" in caplog.text


@pytest.mark.parametrize("wrong", [{"version": "1"}, "", 3, {"name": "x", "version": 1}])
def test_a_server_without_a_name_is_none(wrong):
    with pytest.raises(TypeError, match="expected a string"):
        simple.create_server(wrong)


def test_a_handler_that_is_no_function_is_refused_where_it_is_registered():
    server, not_fitting = simple.create_server("x"), cast("Any", "add")
    with pytest.raises(TypeError, match="add: expected a function"):
        server.register_tool("add", {}, not_fitting)
    with pytest.raises(ValueError, match=r"^x://\{a\}\{b\}: expected a template"):
        server.register_resource("x", "x://{a}{b}", {}, print)


def test_the_old_spelling_is_the_same_object():
    assert metorial is simple
