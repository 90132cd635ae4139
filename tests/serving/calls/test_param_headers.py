"""Headers that repeat arguments (SEP-2243) are compared with them, by what the SDK says, without a listing."""

import json
from contextlib import asynccontextmanager
from typing import Annotated

import httpx2
import pytest
from fastmcp import Context, FastMCP
from fastmcp.server.auth import require_scopes
from fastmcp.server.middleware import Middleware
from pydantic import BaseModel, Field

from serving.calls import param_headers
from serving.chassis import chassis
from serving.settings import Settings
from serving.web import app as web_app
from serving.web import express
from serving.web.app import create_app
from tests.support import post

ANYBODY, ADMIN = "0123456789abcdef", "fedcba9876543210"
URL = "http://localhost/mcp"
City = Annotated[str, Field(json_schema_extra={"x-mcp-header": "City"})]


class Place(BaseModel):
    city: City
    street: str = ""


class Listings(Middleware):
    def __init__(self):
        self.count = 0

    async def on_list_tools(self, context, call_next):
        self.count += 1
        return await call_next(context)


@asynccontextmanager
async def answering():
    settings = Settings(auth="token", auth_tokens=f"{ANYBODY},admin={ADMIN} some")
    mcp = FastMCP("test", **chassis(settings))
    listings = Listings()
    mcp.add_middleware(listings)

    @mcp.tool
    def weather(city: City, days: Annotated[int, Field(json_schema_extra={"x-mcp-header": "Days"})] = 1) -> str:
        return f"{city} {days}"

    @mcp.tool
    def nested(place: Place) -> str:
        return place.city

    @mcp.tool
    def plain(city: str) -> str:
        return city

    @mcp.tool(auth=require_scopes("some"))
    def hidden(city: City) -> str:
        return city

    @mcp.tool
    async def relay(ctx: Context) -> str:
        return str((await ctx.fastmcp.call_tool("weather", {"city": "Ulm"})).content)

    app = create_app(mcp, settings)
    async with app.router.lifespan_context(app), httpx2.AsyncClient(transport=httpx2.ASGITransport(app)) as client:
        yield client, listings


@pytest.fixture(params=["ours", "the SDK's"])
async def server(request, monkeypatch):
    if request.param != "ours":
        passed_on = staticmethod(lambda context, call_next: call_next(context))
        monkeypatch.setattr(param_headers.CompareHeaders, "on_call_tool", passed_on)
        monkeypatch.setattr(web_app, "compare_no_headers", lambda _: None)
        monkeypatch.setattr(express, "MADE_FOR", ("0.",))
    async with answering() as (client, _):
        yield client


def call(tool, arguments, who=ANYBODY, mode="2026-07-28", **headers):
    request = post(URL, mode, "tools/call", {"name": tool, "arguments": arguments})
    request.headers |= {f"mcp-param-{name}": value for name, value in headers.items()}
    request.headers |= {"authorization": f"Bearer {who}"}
    return request


AGREE = [
    ("weather", {"city": "Ulm"}, {"city": "Ulm"}),
    ("weather", {"city": "Ulm", "days": 3}, {"city": "Ulm", "days": "3"}),
    ("weather", {"city": "Ulm", "days": 3}, {"city": "Ulm", "days": "3.0"}),
    ("weather", {"city": "Grüß"}, {"city": "=?base64?R3LDvMOf?="}),
    ("nested", {"place": {"city": "Ulm"}}, {"city": "Ulm"}),
    ("plain", {"city": "Ulm"}, {"city": "Bonn"}),
]
DIFFER = [
    ("weather", {"city": "Ulm"}, {"city": "Bonn"}),
    ("weather", {"city": "Ulm"}, {}),
    ("weather", {}, {"city": "Ulm"}),
    ("weather", {"city": "Ulm"}, {"city": "Ulm", "days": "3"}),
    ("weather", {"city": "Ulm"}, {"city": "=?base64?!?="}),
    ("nested", {"place": {"city": "Ulm"}}, {"city": "Bonn"}),
]


@pytest.mark.parametrize(("tool", "arguments", "headers"), AGREE)
async def test_a_call_whose_headers_agree_is_made(server, tool, arguments, headers):
    answer = await server.send(call(tool, arguments, **headers))
    assert answer.status_code == 200
    assert answer.json()["result"]["isError"] is False


@pytest.mark.parametrize(("tool", "arguments", "headers"), DIFFER)
async def test_a_call_whose_headers_differ_is_refused_with_400_as_the_sdk_does(server, tool, arguments, headers):
    answer = await server.send(call(tool, arguments, **headers))
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, -32020)
    assert error["message"].startswith("Mcp-Param-")
    assert json.loads(answer.content) == {"jsonrpc": "2.0", "id": 1, "error": error}


async def test_headers_are_nothing_to_the_handshake_era(server):
    answer = await server.send(call("weather", {"city": "Ulm"}, mode="legacy", city="Bonn"))
    assert answer.status_code == 200


async def test_who_may_not_see_a_tool_does_not_learn_which_headers_it_wants(server):
    hidden = await server.send(call("hidden", {"city": "Ulm"}))
    assert "Unknown tool" in hidden.text
    shown = await server.send(call("hidden", {"city": "Ulm"}, who=ADMIN))
    assert shown.json()["error"]["code"] == -32020


async def test_no_tool_is_listed_for_a_call():
    async with answering() as (client, listings):
        for tool, arguments, headers in (*AGREE, *DIFFER):
            await client.send(call(tool, arguments, **headers))
        assert listings.count == 0


async def test_headers_are_about_the_call_that_is_sent_and_not_about_those_that_it_makes(server):
    answer = await server.send(call("relay", {}))
    assert "Ulm 1" in answer.text
