"""The REST API: what it takes and answers."""

import asyncio
import json

import pytest
from fastmcp import Context, FastMCP
from fastmcp.resources import ResourceContent, ResourceResult
from fastmcp.server.auth import require_scopes
from fastmcp.server.dependencies import get_access_token, get_http_request
from fastmcp.tools import ToolResult
from fastmcp.utilities.types import Image
from httpx2 import ASGITransport, AsyncClient
from mcp_types import TextContent

from serving.chassis import chassis
from serving.settings import Settings
from serving.web.app import create_app
from tests.support import serving


def sample(settings: Settings) -> FastMCP:
    mcp = FastMCP("test", **chassis(settings))

    @mcp.tool
    def greet(name: str, times: int = 1) -> str:
        """Greet somebody."""
        return f"Hello {name}! " * times

    @mcp.tool
    def nothing() -> None: ...

    @mcp.tool
    def pair() -> dict[str, int]:
        return {"a": 1, "b": 2}

    @mcp.tool
    def numbers() -> list[int]:
        return [1, 2]

    @mcp.tool
    def plain():
        return "text"

    @mcp.tool
    def picture():
        return [Image(data=b"x", format="png"), "a picture"]

    @mcp.tool
    def refused() -> ToolResult:
        return ToolResult([TextContent(type="text", text="not today")], is_error=True)

    @mcp.tool
    async def who(ctx: Context) -> str:
        await ctx.report_progress(1, 2)
        token = get_access_token()
        return f"{token and token.client_id} at {get_http_request().url.path}"

    @mcp.tool(auth=require_scopes("admin"))
    def secret() -> str:
        return "for admins"

    @mcp.tool(name="twice", version="1")
    def once() -> int:
        return 1

    @mcp.tool(version="2")
    def twice() -> int:
        return 2

    @mcp.resource("mcp://demo/status", mime_type="application/json")
    def status() -> dict[str, bool]:
        return {"ok": True}

    @mcp.resource("mcp://demo/binary", mime_type="image/png")
    def binary() -> bytes:
        return b"\0\xff"

    @mcp.resource("file:///etc/motd")
    def motd() -> str:
        return "hi"

    @mcp.resource("mcp://demo/both")
    def both() -> ResourceResult:
        return ResourceResult([ResourceContent("a"), ResourceContent(b"b")])

    @mcp.resource("mcp://people/{name}")
    def person(name: str) -> str:
        return name

    @mcp.resource("mcp://secret/data", auth=require_scopes("admin"))
    def secret_data() -> str:
        return "for admins"

    @mcp.resource("mcp://search{?q}")
    def search(q: str = "") -> str:
        return q

    return mcp


@pytest.fixture
async def http():
    settings = Settings()
    app = create_app(sample(settings), settings)
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=ASGITransport(app), base_url="http://localhost") as client,
    ):
        yield client


async def call(http: AsyncClient, tool: str, **parameters):
    return await http.post("/mcp/execute", json={"tool": tool, "parameters": parameters})


async def test_the_tools_are_listed_each_name_once(http):
    tools = (await http.get("/mcp/tools")).json()["tools"]
    assert [tool["name"] for tool in tools].count("twice") == 1
    [greet] = [tool for tool in tools if tool["name"] == "greet"]
    assert greet.keys() == {"name", "description", "parameters"}
    assert greet["description"] == "Greet somebody."
    assert greet["parameters"]["required"] == ["name"]


async def test_the_resources_are_listed(http):
    resources = (await http.get("/mcp/resources")).json()["resources"]
    assert {"uri": "mcp://demo/status", "name": "status", "mimeType": "application/json"} in resources


@pytest.mark.parametrize(
    ("tool", "result"),
    [
        ("nothing", None),
        ("pair", {"a": 1, "b": 2}),
        ("numbers", [1, 2]),
        ("plain", "text"),
        ("twice", 2),
        (
            "picture",
            [{"type": "image", "data": "eA==", "mimeType": "image/png"}, {"type": "text", "text": "a picture"}],
        ),
    ],
)
async def test_a_result_is_what_the_tool_returned(http, tool, result):
    reply = await call(http, tool)
    assert reply.status_code == 200
    assert reply.json() == {"result": result, "metadata": {"tool": tool, "success": True}}


