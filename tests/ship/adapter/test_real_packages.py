"""Packages that people use, from the registries that pip and npm are configured for."""

import importlib.util
import json
import os
import shutil

import pytest

from ship.adapter.packages.install import install
from tests.support import HELLO, program

pytestmark = pytest.mark.thorough

NPM = [f"@modelcontextprotocol/server-{name}" for name in ("memory", "everything", "filesystem")]
PYPI = [f"mcp-server-{name}" for name in ("git", "time")]


def greet(argv):
    """Start a server, and return what it answers to a handshake."""
    with program(*argv) as process:
        message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO}
        process.stdin.write(json.dumps(message) + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())


@pytest.mark.parametrize(
    ("runtime", "package"), [*(("npm", each) for each in NPM), *(("python", each) for each in PYPI)]
)
def test_a_real_package_installs_and_answers_a_handshake(tmp_path, runtime, package):
    if runtime == "npm" and not shutil.which("npm"):
        pytest.skip("there is no npm")
    argv = install(runtime, package, [tmp_path], os.environ)
    arguments = [tmp_path] if package.endswith("filesystem") else []
    assert greet([*argv, *arguments])["result"]["serverInfo"]["name"]


def test_a_package_of_an_older_sdk_gets_that_one(tmp_path):
    argv = install(
        "python", "mcp-server-sqlite==2025.4.25", [tmp_path / "in"], os.environ
    )  # wants mcp>=1.6, fails with 2
    assert greet([*argv, "--db-path", tmp_path / "db"])["result"]["serverInfo"]["name"] == "sqlite"


def test_a_python_without_pip_takes_the_one_that_it_brings(tmp_path, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "pip" else find_spec(name, *rest)
    )
    assert greet(install("python", "mcp-server-time", [tmp_path], os.environ))["result"]
