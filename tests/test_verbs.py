"""The Makefile's verbs, as they run for who has just come and installed nothing."""

import os
import re
import shutil
import signal
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from serving.identity import read_identity
from tests import support
from tests.support import LEFT_OUT, ROOT, environment

NODE_MODULES = Path("tests") / "node" / "node_modules"
A_WHILE = 120
"""Seconds that a verb gets before the test fails."""


@pytest.fixture(scope="module")
def fresh(tmp_path_factory) -> Path:
    """This repository as somebody has it who has just cloned it, but for what npm has brought; installed by make."""
    folder = tmp_path_factory.mktemp("fresh") / "repository"
    shutil.copytree(ROOT, folder, ignore=LEFT_OUT)
    (folder / NODE_MODULES).symlink_to(ROOT / NODE_MODULES)
    make(folder, "test", "ARGS=tests/test_identity.py", seconds=600)
    return folder


def make(folder: Path, *arguments: str, seconds: float = A_WHILE) -> str:
    """Run make to its end there, with what it installs itself, and return what it prints."""
    done = support.make(*arguments, cwd=folder, seconds=seconds, using=())
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def making(folder: Path, *arguments: str, **variables: str):
    """Run make there until the block ends; yield the lines that it says."""
    process = subprocess.Popen(
        ["make", *arguments],
        cwd=folder,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    watchdog = threading.Timer(A_WHILE, os.killpg, (process.pid, signal.SIGKILL))
    watchdog.start()
    try:
        yield process.stdout
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.communicate()
        watchdog.cancel()


def address(lines) -> str:
    """Read up to where the server answers, and return that."""
    for line in lines:
        if found := re.search(r"MCP on (http://[^,]+)/mcp,", line):
            return found[1]
    raise AssertionError("it has ended without a word")


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("arguments", "variables"), [(["ARGS=--port 0"], {}), ([], {"PORT": "0"})], ids=["option", "variable"]
)
def test_make_run_serves(fresh, arguments, variables):
    with making(fresh, "run", *arguments, **variables) as lines:
        assert httpx2.get(f"{address(lines)}/health").json()["service"] == read_identity().name


@pytest.mark.thorough
def test_make_dev_serves_again_whenever_a_file_is_saved(fresh):
    with making(fresh, "dev", "ARGS=--port 0") as lines:
        address(lines)
        (fresh / "server.py").touch()
        assert httpx2.get(f"{address(lines)}/health").is_success


@pytest.mark.thorough
async def test_make_stdio_serves(fresh):
    async with Client(StdioTransport("make", ["stdio"], env=environment(), cwd=str(fresh))) as client:
        assert client.server_info.name == read_identity().name


@pytest.mark.thorough
@pytest.mark.parametrize("verb", ["check", "format"])
def test_make_check_and_make_format_find_nothing(fresh, verb):
    before = {file: file.read_bytes() for file in fresh.glob("*/*.py")}
    make(fresh, verb)
    assert {file: file.read_bytes() for file in fresh.glob("*/*.py")} == before


@pytest.mark.thorough
@pytest.mark.parametrize("verb", ["test-thorough", "test-container", "test-cluster"])
def test_the_other_tests_are_found(fresh, verb):
    found = make(fresh, verb, "ARGS=--collect-only --quiet")
    assert re.search(r"^\d+/\d+ tests collected", found, re.MULTILINE)


@pytest.mark.thorough
def test_make_lock_changes_nothing_where_nothing_has_changed(fresh):
    make(fresh, "lock")
    asked = (*ROOT.glob("ship/*/requirements.in"), *ROOT.glob("tests/ship/*/requirements.in"))
    locks = [ROOT / "requirements.txt", ROOT / "requirements-dev.txt", *(file.with_suffix(".txt") for file in asked)]
    for lock in locks:
        assert (fresh / lock.relative_to(ROOT)).read_text() == lock.read_text()


@pytest.mark.thorough
def test_make_inspect_cli_asks_this_server(fresh):
    assert '"tools"' in make(fresh, "inspect-cli")
    assert '"resources"' in make(fresh, "inspect-cli", "ARGS=--method resources/list")


@pytest.mark.thorough
def test_make_inspect_opens_the_inspector(fresh, unused_port):
    ports = {"CLIENT_PORT": str(unused_port), "MCP_SANDBOX_PORT": "0", "MCP_AUTO_OPEN_ENABLED": "false"}
    with making(fresh, "inspect", **ports) as lines:
        assert any(f"http://127.0.0.1:{unused_port}" in line for line in lines)


def test_make_clean_leaves_what_is_somebodys_own(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in (".venv/bin", "dist", ".mypy_cache", "tools/__pycache__", str(NODE_MODULES)):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "tools" / "mine.py").touch()
    make(tmp_path, "clean")
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if not path.is_dir()} == {
        "Makefile",
        "tools/mine.py",
    }
    assert not (tmp_path / ".venv").exists()
