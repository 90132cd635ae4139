"""The short way for plain calls: nobody can tell from an answer which way it came."""

import json
import logging
import re
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib.metadata import version

import httpx2
import pytest
from fastmcp import Context, FastMCP
from fastmcp.tools import ToolResult
from mcp.shared.exceptions import MCPError

from serving.chassis import chassis
from serving.settings import Settings
from serving.web import express
from serving.web.app import create_app
from tests.sample import create_server
from tests.support import post, serving

pytestmark = pytest.mark.filterwarnings("ignore:The logging capability is deprecated")
URL = "http://localhost/mcp"
LOG_LEVEL = "io.modelcontextprotocol/logLevel"
ERAS = ["2026-07-28", "legacy"]
CALLS = [
    ("echo", {"message": "hi"}),
    ("echo", {"message": 'Grüße, "quoted" \u2028 \U0001f600 \x00'}),
    ("echo", {}),
    ("echo", {"message": 1}),
    ("echo", {"message": "hi", "more": True}),
    ("echo", {"message": "x" * 100_000}),
    ("nothing_of_that_name", {}),
    ("steps", {"count": 2}),
    ("relay", {"message": "hi"}),
    ("ask", {}),
    ("ask_in_rounds", {}),
    ("heavy", {"size": 3_000_000}),
    ("odd_result", {}),
    ("odd_error", {}),
    ("odd_notice", {}),
    ("guarded", {}),
    ("refuse", {}),
    ("fail", {"secret": "geheim"}),
    ("leave", {"how": "exit"}),
    ("leave", {"how": "cancel"}),
    ("impatient", {"seconds": 600}),
    ("seen", {"key": "nobody"}),
    ("everything", {}),
    ("nothing", {}),
    ("protocol_error", {}),
    ("odd_protocol_error", {}),
    ("asks_for_the_body", {}),
    ("who_calls", {}),
]
METAS = [{}, {"progressToken": "mine", LOG_LEVEL: "info"}, {"progressToken": 7, "other": None}]


def more_tools(mcp: FastMCP) -> None:
    @mcp.tool
    def everything() -> ToolResult:
        return ToolResult(["text", 1, None], {"none": None, "float": 1.0, "big": 10**30}, {"note": None, "more": [1]})

    @mcp.tool
    def nothing() -> None:
        return None

    @mcp.tool
    async def protocol_error() -> None:
        raise MCPError(-32021, "no such capability", {"missing": ["x"]})

    @mcp.tool
    async def odd_protocol_error() -> None:
        raise MCPError(-32021, "not now", {"at": datetime(2026, 7, 28, tzinfo=UTC)})

    @mcp.tool
    async def asks_for_the_body(ctx: Context) -> str:
        return (await ctx.request_context.request.body()).decode()

    @mcp.tool
    async def who_calls(ctx: Context) -> dict[str, object]:
        request = ctx.request_context
        return {
            "client": ctx.client_id,
            "capabilities": ctx.session.client_params and ctx.session.client_params.model_dump(mode="json"),
            "protocol": request.protocol_version,
            "request": ctx.request_id,
            "header": request.request.headers["x-header"],
        }


@asynccontextmanager
async def answering(**options):
    settings = Settings(max_result_bytes=2_000_000, **options)
    mcp = create_server(settings)
    more_tools(mcp)
    app = create_app(mcp, settings)
    transport = httpx2.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx2.AsyncClient(transport=transport, timeout=60) as client:
        yield client


@pytest.fixture(params=[{}, {"json_response": True}], ids=["stream", "json"])
async def both(request, monkeypatch):
    """Clients of two servers, of which only the first has the short way."""
    logging.disable()  # odd text in the log would end pytest-xdist
    async with answering(**request.param) as short:
        monkeypatch.setattr(express, "MADE_FOR", ("0.",))
        async with answering(**request.param) as long:
            yield short, long
    logging.disable(logging.NOTSET)


def call(era, tool, arguments, meta=None, **headers):
    request = post(URL, era, "tools/call", {"name": tool, "arguments": arguments})
    message = json.loads(request.content)
    if meta:
        message["params"]["_meta"] = {**message["params"].get("_meta", {}), **meta}
    headers = {**request.headers, "x-header": "value", "x-request-id": "same", **headers}
    headers.pop("content-length")
    return httpx2.Request("POST", URL, headers=headers, json=message)


def messages(response):
    if response.headers.get("content-type") == "text/event-stream":
        return [json.loads(line[6:]) for line in response.text.split("\r\n") if line.startswith("data: ")]
    return [json.loads(response.content)] if response.content.startswith(b"{") else [response.text]


def unsealed(content):
    """A sealed state is another one each time."""
    return re.sub(rb'"requestState":"[^"]+"', b'"requestState":"sealed"', content)


def is_stream(response):
    return response.headers["content-type"].startswith("text/event-stream")


@pytest.mark.parametrize(("tool", "arguments"), CALLS, ids=[f"{n}-{call[0]}" for n, call in enumerate(CALLS)])
async def test_both_ways_answer_2026_07_28_with_the_same_bytes(both, tool, arguments):
    for meta in METAS:
        short, long = [await client.send(call("2026-07-28", tool, arguments, meta)) for client in both]
        assert (short.status_code, unsealed(short.content)) == (long.status_code, unsealed(long.content))
        alike = {"connection": "", "content-length": ""}
        assert {**short.headers, **alike} == {**long.headers, **alike}