async def test_the_words_of_mcp_are_taken_as_well(http):
    reply = await http.post("/mcp/execute", json={"name": "greet", "arguments": {"name": "Ada"}})
    assert reply.json()["result"] == "Hello Ada! "


@pytest.mark.parametrize(
    ("body", "status", "code", "message"),
    [
        ("{", 400, "invalid_json", "not JSON: "),
        ("", 400, "invalid_json", "not JSON: "),
        ('{"tool": NaN}', 400, "invalid_json", "not JSON: "),
        ("[]", 422, "invalid_request", "expected an object"),
        ("{}", 422, "invalid_request", "tool: missing"),
        ('{"tool": 1}', 422, "invalid_request", "tool: expected text"),
        ('{"tool": "greet", "parameters": null}', 422, "invalid_request", "parameters: expected an object"),
        ('{"tool": "greet", "name": "greet"}', 422, "invalid_request", "name: no such argument"),
        ('{"tool": "greet", "colour": 1}', 422, "invalid_request", "colour: no such argument"),
        ('{"tool": "nowhere"}', 404, "not_found", "Unknown tool: 'nowhere'"),
        ('{"tool": "secret"}', 404, "not_found", "Unknown tool: 'secret'"),
        (
            '{"tool": "greet", "parameters": {"times": "many", "colour": 1}}',
            422,
            "invalid_arguments",
            "name: missing; times: expected a whole number; colour: no such argument",
        ),
        ('{"tool": "refused"}', 400, "tool_error", "not today"),
    ],
)
async def test_what_cannot_be_called_is_refused(http, body, status, code, message):
    reply = await http.post("/mcp/execute", content=body)
    error = reply.json()["error"]
    assert (reply.status_code, error["code"]) == (status, code)
    assert message in error["message"]
    assert error["request_id"] == reply.headers["x-request-id"]


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "application/vnd.x+json", ""])
async def test_json_may_be_called_json_or_nothing(http, kind):
    reply = await http.post("/mcp/execute", content='{"tool": "plain"}', headers={"content-type": kind} if kind else {})
    assert reply.status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "nonsense"])
async def test_what_is_called_otherwise_is_refused(http, kind):
    reply = await http.post("/mcp/execute", content='{"tool": "plain"}', headers={"content-type": kind})
    assert (reply.status_code, reply.json()["error"]["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "path",
    [
        "mcp://demo/status",
        "mcp:/demo/status",
        "mcp%3A%2F%2Fdemo%2Fstatus",
        "mcp%3a//demo/status",
        "mcp:%2F%2Fdemo/status",
    ],
)
async def test_a_resource_is_read_however_its_uri_arrives(http, path):
    reply = await http.get(f"/mcp/resource/{path}")
    assert reply.status_code == 200
    assert reply.json() == {"uri": "mcp://demo/status", "content": '{"ok": true}', "mimeType": "application/json"}


@pytest.mark.parametrize(
    ("path", "uri", "content"),
    [
        ("file:/etc/motd", "file:///etc/motd", "hi"),
        ("mcp://people/A%20da%2FB", "mcp://people/A%20da%2FB", "A da/B"),
        ("mcp%3A%2F%2Fpeople%2FA%2520da", "mcp://people/A%20da", "A da"),
        ("mcp:/people/Ada", "mcp://people/Ada", "Ada"),
        ("mcp://search?q=a%26b", "mcp://search?q=a%26b", "a&b"),
        ("mcp%3A%2F%2Fsearch%3Fq%3Da", "mcp://search?q=a", "a"),
    ],
)
async def test_a_template_and_a_query_belong_to_the_uri(http, path, uri, content):
    reply = await http.get(f"/mcp/resource/{path}")
    assert reply.json() == {"uri": uri, "content": content, "mimeType": "text/plain"}


async def test_binary_content_is_base64_and_says_so(http):
    reply = await http.get("/mcp/resource/mcp://demo/binary")
    assert reply.json() == {
        "uri": "mcp://demo/binary",
        "content": "AP8=",
        "mimeType": "image/png",
        "encoding": "base64",
    }


async def test_several_contents_are_a_list(http):
    reply = await http.get("/mcp/resource/mcp://demo/both")
    assert [one["content"] for one in reply.json()["contents"]] == ["a", "Yg=="]


@pytest.mark.parametrize("path", ["", "nowhere", "mcp:/nowhere", "%00", "%0A", "mcp://demo/../status", "[::", "%FF"])
async def test_a_resource_that_does_not_exist_is_not_found(http, path):
    reply = await http.get(f"/mcp/resource/{path}")
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize(("path", "allow"), [("/mcp/execute", "POST, OPTIONS"), ("/mcp/tools", "GET, HEAD, OPTIONS")])
async def test_other_methods_learn_which_are_allowed(http, path, allow):
    for method in ("PUT", "DELETE", "ODD"):
        reply = await http.request(method, path)
        assert (reply.status_code, reply.headers["allow"]) == (405, allow)
        assert reply.json()["error"]["code"] == "method_not_allowed"
    options = await http.options(path)
    assert (options.status_code, options.headers["allow"]) == (204, allow)


async def test_head_is_get_without_a_body():
    with serving() as server:
        async with AsyncClient(base_url=server.base) as http:
            reply = await http.head("/mcp/tools")
    assert (reply.status_code, reply.text) == (200, "")
    assert int(reply.headers["content-length"]) > 0


async def test_the_token_is_the_one_of_mcp():
    settings = Settings(auth="token", auth_tokens="ada=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa admin,bob=" + "b" * 32)
    app = create_app(sample(settings), settings)
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=ASGITransport(app), base_url="http://localhost") as http,
    ):
        assert (await http.get("/mcp/tools")).status_code == 401
        assert (await call(http, "who")).status_code == 401
        http.headers["authorization"] = "Bearer " + "a" * 32
        assert (await call(http, "who")).json()["result"] == "ada at /mcp/execute"
        assert (await call(http, "secret")).json()["result"] == "for admins"
        http.headers["authorization"] = "Bearer " + "b" * 32
        assert (await call(http, "secret")).status_code == 404  # as in MCP: what may not be used is not there
        assert (await http.get("/mcp/resource/mcp://secret/data")).status_code == 404
        assert (await http.get("/mcp/resource/mcp:/secret/data")).status_code == 404
        assert "secret" not in (await http.get("/mcp/tools")).text + (await http.get("/mcp/resources")).text


