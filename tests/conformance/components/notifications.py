"""tools-call-with-*, server-sse-polling, server-stateless: what a client hears before the result."""

from typing import Final

import anyio
from fastmcp import Context
from fastmcp.tools import tool

PAUSE: Final = 0.05
"""Seconds between two notifications, as the suites ask."""


@tool
async def test_tool_with_logging(ctx: Context) -> None:
    """Log three lines."""
    for line in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await ctx.info(line)
        await anyio.sleep(PAUSE)


@tool
async def test_logging_tool(ctx: Context) -> None:
    """Log a line, which a 2026-07-28 client must not get unless it asks for a level."""
    await ctx.info("This is a log line")


@tool
async def test_tool_with_progress(ctx: Context) -> None:
    """Report progress three times."""
    for progress in (0, 50, 100):
        await ctx.report_progress(progress, total=100)
        await anyio.sleep(PAUSE)


@tool
async def test_reconnection(ctx: Context) -> None:
    """Close the stream of this call, so that the client has to come back for the answer."""
    await ctx.close_sse_stream()
    await anyio.sleep(PAUSE)
