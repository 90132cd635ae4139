"""The whole circle, with the packages in it: packed, checked by the official tool, served, run, called in both eras."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx2
import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from ship.mcpb.load.config import fill_in
from ship.mcpb.load.manifest import Bundle, Manifest
from ship.mcpb.serve.environment import base_python
from ship.mcpb.serve.stdio import start_of
from tests.ship.archive.support import sha256, web
from tests.ship.mcpb.support import RUNNER, manifest, pack, running
from tests.support import ROOT, environment, make, serving

pytestmark = pytest.mark.thorough

HERE = f"PYTHON_VERSION={sys.version_info.major}.{sys.version_info.minor}"
MCPB = ROOT / "tests" / "node" / "node_modules" / ".bin" / "mcpb"
NIMBLE = """
from fastmcp import FastMCP

mcp = FastMCP("older")


@mcp.tool
def add(a: int, b: int) -> int:
    return a + b


app = mcp.http_app(stateless_http=True)
"""
"""A server as such layouts have it: no probes, and no way to set anything."""


@pytest.fixture(scope="module")
def packed(tmp_path_factory) -> Path:
    """This server, packed as a user packs it."""
    done = make("bundle", HERE, seconds=300)
    assert done.returncode == 0, done.stderr
    return Path(shutil.copy(ROOT / done.stdout.strip(), tmp_path_factory.mktemp("packed")))


@pytest.fixture
def unpacked(packed, tmp_path) -> Path:
    """What the official tool makes of it."""
    mcpb("unpack", packed, tmp_path / "unpacked")
    return tmp_path / "unpacked"


def mcpb(*arguments: str | Path) -> str:
    done = subprocess.run([MCPB, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_two_builds_with_all_packages_are_the_same_byte_by_byte(packed, tmp_path):
    done = pack("--output", tmp_path)
    assert Path(done.stdout.strip()).read_bytes() == packed.read_bytes()


def test_the_official_tool_finds_it_valid_and_unpacks_it(unpacked):
    assert "validation passes" in mcpb("validate", unpacked)
    assert (unpacked / "deps" / "fastmcp" / "__init__.py").exists()
    assert not (unpacked / "deps" / "bin").exists()
    records = [file.read_text() for file in (unpacked / "deps").glob("*.dist-info/RECORD")]
    assert records
    assert not [record for record in records if re.search(r"^[./]*bin/", record, re.MULTILINE)]


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_a_desktop_client_starts_it_over_stdio(unpacked, mode):
    bundle = Bundle(unpacked, Manifest.model_validate_json((unpacked / "manifest.json").read_text()))
    start = fill_in(bundle, start_of(bundle), {"HOME": "/"})
    assert start.program == "python3"
    transport = StdioTransport(base_python(), list(start.args), env={**environment(), **start.env}, cwd="/")
    async with Client(transport, mode=mode) as client:
        assert [tool.name for tool in await client.list_tools()]
        listed = json.loads((unpacked / "manifest.json").read_text())["tools"]
        assert {tool["name"] for tool in listed} == {tool.name for tool in await client.list_tools()}


@pytest.mark.parametrize("serve", ["app", "stdio"])
async def test_it_is_downloaded_verified_and_served_in_both_eras(packed, tmp_path, serve):
    content = packed.read_bytes()
    given = {"BUNDLE_ALLOW_HTTP": "true", "BUNDLE_SHA256": sha256(content), "BUNDLE_DIR": str(tmp_path / "bundle")}
    tokens = {"MCP_AUTH": "token", "MCP_AUTH_TOKENS": "ann=0123456789abcdef"}
    with web(x_mcpb=content) as (url, files):
        given |= {"BUNDLE_URL": f"{url}/x.mcpb", "BUNDLE_SERVE": serve, "MCP_LOG_FORMAT": "text", **tokens}
        with serving(script=RUNNER, **given) as server:
            assert files.asked == ["/x.mcpb"]
            for mode in ("2026-07-28", "legacy"):
                async with Client(server.url, mode=mode, auth="0123456789abcdef") as client:
                    assert await client.list_tools()
            assert httpx2.post(server.url, json={}).status_code == 401
            ready = httpx2.get(f"{server.base}/ready").json()
            assert ready["tools_count"] == len(json.loads(manifest_text(packed))["tools"])
            assert server.stop() == 0
    assert list(tmp_path.iterdir()) == []


def manifest_text(file: Path) -> bytes:
    with zipfile.ZipFile(file) as archive:
        return archive.read("manifest.json")


async def test_a_bundle_of_the_older_layout_runs_with_its_own_packages(unpacked, tmp_path):
    older = tmp_path / "older"
    (older / "src").mkdir(parents=True)
    (unpacked / "deps").rename(older / "deps")
    (older / "src" / "server.py").write_text(NIMBLE)
    said = manifest(entry_point="src/server.py")
    said["server"]["mcp_config"]["args"] = ["-m", "src.server"]
    (older / "manifest.json").write_text(json.dumps(said))
    mcpb("pack", older, tmp_path / "older.mcpb")
    shutil.rmtree(older)
    with running((tmp_path / "older.mcpb").read_bytes(), tmp_path) as server:
        for path, status in {"/health": "healthy", "/ready": "ready"}.items():
            assert httpx2.get(server.base + path).json() == {"status": status}
        for mode in ("2026-07-28", "legacy"):
            async with Client(server.url, mode=mode) as client:
                assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3


@pytest.fixture
def packed_for_uv(tmp_path) -> bytes:
    return Path(pack("--type", "uv", "--output", tmp_path).stdout.strip()).read_bytes()


async def test_a_bundle_of_type_uv_gets_its_packages_where_it_runs(packed_for_uv, tmp_path):
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # where uv is
    with running(packed_for_uv, tmp_path, PATH=path) as server:
        for mode in ("2026-07-28", "legacy"):
            async with Client(server.url, mode=mode) as client:
                assert await client.list_tools()


def test_what_is_packed_for_another_python_and_platform_has_their_packages(tmp_path):
    file = Path(pack("--python", "3.13", "--platform", "macos", "--output", tmp_path).stdout.strip())
    said = json.loads(manifest_text(file))["compatibility"]
    assert said == {"platforms": ["darwin"], "runtimes": {"python": ">=3.13,<3.14"}}
    with zipfile.ZipFile(file) as archive:
        native = [name for name in archive.namelist() if name.endswith(".so")]
    assert any("cpython-313-darwin" in name for name in native)
    assert not [name for name in native if "linux" in name]
