"""Long work done right: async, with progress, and gone at once when the client cancels."""

from typing import Annotated

import anyio
from fastmcp import Context
from fastmcp.tools import tool
from pydantic import Field


@tool(timeout=3700, annotations={"readOnlyHint": True, "openWorldHint": False})  # else MCP_CALL_SECONDS ends it
async def wait(
    seconds: Annotated[float, Field(ge=0, le=3600, description="how long, in seconds")], ctx: Context
) -> str:
    """Wait, and report progress once a second."""
    begin = anyio.current_time()
    while (elapsed := anyio.current_time() - begin) < seconds:
        await ctx.report_progress(elapsed, seconds, f"waited {elapsed:.0f} of {seconds:g} seconds")
        await anyio.sleep(min(1, seconds - elapsed))  # cancelling the call ends it: no code is needed for that
    await ctx.report_progress(seconds, seconds)
    return f"Waited {seconds:g} seconds"
