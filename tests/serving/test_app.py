"""The ASGI app: whom the guard lets in."""

import pytest
from fastmcp import FastMCP
from httpx2 import ASGITransport, AsyncClient

from serving.app import create_app
from serving.errors import StartError
from serving.settings import Settings


def http(**settings) -> AsyncClient:
    app = create_app(FastMCP("test", version="1.2.3"), Settings(**settings))
    return AsyncClient(transport=ASGITransport(app), base_url="http://localhost:8000")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"host": "evil.example"}, 421),
        ({"host": "mcp.example"}, 200),
        ({"origin": "http://localhost:8000"}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "https://app.example"}, 200),
    ],
)
async def test_the_guard_is_on_and_knows_whom_it_was_told_of(headers, status):
    async with http(allowed_hosts=("mcp.example",), allowed_origins=("https://app.example",)) as client:
        assert (await client.get("/", headers=headers)).status_code == status


def test_a_path_of_our_own_is_refused():
    with pytest.raises(StartError, match=r"^MCP_PATH=/health: expected a path that the server does not use itself$"):
        http(path="/health")


async def test_an_asterisk_turns_the_guard_off():
    async with http(allowed_hosts=("*",), allowed_origins=("*",)) as client:
        headers = {"host": "evil.example", "origin": "https://evil.example"}
        assert (await client.get("/", headers=headers)).status_code == 200
