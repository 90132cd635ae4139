"""Every door into server.py leads to the same server."""

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from serving.identity import read_identity
from tests.support import ROOT, SERVER, environment, post, program, serving

SCRIPTS = Path(sys.executable).parent


def python(code: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment(), capture_output=True, text=True, check=True
    )
    return result.stdout + result.stderr


def test_importing_the_module_starts_nothing_and_does_not_even_import_fastmcp():
    assert (
        python("import server, sys; print([n for n in sys.modules if n in ('fastmcp', 'uvicorn', 'tools')])") == "[]\n"
    )


def test_mcp_and_app_are_built_once_when_asked_for():
    assert python("import server; print(server.app is server.app, server.mcp is server.mcp)") == "True True\n"
    assert "Starlette" in python("import server; print(type(server.app).__name__)")


def test_another_name_is_an_ordinary_attribute_error():
    with pytest.raises(subprocess.CalledProcessError) as error:
        python("import server; server.nonsense")
    assert "AttributeError: this module has no attribute 'nonsense'" in error.value.stderr


def test_the_page_stays_a_page():
    assert len(SERVER.read_text().splitlines()) < 60


async def test_it_runs_as_a_script_and_serves_what_it_found():
    identity = read_identity()
    with serving(script=SERVER) as server:
        health = httpx2.get(server.base + "/health").json()
        assert health == {"status": "healthy", "service": identity.name, "version": identity.version}
        ready = httpx2.get(server.base + "/ready").json()
        async with Client(server.url) as client:
            assert ready["tools_count"] >= len(await client.list_tools()) > 0  # scopes hide some of them
            assert client.server_info.name == identity.name
            assert client.server_info.version == identity.version


@pytest.mark.parametrize("workers", [(), ("--workers", "2")], ids=["one process", "two"])
async def test_uvicorn_serves_the_app(unused_port, workers):
    with program(SCRIPTS / "uvicorn", "server:app", "--port", str(unused_port), *workers) as process:
        assert any("startup complete" in line for line in process.stderr)
        while process.poll() is None:  # it listens a moment later
            with suppress(httpx2.TransportError):
                if httpx2.get(f"http://127.0.0.1:{unused_port}/ready").is_success:
                    break
        async with Client(f"http://127.0.0.1:{unused_port}/mcp") as client:
            assert await client.list_tools()
        process.terminate()  # which tells its workers, too
        process.communicate()


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_fastmcp_runs_it_from_another_folder(tmp_path, mode):
    transport = StdioTransport(
        str(SCRIPTS / "fastmcp"), ["run", str(SERVER), "--no-banner"], env=environment(), cwd=str(tmp_path)
    )
    async with Client(transport, mode=mode) as client:
        assert await client.list_tools()


async def test_fastmcps_own_runner_has_the_guard_too(unused_port):
    command = ("run", "server.py", "--no-banner", "--transport", "http", "--port", str(unused_port))
    with program(SCRIPTS / "fastmcp", *command) as process:
        assert any("Uvicorn running" in line for line in process.stderr)
        async with httpx2.AsyncClient() as http:
            request = post(f"http://127.0.0.1:{unused_port}/mcp", "2026-07-28", "server/discover")
            assert (await http.send(request)).status_code == 200
            request.headers["host"] = "evil.example"
            assert (await http.send(request)).status_code == 421


def test_fastmcp_inspects_it_from_another_folder(tmp_path):
    command = [str(SCRIPTS / "fastmcp"), "inspect", str(SERVER), "--format", "mcp"]
    result = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True)
    described = json.loads(result.stdout)
    assert described["serverInfo"]["name"] == read_identity().name
    assert described["tools"]


@pytest.mark.parametrize("command", [("uvicorn", "server:app"), ("fastmcp", "run", "server.py")])
def test_a_bad_setting_is_one_line_whoever_starts_the_server(command):
    program, *arguments = command
    result = subprocess.run(
        [SCRIPTS / program, *arguments],
        cwd=ROOT,
        env=environment(MCP_PATH="mcp"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert "MCP_PATH=mcp: expected a value like /mcp" in result.stderr
    assert "Traceback" not in result.stderr
