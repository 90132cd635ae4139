"""The server that the official conformance suites talk to: the chassis, with `components/` in place of `tools/`.

Run it from the root of the repository: `python -m tests.conformance.server --help`.
"""

from typing import TYPE_CHECKING, Any

import mcp_types as types

from serving.run import run

if TYPE_CHECKING:
    from fastmcp import FastMCP

    from serving.settings import Settings


def create_server(settings: "Settings") -> "FastMCP":
    """Put everything that `components/` declares on one FastMCP server, and what only a server can declare."""
    from fastmcp import FastMCP  # here, because FastMCP reads its environment on import: `configure` comes first

    from serving.chassis import chassis
    from serving.discovery import load
    from tests.conformance import components

    mcp = FastMCP(
        "conformance",
        version="1.0.0",
        dereference_schemas=False,  # json-schema-2020-12 looks for its $defs
        **chassis(settings),
    )
    load(components).register(mcp)
    mcp.add_completion_handler(complete)
    accept_subscriptions(mcp)
    return mcp


def complete(_: Any, argument: types.CompletionArgument, __: Any) -> list[str]:
    """completion-complete: complete every argument from three words."""
    return [word for word in ("paris", "park", "party") if word.startswith(argument.value)]


def accept_subscriptions(mcp: "FastMCP") -> None:
    """resources-subscribe, resources-unsubscribe: for these FastMCP has no door of its own."""

    async def accept(_: Any, __: Any) -> types.EmptyResult:
        return types.EmptyResult()  # nothing here ever changes

    server = mcp._mcp_server
    server.add_request_handler("resources/subscribe", types.SubscribeRequestParams, accept)
    server.add_request_handler("resources/unsubscribe", types.UnsubscribeRequestParams, accept)


if __name__ == "__main__":
    run(create_server)