async def test_a_bug_is_an_error_without_details_and_a_line_in_the_log():
    with serving() as server:
        async with AsyncClient(base_url=server.base) as http:
            reply = await http.post("/mcp/execute", json={"tool": "fail", "parameters": {"secret": "hunter2"}})
            refused = await call(http, "refuse")
        server.stop()
    assert (reply.status_code, reply.json()["error"]["code"]) == (500, "internal_error")
    assert "hunter2" not in reply.text
    assert (refused.status_code, refused.json()["error"]["message"]) == (400, "not today")
    lines = [json.loads(line) for line in server.log if '"tool call"' in line]
    assert [(line["tool"], line["outcome"]) for line in lines] == [("fail", "failed"), ("refuse", "refused")]
    assert lines[0]["request_id"] == reply.json()["error"]["request_id"]


async def test_a_limit_says_when_to_come_back():
    with serving("--rate-limit", "1") as server:
        async with AsyncClient(base_url=server.base) as http:
            assert (await call(http, "echo", message="hi")).status_code == 200
            reply = await call(http, "echo", message="hi")
    assert (reply.status_code, reply.json()["error"]["code"]) == (429, "rate_limited")
    assert int(reply.headers["retry-after"]) > 0


async def test_time_that_is_over_ends_the_call():
    with serving("--call-seconds", "0.1") as server:
        async with AsyncClient(base_url=server.base) as http:
            reply = await call(http, "hang", key="")
    assert (reply.status_code, reply.json()["error"]["code"]) == (504, "timed_out")


@pytest.mark.parametrize("json_response", ["true", "false"])
async def test_hanging_up_cancels_the_call(json_response):
    with serving("--json-response", json_response) as server:
        async with AsyncClient(base_url=server.base) as http:
            hanging = asyncio.create_task(call(http, "hang", key="rest"))
            while (await call(http, "seen", key="rest")).json()["result"] != ["started"]:
                pass
            hanging.cancel()
            while (await call(http, "seen", key="rest")).json()["result"] != ["started", "cancelled"]:
                pass
        assert server.stop() == 0
    [line] = [json.loads(line) for line in server.log if '"hang"' in line]
    assert line["outcome"] == "cancelled"
    assert not [line for line in server.log if "Traceback" in line]
