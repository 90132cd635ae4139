"""The short way answers as the long one does, and leaves to that one what it cannot do itself."""

import asyncio
import json
import re

import httpx2
import pytest

from serving.request_id import HEADER
from tests.ship.adapter.support import adapted
from tests.support import post

LONG = {"accept": "application/json;q=1, text/event-stream", "content-type": "application/json; charset=utf-8"}
ERAS = ("legacy", "2026-07-28")
CALLS = [
    ("echo", {"message": "hé ✓ \U0001f600"}),
    ("picture", {}),
    ("refuse", {}),
    ("meta", {}),
    ("echo", {}),
    ("heavy", {"size": 3000}),
    ("form", {"question": "who?"}),
    ("odd_text", {}),
    ("nothing", {}),
]


@pytest.fixture(scope="module")
def server():
    with adapted("--log-level", "info", "--max-result-bytes", "2000", "--call-seconds", "1") as server:
        yield server


@pytest.fixture
async def http(server):
    async with httpx2.AsyncClient() as http:
        yield http


def request(server, era, tool, arguments, *, long=False, meta=None):
    """A call by hand. The long way has sessions in mind, and is taken by whoever could be asked something."""
    made = post(server.url, era, "tools/call", {"name": tool, "arguments": arguments})
    message = json.loads(made.content)
    capabilities = message["params"].get("_meta", {})
    if era != "legacy":
        capabilities["io.modelcontextprotocol/clientCapabilities"] = {"roots": {}} if long else {}
    if meta:
        message["params"]["_meta"] = {**message["params"].get("_meta", {}), **meta}
    headers = dict(made.headers) | ({"accept": "*/*"} if long else {})
    headers.pop("content-length")
    return httpx2.Request("POST", server.url, headers=headers, json=message)


def answered(response):
    """The messages of an answer, be it JSON or a stream."""
    assert response.status_code == 200, response.text
    if response.headers["content-type"] == "application/json":
        return [response.json()]
    return [json.loads(line[6:]) for line in response.text.splitlines() if line.startswith("data: ")]


def without_weight(message):
    """What both ways must agree on; the long one weighs what FastMCP adds, too."""
    return json.loads(re.sub(r"weighs \d+", "weighs", json.dumps(message)))


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(("tool", "arguments"), CALLS)
async def test_both_ways_answer_the_same(server, http, era, tool, arguments):
    await http.send(post(server.url, era, "tools/list"))
    short, long = [
        answered(await http.send(request(server, era, tool, arguments, long=way)))[-1] for way in (False, True)
    ]
    for answer in (short, long):
        answer["result"].setdefault("isError", False)
        answer["result"].get("_meta", {}).pop("io.modelcontextprotocol/serverInfo", None)
        if not answer["result"].get("_meta"):
            answer["result"].pop("_meta", None)
    assert without_weight(short) == without_weight(long)


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("long", [False, True])
async def test_notes_make_it_a_stream_in_order(server, http, era, long):
    meta = {"progressToken": "mine", "io.modelcontextprotocol/logLevel": "info"}
    await http.send(post(server.url, era, "tools/list"))
    response = await http.send(request(server, era, "steps", {"count": 2}, long=long, meta=meta))
    assert response.headers["content-type"].startswith("text/event-stream")
    said = [message.get("method", "result") for message in answered(response)]
    assert said == ["notifications/progress", "notifications/message"] * 2 + ["result"]
    assert answered(response)[0]["params"]["progressToken"] == "mine"


async def test_who_wants_no_notes_gets_json(server, http):
    response = await http.send(request(server, "2026-07-28", "steps", {"count": 2}))
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize("long", [False, True])
async def test_every_call_is_recorded_whichever_way_it_takes(http, long):
    with adapted("--log-level", "info", "--call-seconds", "0.3") as server:
        await http.send(post(server.url, "legacy", "tools/list"))
        for number, (tool, arguments) in enumerate((("echo", {"message": "geheim"}), ("refuse", {}), ("hang", {}))):
            sent = request(server, "legacy", tool, arguments, long=long)
            sent.headers[HEADER] = f"r{number}"
            answer = await http.send(sent)
            assert answer.headers[HEADER] == f"r{number}"
        metrics = (await http.get(f"{server.base}/metrics")).text
        server.stop()
    lines = [json.loads(line) for line in server.log if '"tool call"' in line]
    assert [(line["tool"], line["outcome"], line["request_id"]) for line in lines] == [
        ("echo", "ok", "r0"),
        ("refuse", "refused", "r1"),
        ("hang", "timed_out", "r2"),
    ]
    assert "geheim" not in "".join(server.log)
    assert 'mcp_tool_calls_total{outcome="timed_out",tool="hang"} 1.0' in metrics
    assert "mcp_calls_in_progress 0.0" in metrics


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [
        ("mcp-name", "other", 400),
        ("mcp-method", "tools/list", 400),
        ("mcp-protocol-version", "2030-01-01", 400),
        ("accept", "text/html", 406),
    ],
)
async def test_headers_that_do_not_fit_are_refused_as_ever(server, http, header, value, status):
    await http.send(post(server.url, "2026-07-28", "tools/list"))
    sent = request(server, "2026-07-28", "echo", {"message": "hi"})
    sent.headers[header] = value
    assert (await http.send(sent)).status_code == status


@pytest.mark.parametrize(
    "odd", [{"arguments": []}, {"arguments": ""}, {"_meta": {"progressToken": {}}}, {"name": 7}, {"_meta": []}]
)
async def test_what_does_not_fit_goes_the_long_way_and_is_refused_there(server, http, odd):
    await http.send(post(server.url, "legacy", "tools/list"))
    made = post(server.url, "legacy", "tools/call", {"name": "meta", **odd})
    answer = answered(await http.send(made))[-1]
    assert answer["error"]["code"] == -32602


async def test_the_limits_hold_on_the_short_way():
    with adapted("--max-concurrency", "1") as server:
        async with httpx2.AsyncClient() as http:
            await http.send(post(server.url, "legacy", "tools/list"))
            hanging = asyncio.create_task(http.send(request(server, "legacy", "hang", {})))
            async with asyncio.timeout(10):
                while "mcp_calls_in_progress 1.0" not in (await http.get(f"{server.base}/metrics")).text:
                    pass
                assert (await http.send(request(server, "legacy", "echo", {"message": "hi"}))).status_code == 503
                hanging.cancel()
                while (await http.send(request(server, "legacy", "echo", {"message": "hi"}))).status_code != 200:
                    pass
