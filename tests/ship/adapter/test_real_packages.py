"""A real package without what is usual, from the registry that pip is configured for."""

import importlib.util
import json
import os

import pytest

from ship.adapter.packages.install import install
from tests.support import HELLO, program

pytestmark = pytest.mark.thorough


def greet(argv):
    """Start a server, and return what it answers to a handshake."""
    with program(*argv) as process:
        message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO}
        process.stdin.write(json.dumps(message) + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())


def test_a_python_without_pip_takes_the_one_that_it_brings(tmp_path, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "pip" else find_spec(name, *rest)
    )
    assert greet(install("python", "mcp-server-time", [tmp_path], os.environ))["result"]
