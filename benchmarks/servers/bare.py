"""FastMCP as its guide has it: what everything is compared with. Handshake-era clients get sessions."""

from fastmcp import FastMCP

from benchmarks.servers.health import health
from benchmarks.servers.told import port
from benchmarks.servers.tools import tools


def create_server() -> FastMCP:
    """Put the tools on it."""
    mcp = FastMCP("bare")
    for tool in tools():
        mcp.tool(tool)
    mcp.custom_route("/health", methods=["GET"])(health)
    return mcp


def main() -> None:
    """Run it."""
    if (number := port()) is None:
        create_server().run("stdio", show_banner=False)
    else:
        create_server().run("http", host="127.0.0.1", port=number, show_banner=False)


if __name__ == "__main__":
    main()
