"""Servers that people use, from the registries, behind the adapter: through make, with calls that do something."""

import asyncio
import json
import shlex
import subprocess
from contextlib import contextmanager

import httpx2
import pytest
from fastmcp import Client

from tests.ship.adapter.support import ADAPTER, called, ready
from tests.support import INSTALLED, Server, program, run, serving

pytestmark = pytest.mark.thorough


@pytest.fixture(scope="session")
def installed(tmp_path_factory) -> str:
    """Where packages are installed, once for all tests."""
    return str(tmp_path_factory.mktemp("packages"))


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """An installation takes longer than anything else here."""
    monkeypatch.setattr("tests.support.SECONDS", 300)


@contextmanager
def packaged(package: str, installed: str, *arguments: str, **variables: str):
    """Run a package behind the adapter, by `make adapter`."""
    words = [f"PACKAGE={package}", *([f"ARGS={shlex.join(arguments)}"] if arguments else [])]
    told = {"MCP_PORT": "0", "MCP_INSTALL_DIR": installed, **variables}
    with program("make", *INSTALLED, "adapter", *words, **told) as process:
        server = Server(process)
        try:
            server.url = server.wait_for("MCP on ").split("MCP on ")[1].partition(",")[0]
            yield server
        finally:
            process.terminate()
            process.wait(30)


async def test_server_memory_remembers(installed, tmp_path):
    name = "@modelcontextprotocol/server-memory"
    with packaged(name, installed, MCP_RUNTIME="npm", MCP_CHILD_ENV_MEMORY_FILE_PATH=str(tmp_path / "graph")) as server:
        assert f"Starting npm package: {name}" in server.log[0]
        async with Client(server.url) as client:
            entity = {"name": "Ada", "entityType": "person", "observations": ["wrote programs"]}
            await client.call_tool("create_entities", {"entities": [entity]})
            found = await client.call_tool("search_nodes", {"query": "programs"})
            assert found.structured_content["entities"][0]["name"] == "Ada"


async def test_server_filesystem_reads(installed, tmp_path):
    (tmp_path / "note.txt").write_text("read me")
    with packaged("@modelcontextprotocol/server-filesystem", installed, str(tmp_path)) as server:
        async with Client(server.url) as client:
            assert await called(client, "read_text_file", path=str(tmp_path / "note.txt")) == "read me"


async def test_server_everything_has_everything(installed):
    progress = []

    async def on_progress(done, total, message):
        progress.append((done, total))

    with packaged("@modelcontextprotocol/server-everything", installed) as server:
        async with Client(server.url, progress_handler=on_progress) as client:
            assert await called(client, "echo", message="hi") == "Echo: hi"
            assert {prompt.name for prompt in await client.list_prompts()}
            resource = (await client.list_resources())[0]
            assert await client.read_resource(str(resource.uri))
            longest = next(tool.name for tool in await client.list_tools() if "long" in tool.name.lower())
            await client.call_tool(longest, {"duration": 1, "steps": 2})
            assert progress[-1] == (2, 2)


async def test_server_git_looks_into_a_repository(installed, tmp_path):
    await asyncio.to_thread(subprocess.run, ["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / "new.txt").touch()
    with packaged("mcp-server-git", installed, MCP_RUNTIME="python") as server:
        assert "Starting Python package: mcp-server-git" in server.log[0]
        async with Client(server.url) as client:
            assert "new.txt" in await called(client, "git_status", repo_path=str(tmp_path))


async def test_server_time_knows_the_time_and_where_it_belongs_was_found_out(installed):
    with packaged("mcp-server-time", installed) as server:
        async with Client(server.url) as client:
            time = await called(client, "get_current_time", timezone="Europe/Berlin")
            assert time["timezone"] == "Europe/Berlin"
        assert ready(server)[0] == 200
        assert httpx2.get(f"{server.base}/").json()["runtime"] == "python"


async def test_server_sqlite_which_wants_an_older_sdk_works(installed, tmp_path):
    arguments = ("--db-path", str(tmp_path / "db"))
    with packaged("mcp-server-sqlite==2025.4.25", installed, *arguments) as server:
        async with Client(server.url) as client:
            await client.call_tool("create_table", {"query": "CREATE TABLE plants (name TEXT)"})
            assert "plants" in str(await called(client, "list_tables"))


def test_a_package_that_no_registry_has_ends_the_adapter_with_the_installers_words(installed):
    for runtime, said in (("npm", "E404"), ("python", "No matching distribution")):
        package = "no-such-mcp-server-at-all"
        ended = run(script=ADAPTER, MCP_RUNTIME=runtime, MCP_PACKAGE=package, MCP_INSTALL_DIR=installed)
        last = json.loads(ended.stderr.splitlines()[-1])["message"]
        assert (ended.returncode, said in last, "Traceback" in ended.stderr) == (1, True, False), last


def test_what_is_installed_starts_without_a_registry(installed):
    run("install", script=ADAPTER, MCP_RUNTIME="python", MCP_PACKAGE="mcp-server-time", MCP_INSTALL_DIR=installed)
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/", "HTTPS_PROXY": "http://127.0.0.1:9/"}
    told = {"MCP_RUNTIME": "python", "MCP_PACKAGE": "mcp-server-time", "MCP_INSTALL_DIR": installed, **nowhere}
    with serving(script=ADAPTER, **told) as server:
        assert ready(server)[0] == 200
