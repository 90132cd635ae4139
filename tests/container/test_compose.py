"""`compose.yaml`: the image that ships, on one machine."""

import os
import shutil
import subprocess

import httpx2
import pytest
from fastmcp import Client

from serving.identity import read_identity
from tests.container.engine import DOCKER
from tests.support import ROOT, SECONDS

TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def compose(production, tmp_path):
    """Run Docker Compose on a copy, with a token, on a free port."""
    shutil.copy(ROOT / "compose.yaml", tmp_path)
    tokens = tmp_path / "tokens"
    tokens.write_text(f"ann={TOKEN} account\n")
    tokens.chmod(0o644)

    def run(*arguments: str) -> str:
        command = [DOCKER, "compose", "--project-name", f"test-{os.getpid()}", *arguments]
        environment = {**os.environ, "PUBLISH": "127.0.0.1:0"}
        result = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=2 * SECONDS, check=False
        )
        assert result.returncode == 0, result.stderr
        return result.stdout.strip()

    yield run
    run("down", "--volumes")


async def test_it_comes_up_healthy_asks_for_the_token_and_goes_down_cleanly(compose):
    compose("up", "--detach", "--wait")
    url = f"http://{compose('port', 'mcp', '8000')}/mcp"
    assert httpx2.get(url).status_code == 401
    async with Client(url, auth=TOKEN) as client:
        assert client.server_info.name == read_identity().name
    compose("stop")
    assert "exited (0)" in compose("ps", "--all", "--format", "{{.Status}}").lower()
