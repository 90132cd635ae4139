"""Start real servers on free ports, and other programs, and stop them again."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import httpx2

ROOT = Path(__file__).resolve().parent.parent
SERVER = ROOT / "server.py"
SAMPLE = ROOT / "tests" / "sample.py"
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", ".*_cache", ".hypothesis", "__pycache__", "node_modules", "dist", ".env", "secrets"
)
"""What git ignores, for shutil.copytree."""
SECONDS = 30
"""How long a test waits for a process before it fails; nothing should come near it."""
SHARED = 600
"""The same for a process that all tests of a file share."""

HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "0"}}
"""The params of a handshake."""

OURS = re.compile(
    r"MCP_|FASTMCP_|BUNDLE_|USER_CONFIG_|PORT$|LOG_LEVEL$|ARGS$|MAKE(FLAGS|LEVEL|OVERRIDES)$|MFLAGS$"
    r"|GIT_(DIR|WORK_TREE|INDEX_FILE|PREFIX|COMMON_DIR|OBJECT_DIRECTORY)$"
)
"""Variables that are not for what a test starts: a developer's settings, what `make test` and a hook of git's add."""
INSTALLED = (f"VENV={sys.prefix}", f"--old-file={sys.prefix}/runtime", f"--old-file={sys.prefix}/dev")
"""What make is told so that it uses what is installed here, and installs nothing."""


def environment(**variables: str) -> dict[str, str]:
    """This process's environment without anything that a server, make or git would take for a setting."""
    inherited = {key: value for key, value in os.environ.items() if not OURS.match(key)}
    return inherited | {"MCP_ENV_FILE": os.devnull} | variables


class Server:
    """A running HTTP server."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.url = ""
        self.log: list[str] = []
        self._lines: SimpleQueue[str | None] = SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)  # else a full pipe would stop the server
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._lines.put(line.rstrip())
        self._lines.put(None)

    @property
    def base(self) -> str:
        return self.url.rpartition("/")[0]

    def wait_for(self, text: str) -> str:
        """Read the log up to the line that has this text, and return it."""
        for line in iter(self._lines.get, None):
            self.log.append(line)
            if text in line:
                return line
        raise AssertionError("\n".join(self.log))

    def kill(self) -> None:
        self.process.kill()
        self._reader.join()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; return the exit status when the process has ended and its log has been read."""
        self.process.send_signal(number)
        self.log += iter(self._lines.get, None)
        return self.process.wait(SECONDS)


def program(*command: str | Path, **variables: str) -> AbstractContextManager[subprocess.Popen[str]]:
    """Run a command with pipes; kill it in the end, or when a test hangs."""
    return _program(command, variables, SECONDS)


@contextmanager
def _program(
    command: Sequence[str | Path], variables: dict[str, str], seconds: float
) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(PYTHONPATH=str(ROOT), **variables),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    watchdog = threading.Timer(seconds, process.kill)
    watchdog.start()
    try:
        yield process
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()


def serving(*arguments: str, script: Path | str = SAMPLE, **variables: str) -> AbstractContextManager[Server]:
    """Run `script` over HTTP on a free port; yield it as soon as it says where it answers."""
    return _serving(arguments, script, variables, SECONDS)


def serving_all(*arguments: str, script: Path | str = SAMPLE, **variables: str) -> AbstractContextManager[Server]:
    """Run it for all tests of a file."""
    return _serving(arguments, script, variables, SHARED)


@contextmanager
def _serving(
    arguments: Sequence[str], script: Path | str, variables: dict[str, str], seconds: float
) -> Iterator[Server]:
    with _program((sys.executable, script, "--port", "0", *arguments), variables, seconds) as process:
        server = Server(process)
        try:
            found = re.search(r"MCP on (http://[^,]+),", server.wait_for("MCP on "))
            assert found
            server.url = found[1]
            yield server
        finally:
            server.kill()


def run(
    *arguments: str | Path, script: Path | str = SERVER, cwd: Path = ROOT, stdin: str = "", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run `script` to its end, whatever its exit status."""
    return subprocess.run(
        [sys.executable, script, *arguments],
        env=environment(PYTHONPATH=str(ROOT), **variables),
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def make(
    *arguments: str, cwd: Path = ROOT, seconds: float = SECONDS, using: Sequence[str] = INSTALLED, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run make to its end, whatever its exit status."""
    return subprocess.run(
        ["make", *using, *arguments],
        cwd=cwd,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def copy_of_this_server(folder: Path, tools: dict[str, str]) -> None:
    """Put this server into `folder`, with these files as its tools."""
    for name in ("server.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "serving", folder / "serving", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "tools").mkdir()
    for name, source in {"__init__.py": "", **tools}.items():
        (folder / "tools" / name).write_text(source)


def post(
    url: str, mode: str, method: str, params: dict[str, Any] | None = None, *, notification: bool = False
) -> httpx2.Request:
    """Build an MCP request by hand, as the wire wants it in 2026-07-28 or in the handshake era (`legacy`)."""
    params = dict(params or {})
    headers = {"accept": "application/json, text/event-stream"}
    if mode == "legacy":
        headers["mcp-protocol-version"] = "2025-11-25"
    else:
        headers |= {"mcp-protocol-version": mode, "mcp-method": method}
        if name := params.get("name") or params.get("uri"):
            headers["mcp-name"] = name
        params["_meta"] = {
            "io.modelcontextprotocol/protocolVersion": mode,
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "0"},
            "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}},
        }
    message = {"jsonrpc": "2.0", "method": method, "params": params} | ({} if notification else {"id": 1})
    return httpx2.Request("POST", url, headers=headers, json=message)
