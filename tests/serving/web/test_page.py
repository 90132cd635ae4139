"""`GET /`."""

import hashlib
import re
from base64 import b64encode

import pytest
from fastmcp import FastMCP
from httpx2 import ASGITransport, AsyncClient
from starlette.applications import Starlette

from serving.settings import Settings
from serving.web.page import PAGE, page_route, prefers_html

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
REST = {
    "tools": "/mcp/tools",
    "resources": "/mcp/resources",
    "execute": "/mcp/execute",
    "openapi": "/openapi.json",
}
PROBES = {"health": "/health", "ready": "/ready"}
METRICS = {"metrics": "/metrics"}


async def get(accept, headers=(), runtime="python", **settings):
    mcp = FastMCP("test", version="1.2.3", instructions="for those who may know")

    @mcp.tool
    def treasure() -> str:
        return "gold"

    app = Starlette(routes=[page_route(mcp, Settings(**settings), runtime)])
    async with AsyncClient(transport=ASGITransport(app), base_url="http://localhost:8000") as client:
        return await client.get("/", headers={"accept": accept, **dict(headers)})


@pytest.mark.parametrize(
    ("settings", "endpoints"),
    [
        ({}, {"mcp": "/mcp", **PROBES, **REST, **METRICS}),
        ({"path": "/tools"}, {"mcp": "/tools", **PROBES, **REST, **METRICS}),
        ({"transport": "sse"}, {"sse": "/sse", "messages": "/messages/", **PROBES, **REST, **METRICS}),
        ({"rest": False}, {"mcp": "/mcp", **PROBES, **METRICS}),
        ({"metrics_port": 9090}, {"mcp": "/mcp", **PROBES, **REST}),
    ],
)
async def test_a_program_learns_what_this_is_and_where_it_answers(settings, endpoints):
    reply = await get("*/*", **settings)
    assert reply.json() == {
        "service": "test",
        "version": "1.2.3",
        "protocol": ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"],
        "endpoints": endpoints,
        "runtime": "python",
        "auth": "none",
    }
    assert reply.headers["vary"] == "Accept"


async def test_it_says_what_is_behind_it_and_whether_that_takes_a_token():
    body = (await get("*/*", runtime="npm", auth="token")).json()
    assert (body["runtime"], body["auth"]) == ("npm", "token")


async def test_a_browser_gets_the_page_as_it_stands_in_the_file():
    reply = await get(BROWSER)
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert reply.text == PAGE.read_text("utf-8")


async def test_without_the_page_a_browser_gets_json_too():
    assert (await get(BROWSER, page=False)).json()["service"] == "test"


@pytest.mark.parametrize(
    "accept", [BROWSER, "text/html", "text/*", "TEXT/HTML;level=1", "application/json;q=0.4, */*;q=0.5"]
)
def test_who_wants_html_more_than_json_gets_it(accept):
    assert prefers_html(accept)


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "application/json",
        "text/html, application/json",
        "text/html;q=0, */*",
        "text/html;q=0.5, application/*;q=0.6",
        "text/html;q=much, application/json;q=0.1",
        "text/html;q=nan",
        "text/html;q=.5",
        "application/json, text/event-stream",
        ";q=1,,;",
    ],
)
def test_everybody_else_gets_json(accept):
    assert not prefers_html(accept)


async def test_the_policy_admits_the_script_and_the_style_of_the_page_and_no_others():
    policy = (await get(BROWSER)).headers["content-security-policy"]
    blocks = re.findall(r"<(script|style)\b[^>]*>(.*?)</\1>", PAGE.read_text("utf-8"), re.DOTALL)
    assert [tag for tag, _ in blocks] == ["style", "script"]
    for tag, block in blocks:
        digest = b64encode(hashlib.sha256(block.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none'; ")
    for rule in ("connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"):
        assert rule in policy
    assert "unsafe" not in policy


async def test_the_page_is_not_framed_not_sniffed_and_tells_nobody_where_it_was():
    headers = (await get(BROWSER)).headers
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


async def test_a_browser_that_has_the_page_is_told_to_keep_it():
    first = await get(BROWSER)
    assert (first.headers["cache-control"], first.headers["vary"]) == ("no-cache", "Accept")
    again = await get(BROWSER, {"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert (await get(BROWSER, {"if-none-match": '"other"'})).status_code == 200


@pytest.mark.parametrize("accept", [BROWSER, "application/json"])
async def test_nothing_that_a_token_protects_is_told_without_one(accept):
    text = (await get(accept, auth="token", auth_tokens="hush")).text
    for secret in ("treasure", "gold", "hush", "for those who may know"):
        assert secret not in text


@pytest.mark.parametrize(
    "pattern",
    [
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|DOMParser|srcdoc",
        r"\beval\b|\bFunction\(|javascript:",
        r"\bon\w+\s*=",
        r"\sstyle\s*=",
        r"\b(?:https?:)?//(?!www\.w3\.org/2000/svg)[\w.-]+\.\w",
        r"@import|url\(|\bimport\b",
        r"localStorage|document\.cookie",
    ],
)
def test_nothing_from_the_server_becomes_markup_and_nothing_comes_from_elsewhere(pattern):
    assert not re.findall(pattern, PAGE.read_text("utf-8"))
