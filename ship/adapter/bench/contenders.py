"""What is measured: each wrapper as its users start it, with its own defaults; and what clients say to it."""

import os
import re
import shlex
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from serving.errors import StartError
from serving.identity import ROOT
from ship.adapter.bench.installed import Installed
from ship.adapter.bench.messages import HANDSHAKE, MODERN
from ship.adapter.bench.processes import program

START_SECONDS: Final = 60
"""How long a wrapper may take until it answers."""
ADAPTER: Final = "adapter"
BASELINE: Final = "mcp-proxy"
"""What the others are compared with."""
DIRECT: Final = "the server itself"
_OURS: Final = re.compile(r"(MCP|FASTMCP)_|(PORT|LOG_LEVEL|PYTHONPATH)$")
"""Variables that a developer has set for something else."""


@dataclass(frozen=True)
class Contender:
    """A row of the table: a wrapper, or "" for the server itself over pipes, and what clients say to it."""

    name: str
    wrapper: str
    protocol: str = HANDSHAKE
    slow: bool = False
    """Each message takes it a process: one call a client says it all, in one round, without a greeting before."""


CONTENDERS: Final = (
    Contender(f"{ADAPTER}, {MODERN}", ADAPTER, MODERN),
    Contender(f"{ADAPTER}, handshake", ADAPTER),
    Contender(BASELINE, BASELINE),
    Contender("supergateway, stateful", "supergateway --stateful"),
    Contender("supergateway, stateless", "supergateway", slow=True),
    Contender(DIRECT, ""),
)


@dataclass(frozen=True)
class Wrapper:
    """A running one: its process, and where it answers."""

    pid: int
    url: str


@contextmanager
def wrapping(name: str, server: Sequence[str], installed: Installed, folder: Path) -> Iterator[Wrapper]:
    """Run a wrapper around a stdio server, with its log in `folder`; yield it when it answers.

    Raises:
        StartError: it ends, or does not answer in time.
    """
    port = _free_port()
    argv, variables, path = _start(name, server, installed, port)
    log = folder / f"{re.sub('[^a-z]+', '-', name)}.log"
    with program(argv, environment(**variables), log) as process:
        said = (lambda: _said(log)) if name == ADAPTER else (lambda: _listening(port))
        base = _wait(f"{name} around {shlex.join(server)}", said, lambda: process.poll() is None, log)
        yield Wrapper(process.pid, base + path)


def environment(**variables: str) -> Mapping[str, str]:
    """Return our own environment without what a server could take for a setting."""
    return {key: value for key, value in os.environ.items() if not _OURS.match(key)} | variables


def _start(
    name: str, server: Sequence[str], installed: Installed, port: int
) -> tuple[Sequence[str], dict[str, str], str]:
    """Return its command line, its variables, and the path at which it answers."""
    if name == ADAPTER:
        ours = {"MCP_COMMAND": shlex.join(server), "MCP_ENV_FILE": os.devnull, "PYTHONPATH": str(ROOT)}
        return [sys.executable, "-m", "ship.adapter", "--port", "0"], ours, "/mcp"
    if name == BASELINE:
        return [*installed.mcp_proxy, "--port", str(port), "--pass-environment", "--", *server], {}, "/mcp/"
    mode = ["--outputTransport", "streamableHttp", *name.split()[1:]]
    return [*installed.supergateway, "--stdio", shlex.join(server), *mode, "--port", str(port)], {}, "/mcp"


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port: int = free.getsockname()[1]
        return port


def _said(log: Path) -> str:
    found = re.search(r"MCP on (http://[^/\s,]+)", log.read_text(errors="replace"))
    return found[1] if found else ""


def _listening(port: int) -> str:
    with socket.socket() as tried:
        return "" if tried.connect_ex(("127.0.0.1", port)) else f"http://127.0.0.1:{port}"


def _wait(what: str, answers: Callable[[], str], runs: Callable[[], bool], log: Path) -> str:
    until = time.monotonic() + START_SECONDS
    while not (base := answers()):
        if not runs():
            raise StartError(f"{what}: expected it to answer, and it has ended ({log} says more)")
        if time.monotonic() > until:
            raise StartError(f"{what}: expected it to answer within {START_SECONDS} s ({log} says more)")
        time.sleep(0.05)
    return base
