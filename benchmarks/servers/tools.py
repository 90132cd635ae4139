"""The tools that all servers here have; BENCH_TOOLS=N adds N more."""

import os
from collections.abc import Callable
from typing import Any


async def add(a: int, b: int) -> int:
    """Return the sum."""
    return a + b


def add_in_thread(a: int, b: int) -> int:
    """Return the sum; FastMCP runs what is no coroutine in a thread."""
    return a + b


async def text(size: int) -> str:
    """Return so many bytes."""
    return "x" * size


def tools() -> list[Callable[..., Any]]:
    """Return all of them."""
    return [add, add_in_thread, text, *map(_another, range(int(os.environ.get("BENCH_TOOLS", "0"))))]


def _another(number: int) -> Callable[..., Any]:
    async def tool(a: int, b: int) -> int:
        """Return the sum, as others do."""
        return a + b

    tool.__name__ = tool.__qualname__ = f"add_{number}"
    return tool
