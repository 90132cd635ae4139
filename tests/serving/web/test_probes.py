"""Liveness and readiness."""

import pytest
from fastmcp import FastMCP
from fastmcp.server.providers import Provider
from httpx2 import ASGITransport, AsyncClient
from starlette.applications import Starlette

from serving.calls.limits import UnavailableError
from serving.chassis import chassis
from serving.settings import Settings
from serving.web.app import create_app


def http(app: Starlette) -> AsyncClient:
    return AsyncClient(transport=ASGITransport(app), base_url="http://localhost")


def sample(*providers: Provider) -> Starlette:
    mcp = FastMCP("test", version="1.2.3", providers=providers, **chassis(Settings()))
    mcp.tool(lambda: 1, name="one")
    mcp.tool(lambda: 2, name="two")
    mcp.resource("sample://data")(lambda: "data")
    return create_app(mcp, Settings())


class Gone(Provider):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    async def _list_tools(self):
        raise self.error


async def test_health_says_who_is_alive():
    async with http(sample()) as client:
        reply = await client.get("/health")
    assert reply.status_code == 200
    assert reply.json() == {"status": "healthy", "service": "test", "version": "1.2.3"}


async def test_ready_counts_what_is_served():
    app = sample()
    async with app.router.lifespan_context(app), http(app) as client:
        reply = await client.get("/ready")
    assert reply.status_code == 200
    assert reply.json() == {"status": "ready", "tools_count": 2, "resources_count": 1}


async def test_ready_is_503_before_the_start_and_after_the_stop():
    app = sample()
    async with http(app) as client:
        assert (await client.get("/ready")).json() == {"status": "unready", "reason": "starting"}
        async with app.router.lifespan_context(app):
            pass
        reply = await client.get("/ready")
    assert reply.status_code == 503
    assert reply.json() == {"status": "unready", "reason": "stopping"}


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionError("the database password is hunter2"), "a source of tools does not answer"),
        (UnavailableError("the printer is out of paper"), "the printer is out of paper"),  # meant to be told
    ],
)
async def test_ready_is_503_when_a_source_of_tools_is_gone_and_health_is_not(error, reason):
    app = sample(Gone(error))
    async with app.router.lifespan_context(app), http(app) as client:
        reply = await client.get("/ready")
        assert reply.status_code == 503
        assert reply.json() == {"status": "unready", "reason": reason}
        assert (await client.get("/health")).status_code == 200
