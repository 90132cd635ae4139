"""Our chassis with everything that is on by default: logs, metrics, limits, the page, the REST API.

`uvicorn benchmarks.servers.chassis:app --workers 2` runs it in more processes.
"""

from typing import TYPE_CHECKING

from serving.run import build_on_demand, run
from serving.settings import Settings

if TYPE_CHECKING:
    from fastmcp import FastMCP


def create_server(settings: Settings) -> "FastMCP":
    """Put the tools on it."""
    from fastmcp import FastMCP

    from benchmarks.servers.tools import tools
    from serving.chassis import chassis

    mcp = FastMCP("chassis", **chassis(settings))
    for tool in tools():
        mcp.tool(tool)
    return mcp


__getattr__ = build_on_demand(create_server)

if __name__ == "__main__":
    run(create_server)
