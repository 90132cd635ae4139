"""`compose.yaml`: the image that ships, on one machine."""

import os
import re
import shutil
import subprocess

import anyio
import httpx2
import pytest
from fastmcp import Client

from serving.identity import read_identity
from ship.image.engine import DOCKER
from tests.support import ROOT, SECONDS


@pytest.fixture
def folder(production, tmp_path):
    """A folder with what Compose builds and runs, and the secrets that docs/ship.md makes."""
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("compose.yaml", "Dockerfile.production", "requirements.txt", "pyproject.toml", "server.py"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("serving", "tools"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    [line] = re.findall(r"^(mkdir -p secrets .*)$", (ROOT / "docs" / "ship.md").read_text(), re.MULTILINE)
    subprocess.run(line, shell=True, cwd=tmp_path, check=True)  # noqa: S602  what a reader types
    for path in (tmp_path / "secrets", tmp_path / "secrets" / "tokens"):
        path.chmod(0o755)
    return tmp_path


@pytest.fixture
def compose(folder):
    """Run Docker Compose there, on a free port."""

    def run(*arguments: str) -> str:
        command = [DOCKER, "compose", "--project-name", f"test-{os.getpid()}", *arguments]
        environment = {**os.environ, "PUBLISH": "127.0.0.1:0"}
        result = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=2 * SECONDS, check=False
        )
        assert result.returncode == 0, result.stderr
        return result.stdout.strip()

    yield run
    run("down", "--volumes", "--rmi", "local")


async def test_it_comes_up_healthy_lets_in_who_has_a_token_and_goes_down_cleanly(compose, folder):
    compose("up", "--detach", "--wait")
    url = f"http://{compose('port', 'mcp', '8000')}/mcp"
    assert httpx2.get(url).status_code == 401
    tokens = folder / "secrets" / "tokens"
    token = tokens.read_text().strip().removeprefix("ann=")
    async with Client(url, auth=token) as client:
        assert client.server_info.name == read_identity().name
    others = folder / "secrets" / "new"
    others.write_text(f"bob={token[::-1]}\n")
    others.replace(tokens)
    with anyio.fail_after(SECONDS):
        while httpx2.get(url, headers={"authorization": f"Bearer {token}"}).is_success:  # noqa: ASYNC110
            await anyio.sleep(0.1)
    compose("stop")
    assert "exited (0)" in compose("ps", "--all", "--format", "{{.Status}}").lower()
