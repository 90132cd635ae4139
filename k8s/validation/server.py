"""The server that is asked, and what a copy of this template may have and may have dropped."""

import json
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

ECHO: Final = ("echo", {"message": "Is anybody there? Ünïcode ✓"})
CALCULATE: Final = ("calculate", {"operation": "add", "a": 2, "b": 3})
STATUS: Final = "mcp://demo/status"


@dataclass(frozen=True)
class Server:
    """Where MCP answers (`url`), what is sent along, how long an answer may take, and what to call.

    `tool` is None for a server of this template; otherwise its name and arguments, and nothing but MCP is expected.
    """

    url: str
    token: str = ""
    timeout: float = 10
    tool: tuple[str, dict[str, Any]] | None = None

    @property
    def base(self) -> str:
        """Where the other routes are, without a slash in the end."""
        return self.url.removesuffix("/").rpartition("/")[0]

    @property
    def headers(self) -> dict[str, str]:
        """What lets a request in."""
        return {"authorization": f"Bearer {self.token}"} if self.token else {}


def endpoint(url: str, path: str) -> str:
    """Return where MCP answers: the URL itself if it has a path, else `path` there."""
    return url if urlsplit(url).path.strip("/") else url.rstrip("/") + path


def knows(tools: dict[str, dict[str, Any]], known: tuple[str, dict[str, Any]]) -> bool:
    """Is this tool listed, with the arguments that it has in this template? `tools` are input schemas by name."""
    name, arguments = known
    return name in tools and arguments.keys() <= tools[name].get("properties", {}).keys()


def five(value: Any) -> bool:
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
