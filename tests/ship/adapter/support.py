"""An adapter around the toy server, as tests run it."""

import asyncio
import json
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from fastmcp import Client

from tests.support import Server, serving

ADAPTER = "-mship.adapter"
"""Python's argument that runs it."""
TOY = Path(__file__).with_name("toy.py")


def toy(*behaviour: str) -> str:
    """The command that runs the toy server."""
    return shlex.join([sys.executable, "-I", "-S", str(TOY), *behaviour])


@contextmanager
def adapted(*arguments: str, command: str = "", **variables: str) -> Iterator[Server]:
    """Run an adapter over HTTP, around the toy server or another command."""
    with serving(*arguments, script=ADAPTER, MCP_COMMAND=command or toy(), **variables) as server:
        yield server


async def called(client: Client, tool: str, **arguments: Any) -> Any:
    """Call a tool of the toy server; return its text, or what the text is JSON of."""
    text = (await client.call_tool(tool, arguments)).content[0].text
    try:
        return json.loads(text)
    except ValueError:
        return text


def ready(server: Server) -> tuple[int, str]:
    """What `/ready` answers: the status, and why not."""
    answer = httpx2.get(f"{server.base}/ready")
    return answer.status_code, answer.json().get("reason", "")


async def until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait for what something else makes true."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def lives(pid: int) -> bool:
    """Whether a process runs; one that nobody has buried yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
