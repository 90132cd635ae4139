"""Real clients and installers. They come from npm and PyPI, so `make test-thorough` runs these, not `make test`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fastmcp import Client

from serving.identity import read_identity
from tests.pages import client_configuration
from tests.support import ROOT, SAMPLE, SERVER, environment, serving

pytestmark = pytest.mark.thorough

NODE = ROOT / "tests" / "node" / "node_modules" / ".bin"
CALL_ECHO = ("--method", "tools/call", "--tool-name", "echo", "--tool-arg", "message=hi")
TOOL_ERROR = 5
"""The Inspector's exit status when the tool answers with an error."""


def inspect(*arguments: str | Path, status: int = 0) -> dict:
    """Run the MCP Inspector's command line and return what it prints."""
    result = subprocess.run(
        [NODE / "mcp-inspector", "--cli", *arguments],
        env=environment(PATH=f"{NODE}:{environment()['PATH']}"),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == status, result.stderr
    return json.loads(result.stdout)


@pytest.fixture(scope="module", params=["http", "sse", "stdio"])
def sample(request):
    """The Inspector's options for a server, those before the method and those behind it."""
    if request.param == "stdio":
        yield (), ("-e", "MCP_TRANSPORT=stdio", "-e", f"PYTHONPATH={ROOT}", "--", sys.executable, SAMPLE)
    else:
        with serving("--transport", request.param) as server:
            yield (server.url, "--transport", request.param), ()


@pytest.mark.parametrize("era", ["modern", "legacy"])
def test_the_inspector_lists_and_calls_tools(sample, era):
    before, after = sample
    tools = inspect(*before, "--protocol-era", era, "--method", "tools/list", *after)["tools"]
    assert "echo" in [tool["name"] for tool in tools]
    assert inspect(*before, "--protocol-era", era, *CALL_ECHO, *after)["content"][0]["text"] == "Echo: hi"


def test_the_inspector_sees_a_tool_error():
    with serving() as server:
        call = ("--method", "tools/call", "--tool-name", "refuse")
        assert inspect(server.url, "--transport", "http", *call, status=TOOL_ERROR)["isError"]


def test_the_schemas_of_this_servers_tools_are_portable():
    with serving(script=SERVER) as server:
        assert inspect(server.url, "--transport", "http", "--method", "tools/list", "--strict")["tools"]


async def test_the_configuration_in_the_docs_lets_uvx_install_and_run_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    monkeypatch.chdir(tmp_path)
    identity = read_identity()
    config = client_configuration("uvx")
    config["mcpServers"][identity.name]["env"] |= environment()  # this machine's proxy and certificates, if any
    async with Client(config) as client:
        assert (client.server_info.name, client.server_info.version) == (identity.name, identity.version)
        assert await client.list_tools()
