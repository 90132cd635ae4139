"""Resources and the prompt, as a client gets them."""

import json

import pytest
from fastmcp import Client

import server


@pytest.fixture
async def client():
    async with Client(server.mcp) as client:
        yield client


async def test_the_status_is_json_about_this_server(client):
    (content,) = await client.read_resource("mcp://demo/status")
    assert content.mime_type == "application/json"
    status = json.loads(content.text)
    assert status.pop("uptime_seconds") >= 0
    assert status == {"server": server.mcp.name, "version": server.mcp.version, "status": "operational"}


async def test_the_greeting_takes_its_name_from_the_address(client):
    assert (await client.read_resource("mcp://demo/greeting/Ada"))[0].text == "Hello, Ada!"
    (template,) = await client.list_resource_templates()
    assert template.uri_template == "mcp://demo/greeting/{name}"


async def test_the_prompt_quotes_the_text(client):
    (message,) = (await client.get_prompt("summarize", {"text": "Once upon a time"})).messages
    assert message.content.text.endswith("\n\nOnce upon a time")
