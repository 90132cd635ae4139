"""The MCP SDK without FastMCP: what FastMCP costs a call is the difference."""

import inspect
from typing import Any

import anyio
import mcp_types as types
import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from starlette.routing import Route

from benchmarks.servers.health import health
from benchmarks.servers.told import port
from benchmarks.servers.tools import tools

TOOLS = {tool.__name__: tool for tool in tools()}


async def list_tools(_: Any, __: Any) -> types.ListToolsResult:
    """Describe the tools, whose arguments are numbers all."""
    return types.ListToolsResult(
        tools=[
            types.Tool(
                name=name,
                description=tool.__doc__,
                input_schema={
                    "type": "object",
                    "properties": {name: {"type": "integer"} for name in inspect.signature(tool).parameters},
                },
            )
            for name, tool in TOOLS.items()
        ]
    )


async def call_tool(_: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
    """Answer as FastMCP does, with text and with a value."""
    value = TOOLS[params.name](**params.arguments or {})
    value = await value if inspect.isawaitable(value) else value
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=str(value))], structured_content={"result": value}
    )


async def talk(server: Server[Any]) -> None:
    """Serve one client over stdio."""
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


def main() -> None:
    """Run it."""
    server = Server("lowlevel", on_call_tool=call_tool, on_list_tools=list_tools)
    if (number := port()) is None:
        anyio.run(talk, server)
        return
    app = server.streamable_http_app(stateless_http=True)
    app.router.routes.append(Route("/health", health))
    uvicorn.run(app, host="127.0.0.1", port=number, log_level="warning")


if __name__ == "__main__":
    main()
