"""The ASGI app: whom the guard lets in."""

import pytest
from fastmcp import FastMCP
from httpx2 import ASGITransport, AsyncClient
from starlette.responses import PlainTextResponse

from serving.chassis import chassis
from serving.errors import SettingsError
from serving.settings import Settings
from serving.web.app import create_app


def http(**settings) -> AsyncClient:
    given = Settings(**settings)
    app = create_app(FastMCP("test", version="1.2.3", **chassis(given)), given)
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
    with pytest.raises(SettingsError, match=r"^MCP_PATH=/health: expected a path that the server does not use itself$"):
        http(path="/health")


async def test_an_asterisk_turns_the_guard_off():
    async with http(allowed_hosts=("*",), allowed_origins=("*",)) as client:
        headers = {"host": "evil.example", "origin": "https://evil.example"}
        assert (await client.get("/", headers=headers)).status_code == 200


def test_a_server_without_the_chassis_is_refused():
    with pytest.raises(LookupError, match="bare: expected a server made with FastMCP"):
        create_app(FastMCP("bare"), Settings())


async def test_what_is_switched_off_is_not_there():
    async with http(rest=False, metrics_port=9000) as client:
        for path in ("/mcp/tools", "/openapi.json", "/metrics"):
            assert (await client.get(path)).status_code == 404


async def test_what_is_open_by_its_path_is_ours_whatever_routes_a_server_has():
    given = Settings()
    mcp = FastMCP("test", **chassis(given))

    @mcp.custom_route("/health", methods=["GET"])
    async def theirs(_):
        return PlainTextResponse("theirs")

    async with AsyncClient(transport=ASGITransport(create_app(mcp, given)), base_url="http://localhost") as client:
        assert (await client.get("/health")).json()["status"] == "healthy"


async def test_every_address_that_the_page_names_is_there():
    async with http() as client:
        for path in (await client.get("/")).json()["endpoints"].values():
            assert (await client.head(path)).status_code != 404


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("PUT", "/health", 405)])
async def test_an_unknown_path_or_method_is_refused_like_everything_else(method, path, status):
    async with http() as client:
        answer = await client.request(method, path)
    assert answer.status_code == status
    assert answer.json()["error"]["request_id"] == answer.headers["x-request-id"]
    assert status != 405 or "GET" in answer.headers["allow"]
