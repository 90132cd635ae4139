"""Whom the server believes about who is calling."""

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from serving.settings import Settings
from serving.web.proxies import believe_proxies


async def who(trusted, forwarded, peer="10.0.0.1"):
    app = Starlette(
        routes=[Route("/", lambda request: PlainTextResponse(f"{request.url.scheme} {request.client.host}"))],
        middleware=believe_proxies(Settings(trusted_proxies=trusted)),
    )
    transport = httpx2.ASGITransport(app, client=(peer, 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        headers = {"x-forwarded-for": forwarded, "x-forwarded-proto": "https"}
        return (await client.get("/", headers=headers)).text


@pytest.mark.parametrize("trusted", ["10.0.0.1", "10.0.0.0/8", "*"])
async def test_a_trusted_proxy_says_where_a_request_comes_from(trusted):
    assert await who(trusted, "192.0.2.7") == "https 192.0.2.7"


@pytest.mark.parametrize("trusted", ["", "10.0.0.2"])
async def test_nobody_else_does(trusted):
    assert await who(trusted, "192.0.2.7") == "http 10.0.0.1"


async def test_what_a_client_has_written_before_the_proxy_is_not_believed():
    assert await who("10.0.0.0/8", "6.6.6.6, 192.0.2.7, 10.9.9.9") == "https 192.0.2.7"
