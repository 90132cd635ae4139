"""A server with the components that the validation knows; FAULT breaks one of them."""

import os
import traceback
from typing import TYPE_CHECKING

from serving.run import run
from serving.settings import Settings

if TYPE_CHECKING:
    from fastmcp import FastMCP

FAULT = os.environ.get("FAULT", "")


def create_server(settings: Settings) -> "FastMCP":
    from fastmcp import FastMCP
    from fastmcp.exceptions import ToolError
    from fastmcp.server.middleware import Middleware
    from fastmcp.tools import ToolResult

    from serving.chassis import chassis

    mcp = FastMCP("known", version="1.2.3", **chassis(settings))

    class Careless(Middleware):
        async def on_call_tool(self, context, call_next):
            try:
                return await call_next(context)
            except Exception as error:
                if FAULT == "careless":
                    return ToolResult("fine")
                raise ToolError(traceback.format_exc()) from error

    if FAULT in ("careless", "traceback"):
        mcp.add_middleware(Careless())

    if FAULT == "empty":
        return mcp

    @mcp.tool
    def echo(message: str) -> str:
        return "Echo: " + ("something else" if FAULT == "echo" else message)

    @mcp.tool
    def calculate(operation: str, a: float, b: float) -> float:
        if FAULT == "calculate":
            raise ToolError("no")
        return a + b

    @mcp.resource("mcp://demo/status", mime_type="application/json")
    def status() -> dict[str, str]:
        return {"status": "operational"}

    return mcp


if __name__ == "__main__":
    run(create_server)
