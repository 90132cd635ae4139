"""The tools of the container tests, mounted in the place of `tools/`."""

import asyncio
import os
import subprocess
import sys

from fastmcp.tools import tool

_ORPHAN = "import os, time; os.fork() and os._exit(0); time.sleep(0.1)"


@tool
async def slow(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "done"


@tool
def user() -> list[int]:
    return [os.getuid(), os.getgid(), os.getpid()]


@tool
def orphan() -> None:
    """Start a process whose child outlives it: that one becomes PID 1's."""
    subprocess.run([sys.executable, "-c", _ORPHAN], check=True)
