"""The server on one page: settings -> tools -> FastMCP -> app -> run. Start reading here.

`make run ARGS=--help` lists every setting. Importing this module starts nothing: `server:mcp` and `server:app` are
built when somebody first asks for them, as `fastmcp run server.py` and `uvicorn server:app` do.
"""

from typing import TYPE_CHECKING

from serving.identity import read_identity
from serving.run import build_on_demand, run
from serving.settings import Settings

if TYPE_CHECKING:
    from fastmcp import FastMCP
    from starlette.applications import Starlette

    mcp: FastMCP
    app: Starlette


def create_server(settings: Settings) -> "FastMCP":
    """Put everything that `tools/` declares on one FastMCP server."""
    from fastmcp import FastMCP  # here and not above, because it reads the environment on import, and so do tools

    import tools
    from serving.chassis import chassis
    from serving.discovery import load

    identity = read_identity()
    found = load(tools)
    mcp = FastMCP(
        identity.name,
        instructions=identity.description,
        version=identity.version,
        lifespan=found.lifespan,
        **chassis(settings),
    )
    found.register(mcp)
    return mcp


def main() -> None:
    """Run as the command line says: `[--transport http|sse|stdio] [--host H] [--port P]` and so on."""
    run(create_server)


__getattr__ = build_on_demand(create_server)  # gives this module the `mcp` and `app` that are declared above

if __name__ == "__main__":
    main()
