"""Servers as others write them, one of each kind that can become a function. Each is its files, by name."""

FASTMCP = '''
import asyncio
from contextlib import asynccontextmanager

from fastmcp import Context, FastMCP
from starlette.responses import PlainTextResponse

gate = asyncio.Event()


@asynccontextmanager
async def lifespan(server):
    print("The lifespan begins.", flush=True)
    yield {"database": "open"}


mcp = FastMCP("fast", version="3.2.1", lifespan=lifespan)


@mcp.custom_route("/hello", methods=["GET"])
async def hello(request):
    return PlainTextResponse("hello")


@mcp.tool
def database(ctx: Context) -> str:
    return ctx.lifespan_context["database"]


@mcp.tool
def add(a: int, b: int) -> int:
    return a + b


@mcp.tool
def bug() -> int:
    raise ValueError("the password is swordfish")


@mcp.tool
async def count(to: int, ctx: Context) -> int:
    for number in range(1, to + 1):
        await ctx.report_progress(number, to, f"at {number}")
    return to


@mcp.tool
async def wait(ctx: Context) -> str:
    """Progress first; the answer only when somebody has opened the gate."""
    await ctx.report_progress(1, 2, "waiting")
    await gate.wait()
    return "opened"


@mcp.tool
async def opening() -> str:
    gate.set()
    return "done"
'''
MORE = """

@mcp.tool
def more(text: str) -> str:
    import {package}

    return {call}
"""
SDK = """
from contextlib import asynccontextmanager

from mcp.server.mcpserver import Context, MCPServer


@asynccontextmanager
async def lifespan(server):
    print("The lifespan begins.", flush=True)
    yield {"database": "open"}


server = MCPServer("sdk", lifespan=lifespan)


@server.tool()
def database(ctx: Context) -> str:
    return ctx.request_context.lifespan_context["database"]


@server.tool()
def add(a: int, b: int) -> int:
    return a + b


@server.tool()
def bug() -> int:
    raise ValueError("the password is swordfish")


@server.tool()
async def count(to: int, ctx: Context) -> int:
    for number in range(1, to + 1):
        await ctx.report_progress(number, to, f"at {number}")
    return to
"""
LOW_LEVEL = """
from contextlib import asynccontextmanager

import mcp_types as types
from mcp.server.lowlevel import Server

NUMBERS = {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}}


@asynccontextmanager
async def lifespan(server):
    print("The lifespan begins.", flush=True)
    yield {"database": "open"}


async def list_tools(ctx, params):
    return types.ListToolsResult(tools=[types.Tool(name=name, input_schema=NUMBERS) for name in ("add", "bug")])


async def call_tool(ctx, params):
    assert ctx.lifespan_context == {"database": "open"}
    if params.name == "bug":
        raise ValueError("the password is swordfish")
    text = str(params.arguments["a"] + params.arguments["b"])
    return types.CallToolResult(content=[types.TextContent(text=text)])


server = Server("low", lifespan=lifespan, on_list_tools=list_tools, on_call_tool=call_tool)
"""
ASGI = """
import asyncio
from contextlib import asynccontextmanager

from fastmcp import FastMCP
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route


def mcp_app():
    mcp = FastMCP("within")

    @mcp.tool
    def add(a: int, b: int) -> int:
        return a + b

    @mcp.tool
    def bug() -> int:
        raise ValueError("the password is swordfish")

    return mcp.http_app(stateless_http=True, host_origin_protection=False)


async def hello(request):
    return PlainTextResponse(request.app.state.greeting)


async def fail(request):
    raise ValueError("the password is swordfish")


async def never(request):
    await asyncio.Event().wait()


async def large(request):
    return PlainTextResponse("x" * int(request.query_params["bytes"]))


def app_of(inner):
    @asynccontextmanager
    async def lifespan(app):
        print("The lifespan begins.", flush=True)
        app.state.greeting = "hello"
        async with inner.lifespan(app):
            yield

    routes = [Route(f"/{route.__name__}", route) for route in (hello, fail, never, large)]
    return Starlette(routes=[*routes, Mount("/", inner)], lifespan=lifespan)


app = app_of(mcp_app())
"""
CONTRACT = """
from boot import metorial

server = metorial.create_server({"name": "calculator-server", "version": "1.0.0"})

NUMBERS = {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}, "required": ["a", "b"]}


@server.list_tools()
async def list_tools():
    return [
        {"name": "add", "description": "Add two numbers", "inputSchema": NUMBERS},
        {"name": "bug", "description": "Fail", "inputSchema": {"type": "object"}},
    ]


@server.call_tool()
async def call_tool(name, arguments):
    if name == "bug":
        raise ValueError("the password is swordfish")
    return {"content": [{"type": "text", "text": str(arguments["a"] + arguments["b"])}]}


async def get_authorization_url(oauth_input):
    return {"authorizationUrl": "https://example.com/authorize", "codeVerifier": "v"}


async def handle_callback(oauth_input):
    return {"accessToken": "t"}


metorial.set_oauth_handler(get_authorization_url, handle_callback)


@metorial.callback("arrived")
def arrived(event):
    return {"seen": event["number"]}
"""
NAMESAKES = {
    "mcp.py": """
import boot
import serving

assert (serving.WHOSE, boot.WHOSE) == ("the guest's", "the guest's")
from add_numbers import mcp
""",
    "add_numbers.py": FASTMCP,
    "boot.py": 'WHOSE = "the guest\'s"\n',
    "serving/__init__.py": 'WHOSE = "the guest\'s"\n',
}
"""A guest whose modules are called as the SDK, and as two of ours."""
GUESTS = {
    "fastmcp": {"server.py": FASTMCP},
    "sdk": {"main.py": SDK},
    "low-level": {"index.py": LOW_LEVEL},
    "asgi": {"app.py": ASGI},
    "contract": {"mcp.py": CONTRACT},
    "namesakes": NAMESAKES,
}
"""One of each kind."""


def needing(package: str, call: str) -> str:
    """A server with a tool that needs a package of its own."""
    return FASTMCP + MORE.format(package=package, call=call)
