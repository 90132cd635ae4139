"""What is measured: each wrapper as its users start it, with its own defaults; and what clients say to it."""

import os
import re
import shlex
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.adapter.installed import Installed
from benchmarks.load.messages import HANDSHAKE, MODERN
from benchmarks.load.processes import program
from benchmarks.load.started import environment, free_port, wait
from serving.identity import ROOT

ADAPTER: Final = "adapter"
BASELINE: Final = "mcp-proxy"
"""What the others are compared with."""
DIRECT: Final = "the server itself"


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
    port = free_port()
    argv, variables, path = _start(name, server, installed, port)
    log = folder / f"{re.sub('[^a-z]+', '-', name)}.log"
    with program(argv, environment(**variables), log) as process:
        said = (lambda: _said(log)) if name == ADAPTER else (lambda: _listening(port))
        base = wait(f"{name} around {shlex.join(server)}", said, lambda: process.poll() is None, log)
        yield Wrapper(process.pid, base + path)


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


def _said(log: Path) -> str:
    found = re.search(r"MCP on (http://[^/\s,]+)", log.read_text(errors="replace"))
    return found[1] if found else ""


def _listening(port: int) -> str:
    with socket.socket() as tried:
        return "" if tried.connect_ex(("127.0.0.1", port)) else f"http://127.0.0.1:{port}"