@pytest.mark.parametrize(("tool", "arguments"), CALLS, ids=[f"{n}-{call[0]}" for n, call in enumerate(CALLS)])
async def test_both_ways_say_the_same_in_the_handshake_era(both, tool, arguments):
    for meta in METAS:
        short, long = [await client.send(call("legacy", tool, arguments, meta)) for client in both]
        if tool == "odd_notice" and not long.content:  # the SDK's transport ends over it
            continue
        assert (short.status_code, messages(short)) == (long.status_code, messages(long))
        assert is_stream(short) is (len(messages(short)) > 1)


ODD_HEADERS = [
    {"accept": "*/*"},
    {"accept": "application/json"},
    {"content-type": "application/json; charset=utf-8"},
    {"content-type": "text/plain"},
    {"mcp-name": "another"},
    {"mcp-method": "tools/list"},
    {"mcp-protocol-version": "2024-11-05"},
    {"mcp-protocol-version": "2025-11-25"},
    {"mcp-protocol-version": "2026-07-28"},
    {"mcp-protocol-version": "1999-01-01"},
    {"mcp-param-city": "Ulm"},
    {"mcp-session-id": "made up"},
    {"last-event-id": "1"},
]


@pytest.mark.parametrize("headers", ODD_HEADERS, ids=[f"{n}" for n in range(len(ODD_HEADERS))])
@pytest.mark.parametrize("era", ERAS)
async def test_odd_headers_are_answered_the_same(both, era, headers):
    short, long = [await client.send(call(era, "echo", {"message": "hi"}, **headers)) for client in both]
    assert (short.status_code, messages(short)) == (long.status_code, messages(long))


ODD_PARAMS = [
    {"name": "echo"},
    {"name": "echo", "arguments": None},
    {"name": "echo", "arguments": []},
    {"name": 1, "arguments": {}},
    {"arguments": {}},
    {"name": "echo", "arguments": {"message": "hi"}, "more": 1},
    {"name": "echo", "arguments": {"message": "hi"}, "requestState": "forged"},
    {"name": "echo", "arguments": {"message": "hi"}, "_meta": []},
    {"name": "echo", "arguments": {"message": "hi"}, "_meta": {"progressToken": True}},
    {"name": "echo", "arguments": {"message": "hi"}, "_meta": {"fastmcp": {"version": "9"}}},
]


@pytest.mark.parametrize("params", ODD_PARAMS, ids=[f"{n}" for n in range(len(ODD_PARAMS))])
@pytest.mark.parametrize("era", ERAS)
async def test_odd_params_are_answered_the_same(both, era, params):
    answers = []
    for client in both:
        request = call(era, "echo", {"message": "hi"})
        message = json.loads(request.content)
        meta = message["params"].get("_meta", {})
        if meta and isinstance(params.get("_meta", {}), dict):
            params = params | {"_meta": {**meta, **params.get("_meta", {})}}
        message["params"] = params
        headers = {name: value for name, value in request.headers.items() if name != "content-length"}
        answers.append(await client.send(httpx2.Request("POST", URL, headers=headers, json=message)))
    short, long = answers
    assert (short.status_code, messages(short)) == (long.status_code, messages(long))


@pytest.mark.parametrize("era", ERAS)
async def test_a_call_that_says_something_is_a_stream_from_then_on_and_others_are_json(era):
    async with answering() as client:
        meta = {"progressToken": "mine", LOG_LEVEL: "info"}
        told = await client.send(call(era, "steps", {"count": 2}, meta))
        quiet = await client.send(call(era, "echo", {"message": "hi"}, meta))
    assert is_stream(told)
    methods = [message.get("method", "result") for message in messages(told)]
    assert methods == ["notifications/progress", "notifications/message"] * 2 + ["result"]
    assert messages(told)[0]["params"] == {"progressToken": "mine", "progress": 1.0, "total": 2.0}
    assert quiet.headers["content-type"] == "application/json"


def test_the_locked_sdk_is_the_one_that_the_short_way_is_made_for():
    assert version("mcp").startswith(express.MADE_FOR)


async def test_with_another_sdk_all_calls_go_the_long_way_and_the_log_says_so(monkeypatch, caplog):
    monkeypatch.setattr(express, "MADE_FOR", ("0.",))
    async with answering() as client:
        answer = await client.send(call("legacy", "echo", {"message": "hi"}))
    assert is_stream(answer)
    assert "calls are slower until serving/web/express.py is compared with it" in caplog.text


@pytest.mark.parametrize("era", ERAS)
async def test_a_bug_around_a_call_is_told_to_nobody_but_the_log(era, caplog):
    settings = Settings()
    mcp = FastMCP("test", **chassis(settings))
    mcp.tool(lambda: 1, name="one")

    async def broken(*_):
        raise RuntimeError("geheim")

    mcp._mcp_server.middleware.insert(0, broken)
    app = create_app(mcp, settings)
    async with app.router.lifespan_context(app), httpx2.AsyncClient(transport=httpx2.ASGITransport(app)) as client:
        answer = await client.send(call(era, "one", {}))
    assert answer.json()["error"] == {"code": -32603, "message": "Internal server error"}
    assert "modern request handler raised" in caplog.text


@pytest.mark.parametrize("era", ERAS)
async def test_who_hangs_up_cancels_the_call(era):
    with serving() as server:
        async with httpx2.AsyncClient(timeout=1) as client:
            with pytest.raises(httpx2.TimeoutException):
                await client.send(post(server.url, era, "tools/call", {"name": "hang", "arguments": {"key": era}}))
        assert '"outcome": "cancelled"' in server.wait_for('"tool call"')
