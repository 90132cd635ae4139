"""What a tool can do with its client when that speaks plain HTTP."""

import pytest
from fastmcp import Context, FastMCP
from httpx2 import ASGITransport, AsyncClient
from mcp_types import ElicitRequest, ElicitRequestFormParams, InputRequiredResult, ToolListChangedNotification

from serving.chassis import chassis
from serving.settings import Settings
from serving.web.app import create_app

pytestmark = pytest.mark.filterwarnings("ignore::mcp.MCPDeprecationWarning")  # of logging to the client


def sample(settings: Settings) -> FastMCP:
    mcp = FastMCP("test", **chassis(settings))

    @mcp.tool
    async def talk(ctx: Context) -> str:
        await ctx.info("hello")
        await ctx.report_progress(1, 2)
        await ctx.send_notification(ToolListChangedNotification())
        await ctx.set_state("key", "kept")
        return await ctx.get_state("key")

    @mcp.tool
    async def identify(ctx: Context) -> str:
        return ctx.request_id

    @mcp.tool
    async def ask(ctx: Context) -> str:
        return str(await ctx.elicit("What is your name?", str))

    def question() -> InputRequiredResult:
        form = ElicitRequestFormParams(message="?", requested_schema={"type": "object", "properties": {}})
        return InputRequiredResult(input_requests={"name": ElicitRequest(params=form)}, request_state="round 1")

    @mcp.tool
    async def ask_in_rounds() -> InputRequiredResult:
        return question()

    @mcp.resource("test://question")
    def resource() -> InputRequiredResult:
        return question()

    return mcp


@pytest.fixture(params=[True, False], ids=["stateless", "sessions"])
async def http(request):
    settings = Settings(stateless=request.param)
    app = create_app(sample(settings), settings)
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=ASGITransport(app), base_url="http://localhost") as client,
    ):
        yield client


async def test_a_tool_may_tell_its_client_what_it_likes(http):
    reply = await http.post("/mcp/execute", json={"tool": "talk"})
    assert reply.json()["result"] == "kept"


async def test_the_calls_id_is_the_requests(http):
    reply = await http.post("/mcp/execute", json={"tool": "identify"}, headers={"x-request-id": "my-id"})
    assert reply.json()["result"] == "my-id"


@pytest.mark.parametrize("tool", ["ask", "ask_in_rounds"])
async def test_a_tool_that_asks_its_client_is_for_mcp(http, tool):
    reply = await http.post("/mcp/execute", json={"tool": tool})
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "input_required")
    assert reply.json()["error"]["message"].endswith("which takes MCP: call it at /mcp")


async def test_a_resource_that_asks_its_client_is_for_mcp(http):
    reply = await http.get("/mcp/resource/test://question")
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "input_required")
