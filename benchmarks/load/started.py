"""What a server that is measured starts with, and how long it may take."""

import os
import re
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from serving.errors import StartError

START_SECONDS: Final = 60
"""How long a server may take until it answers."""
LOOK_SECONDS: Final = 0.005
"""How often it is asked."""
_OURS: Final = re.compile(r"(MCP|FASTMCP|BENCH|OTEL)_|(PORT|LOG_LEVEL|PYTHONPATH)$")
"""Variables that a developer has set for something else."""


def environment(**variables: str) -> Mapping[str, str]:
    """Return our own environment without what a server could take for a setting."""
    return {key: value for key, value in os.environ.items() if not _OURS.match(key)} | variables


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port: int = free.getsockname()[1]
        return port


def wait(what: str, answers: Callable[[], str], runs: Callable[[], bool], log: Path) -> str:
    """Wait until a server answers, and return what it says.

    Raises:
        StartError: it ends before that, or does not answer in time.
    """
    until = time.monotonic() + START_SECONDS
    while not (said := answers()):
        if not runs():
            raise StartError(f"{what}: expected it to answer, and it has ended ({log} says more)")
        if time.monotonic() > until:
            raise StartError(f"{what}: expected it to answer within {START_SECONDS} s ({log} says more)")
        time.sleep(LOOK_SECONDS)
    return said
