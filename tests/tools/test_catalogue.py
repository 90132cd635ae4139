"""What the examples promise by name."""

import pytest
from fastmcp import Client

import server
from tests.support import SERVER, serving
from tests.test_docs import ABOUT_EXAMPLES, ask, questions

TOOLS = {"echo", "greet", "add", "multiply", "calculate", "wait", "weather"}


@pytest.fixture
async def client():
    async with Client(server.mcp) as client:
        yield client


async def test_every_example_is_there_and_explained(client):
    tools = {tool.name: tool for tool in await client.list_tools()}
    assert tools.keys() >= TOOLS
    assert all(tools[name].description and tools[name].annotations.read_only_hint for name in TOOLS)
    assert {name for name in TOOLS if tools[name].annotations.open_world_hint} == {"weather"}


@pytest.mark.parametrize(
    ("name", "arguments", "text"),
    [
        ("echo", {"message": "hi"}, "Echo: hi"),
        ("greet", {"name": "Ada"}, "Hello, Ada!"),
        ("add", {"a": 1, "b": 2}, "3"),
        ("calculate", {"operation": "divide", "a": 1, "b": 0}, "Division by zero"),
    ],
)
async def test_a_client_reads_the_text_that_is_promised(client, name, arguments, text):
    result = await client.call_tool(name, arguments, raise_on_error=False)
    assert result.content[0].text == text


async def test_numbers_are_plain_numbers_to_a_client(client):
    (add,) = [tool for tool in await client.list_tools() if tool.name == "add"]
    assert {schema["type"] for schema in add.input_schema["properties"].values()} == {"number"}


def test_what_the_docs_ask_them_gets_answers():
    about = [question for question in questions() if question[0].startswith(ABOUT_EXAMPLES)]
    assert all(any(path.startswith(each) for path, _ in about) for each in ABOUT_EXAMPLES)
    with serving(script=SERVER) as running:
        for question in about:
            assert ask(running, *question).raise_for_status().json()
