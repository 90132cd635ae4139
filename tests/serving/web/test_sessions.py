"""Handshake-era sessions cannot be had without end."""

import httpx2
import pytest
from fastmcp import FastMCP
from httpx2 import ASGITransport, AsyncClient

from serving.chassis import chassis
from serving.settings import Settings
from serving.web import sessions
from serving.web.app import create_app
from tests.support import HELLO, post


@pytest.mark.parametrize("protection", [{}, {"auth": "token", "auth_tokens": "0123456789abcdef"}])
async def test_one_session_too_many_is_refused_until_another_one_has_ended(protection, monkeypatch):
    monkeypatch.setattr(sessions, "MAX_SESSIONS", 2)
    settings = Settings(stateless=False, **protection)
    app = create_app(FastMCP("test", **chassis(settings)), settings)
    headers = {"authorization": "Bearer 0123456789abcdef"}
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=ASGITransport(app)) as client,
    ):

        async def begin() -> httpx2.Response:
            request = post("http://localhost/mcp", "legacy", "initialize", HELLO)
            request.headers |= headers
            return await client.send(request)

        first, second, third = [await begin() for _ in range(3)]
        assert [answer.status_code for answer in (first, second, third)] == [200, 200, 503]
        end = headers | {"mcp-session-id": first.headers["mcp-session-id"]}
        assert (await client.delete("http://localhost/mcp", headers=end)).status_code == 200
        assert (await begin()).status_code == 200
