"""What each client is told of this server, and where it keeps that."""

import json
import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from serving.identity import ROOT

TOKEN: Final = "MCP_TOKEN"  # noqa: S105
"""The environment variable with the token that the server at a URL asks for."""


@dataclass(frozen=True)
class Client:
    """An MCP client: its servers are in `section` of `file`, with their type if it is `typed`.

    `refers` is how it refers to the token in its own environment; empty if it cannot.
    """

    title: str
    file: Callable[[], Path]
    refers: str
    section: str = "mcpServers"
    typed: bool = False

    def entry(self, url: str, token: str) -> dict[str, Any]:
        """Describe the server at `url`, to which `token` is sent unless empty; without a URL, one that it starts."""
        bearer = f"Bearer {token}" if token else ""
        if not url:
            # The path of this Python is not resolved: what a link leads to knows nothing of our packages.
            start = {"command": sys.executable, "args": [str(ROOT / "server.py"), "--transport", "stdio"]}
            return {"type": "stdio", **start} if self.typed else start
        if self is CLIENTS["claude-desktop"]:
            return _bridge(url, bearer)
        described = {"type": "http", "url": url} if self.typed else {"url": url}
        return described | ({"headers": {"Authorization": bearer}} if bearer else {})


def claude_arguments(name: str, entry: dict[str, Any]) -> list[str]:
    """Build the arguments with which the command line of Claude Code adds a server to all projects of its user."""
    return ["mcp", "add-json", "--scope", "user", name, json.dumps(entry, ensure_ascii=False)]


def as_text(client: Client, name: str, entry: dict[str, Any]) -> str:
    """Write down what somebody can paste: JSON for a file, or for Claude Code a command for a shell."""
    if client is CLIENTS["claude-code"]:
        return shlex.join(["claude", *claude_arguments(name, entry)])
    return json.dumps({client.section: {name: entry}}, ensure_ascii=False, indent=2)


def _bridge(url: str, bearer: str) -> dict[str, Any]:
    """Describe a program that passes on what it is told to `url`: Claude Desktop's file knows nothing but programs."""
    args = ["-y", "mcp-remote", url]
    if bearer:
        args += ["--header", "Authorization:${AUTHORIZATION}"]  # not every shell in between keeps a blank together
    if urlsplit(url).scheme == "http" and urlsplit(url).hostname not in ("localhost", "127.0.0.1"):
        args += ["--allow-http"]  # to it, no other name is this machine
    return {"command": "npx", "args": args} | ({"env": {"AUTHORIZATION": bearer}} if bearer else {})


def _desktop(*path: str) -> Path:
    """Where desktop programs keep what is theirs."""
    if sys.platform == "win32":
        folder = Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    elif sys.platform == "darwin":
        folder = Path.home() / "Library" / "Application Support"
    else:
        folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return folder.joinpath(*path)


def _claude_code() -> Path:
    return Path(os.environ.get("CLAUDE_CONFIG_DIR") or Path.home()) / ".claude.json"


CLIENTS: Final = {
    "claude-desktop": Client("Claude Desktop", lambda: _desktop("Claude", "claude_desktop_config.json"), ""),
    "claude-code": Client("Claude Code", _claude_code, f"${{{TOKEN}}}", "mcpServers", True),
    "cursor": Client("Cursor", lambda: Path.home() / ".cursor" / "mcp.json", f"${{env:{TOKEN}}}"),
    "vscode": Client("VS Code", lambda: _desktop("Code", "User", "mcp.json"), f"${{env:{TOKEN}}}", "servers", True),
}
"""What CLIENT= says, and who that is."""
