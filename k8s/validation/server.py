"""The server that is asked, and what a copy of this template may have and may have dropped."""

import json
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httpx2

from k8s.validation.report import Failed

ECHO: Final = ("echo", {"message": "Is anybody there? Ünïcode ✓"})
CALCULATE: Final = ("calculate", {"operation": "add", "a": 2, "b": 3})
STATUS: Final = "mcp://demo/status"

_MOST: Final = 16 * 1024 * 1024
"""Bytes of an answer that are read; no check needs as many."""
_OF_THE_TRANSFER: Final = ("content-encoding", "content-length", "transfer-encoding")


@dataclass(frozen=True)
class Server:
    """Where MCP answers (`url`) and everything else (`base`), what is sent along, how long an answer may take.

    `tool` is None for a server of this template; otherwise its name and arguments, and nothing but MCP is expected.
    `unauthenticated` expects that calls are refused.
    """

    url: str
    base: str
    token: str = ""
    timeout: float = 10
    tool: tuple[str, dict[str, Any]] | None = None
    unauthenticated: bool = False

    @classmethod
    def at(cls, url: str, path: str, *rest: Any) -> Self:
        """Take the URL of the server, to which `path` is added, or that of MCP itself, which has a path."""
        url = url.rstrip("/")
        if not urlsplit(url).path:
            return cls(url + path, url, *rest)
        return cls(url, url.removesuffix(path) if url.endswith(path) else url.rpartition("/")[0], *rest)

    @property
    def headers(self) -> dict[str, str]:
        """What lets a request in."""
        return {"authorization": f"Bearer {self.token}"} if self.token else {}


def has_tool(tools: dict[str, dict[str, Any]], known: tuple[str, dict[str, Any]]) -> bool:
    """Is this tool listed, and can it be called as in this template? `tools` are input schemas by name."""
    name, arguments = known
    schema = tools.get(name, {})
    return bool(set(schema.get("required", [])) <= arguments.keys() <= schema.get("properties", {}).keys())


def listed(what: str, number: int, counts: dict[str, int]) -> str:
    """Say how many are listed; /ready, whose `counts` these are, counts what scopes hide as well.

    Raises:
        Failed: these are more than it counts, or none of those.
    """
    counted = counts.get(f"{what}_count", number)
    if number > counted or (number == 0 and counted):
        raise Failed(f"{number} {what}, but /ready counts {counted}")
    return f"{number} {what}" + (f", and {counted - number} that this token may not see" if number < counted else "")


def is_five(value: Any) -> bool:
    """Is this what 2 + 3 is, as a number, as text, or wrapped as `{"result": 5}`?"""
    if isinstance(value, dict):
        value = value.get("result")
    try:
        return float(value) == 5
    except (TypeError, ValueError):
        return False


def traceback_in(text: str) -> bool:
    """Does an answer tell more of the program than its caller should know?"""
    return "Traceback (most recent call last)" in text or 'File "' in json.dumps(text).replace('\\"', '"')


async def send(client: httpx2.AsyncClient, request: httpx2.Request) -> httpx2.Response:
    """Send a request; return its answer, read.

    Raises:
        Failed: the answer is too long.
        httpx2.HTTPError: there is none.
    """
    response = await client.send(request, stream=True)
    try:
        content = bytearray()
        async for chunk in response.aiter_bytes():
            content += chunk
            if len(content) > _MOST:
                raise Failed(f"the answer has more than {_MOST} bytes")
    finally:
        await response.aclose()
    headers = {name: value for name, value in response.headers.items() if name not in _OF_THE_TRANSFER}
    return httpx2.Response(response.status_code, headers=headers, content=bytes(content), request=request)
