"""Data a client can read, and a prompt a person can pick."""

import time
from typing import Any, Final

from fastmcp import Context
from fastmcp.prompts import prompt
from fastmcp.resources import resource

_STARTED: Final = time.monotonic()


@resource("mcp://demo/status", mime_type="application/json")
def status(ctx: Context) -> dict[str, Any]:
    """Report what this server is and how long it has been up, in seconds."""
    return {
        "server": ctx.fastmcp.name,
        "version": ctx.fastmcp.version,
        "status": "operational",
        "uptime_seconds": round(time.monotonic() - _STARTED, 3),
    }


@resource("mcp://demo/greeting/{name}")
def greeting(name: str) -> str:
    """Greet the person whose name is in the address."""
    return f"Hello, {name}!"


@prompt
def summarize(text: str) -> str:
    """Ask for a summary of a text."""
    return f"Summarize the following text in one paragraph:\n\n{text}"
