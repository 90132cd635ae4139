"""What every test needs."""

import logging
import os
import socket
import sys
import threading
import warnings
from typing import Any

import pytest

from tests.support import OURS, make


@pytest.fixture(scope="session")
def anyio_backend():
    """uvicorn runs on asyncio; what brings trio along must not double the tests."""
    return "asyncio"


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch):
    """A developer's own MCP_PORT, or .env, must not change what the tests see."""
    for name in filter(OURS.match, list(os.environ)):
        monkeypatch.delenv(name)
    monkeypatch.setenv("MCP_ENV_FILE", os.devnull)


@pytest.fixture
def restore_logging():
    """Undo what configuring the logs does to this process."""
    names = ("serving", "server", "tools", "fastmcp", "uvicorn", "uvicorn.error", "uvicorn.access")
    loggers = [logging.getLogger(), *map(logging.getLogger, names)]
    before = [(logger, logger.level, logger.handlers[:], logger.propagate) for logger in loggers]
    hooks = [(sys, "excepthook"), (sys, "unraisablehook"), (threading, "excepthook"), (warnings, "showwarning")]
    hooked = [(module, name, getattr(module, name)) for module, name in hooks]
    yield
    for module, name, hook in hooked:
        setattr(module, name, hook)
    for logger, level, handlers, propagate in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers
        logger.propagate = propagate


@pytest.fixture
def unused_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def recorded(tmp_path):
    """Run a verb with a program in the place of Docker, or another one, that only writes down what it is told."""
    program, said = tmp_path / "program", tmp_path / "said"
    program.write_text(f'#!/bin/sh\nfor word; do echo "$word"; done >> {said}\n')
    program.chmod(0o755)

    def record(*arguments: str, instead: str = "DOCKER", **variables: Any) -> list[str]:
        made = make(*arguments, f"{instead}={program}", **variables)
        assert made.returncode == 0, made.stderr
        return said.read_text().splitlines()

    return record
