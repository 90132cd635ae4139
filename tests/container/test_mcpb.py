"""The image that runs any bundle: the whole circle in it, each type of server, as restricted as a pod."""

import json
import re
import subprocess
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from fastmcp import Client

from serving.identity import read_identity
from ship.image.engine import DOCKER
from tests.container.engine import ANY_USER, RESTRICTED, container, docker
from tests.ship.adapter.support import TOY
from tests.ship.archive.support import sha256
from tests.ship.mcpb.support import bundle, pack
from tests.support import ROOT, make

FOLDER = ROOT / "ship" / "mcpb"
DOCKERFILE = FOLDER / "Dockerfile"
PYTHON_VERSION = "3.13"
"""That of the base image that the other tests need as well."""
LOCAL = (*RESTRICTED, *ANY_USER, "--tmpfs", "/tmp:exec", "--memory", "1g", "--cpus", "1")
"""What a pod of the overlay gives it."""
HARDENED = (*LOCAL, "--network", "none")
MEGABYTES = 380
NODE_SERVER = """
const lines = require("readline").createInterface({ input: process.stdin });
const answers = {
  initialize: (params) => ({
    protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "node", version: "1" },
  }),
  "tools/list": () => ({ tools: [{ name: "argv", inputSchema: { type: "object" } }] }),
  "tools/call": () => ({ content: [{ type: "text", text: JSON.stringify(process.argv.slice(2)) }] }),
};
lines.on("line", (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id !== undefined) console.log(JSON.stringify({ jsonrpc: "2.0", id, result: answers[method]?.(params) ?? {} }));
});
"""


@pytest.fixture(scope="module")
def image(engine) -> str:
    """The image, built as a user builds it."""
    built = make("mcpb-image", f"PYTHON_VERSION={PYTHON_VERSION}", seconds=600)
    assert built.returncode == 0, built.stderr
    who = read_identity()
    return f"{who.name}-mcpb:{who.version}-python{PYTHON_VERSION}"


@pytest.fixture(scope="module")
def packed(tmp_path_factory) -> Path:
    """This server, packed for the Python of the image."""
    done = pack("--python", PYTHON_VERSION, "--output", tmp_path_factory.mktemp("packed"))
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


@contextmanager
def running(image: str, file: Path, *options: str):
    """Run a bundle, verified, in a container; yield it when it is ready."""
    file.chmod(0o644)
    given = ("--env", "BUNDLE_URL=file:///x.mcpb", "--env", f"BUNDLE_SHA256={sha256(file.read_bytes())}")
    mounted = ("--volume", f"{file}:/x.mcpb:ro", "--publish", "127.0.0.1::8000")
    with container(image, *LOCAL, *mounted, *given, *options) as running:
        wait_until_ready(running.url)
        yield running


def wait_until_ready(url: str) -> None:
    transport = httpx2.HTTPTransport(retries=5)
    with httpx2.Client(transport=transport, timeout=30) as client:
        while client.get(f"{url}/ready").status_code != 200:
            assert client.get(f"{url}/health").status_code == 200


def inside(image: str, *command: str) -> str:
    program, *arguments = command
    return docker("run", "--rm", *HARDENED, "--entrypoint", program, image, *arguments)


# The Dockerfile


def test_it_needs_no_builder_of_this_year():
    text = DOCKERFILE.read_text()
    assert text.count("--no-deps --require-hashes") == 1
    assert not re.search(r"^#\s*syntax|<<|--mount|--link|--chmod|--start-interval", text, re.MULTILINE)
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE) == ["1000:1000"]
    assert "ARG PYTHON_VERSION=3.14\n" in text  # the one that gets the tag `latest`


def test_the_stage_that_ships_does_not_know_where_packages_come_from():
    *_, shipped = DOCKERFILE.read_text().split("\nFROM ")
    assert "PIP_" not in shipped


# What is in it


def test_it_says_what_it_is_and_how_it_runs(image):
    config = json.loads(docker("image", "inspect", "--format", "{{json .Config}}", image))
    assert (config["User"], config["WorkingDir"]) == ("1000:1000", "/app")
    assert (list(config["ExposedPorts"]), config["StopSignal"]) == (["8000/tcp"], "SIGTERM")
    assert config["Healthcheck"]["Test"] == ["CMD", "/venv/bin/python", "-m", "serving.check"]
    assert int(docker("image", "inspect", "--format", "{{.Size}}", image)) < MEGABYTES * 1_000_000


def test_it_holds_of_this_repository_only_what_runs_bundles(image):
    files = inside(image, "find", "/app", "-type", "f", "-not", "-name", "*.pyc").splitlines()
    assert {path.split("/")[2] for path in files} == {"pyproject.toml", "serving", "ship"}
    assert {path.split("/")[3] for path in files if path.startswith("/app/ship/")} == {"adapter", "archive", "mcpb"}
    assert not [path for path in files if "/pack/" in path or "/bench/" in path or "/tools/" in path]


def test_the_python_of_bundles_has_nothing_but_its_standard_library(image):
    question = "import sys, sysconfig, os; print(sys.version_info[:2], os.listdir(sysconfig.get_path('purelib')))"
    assert inside(image, "python3", "-c", question) == "(3, 13) []"
    assert "No module named pip" in inside(image, "sh", "-c", "python3 -m pip 2>&1 || true")


@pytest.mark.parametrize("program", ["sh -c :", "node --version", "uv --version"])
def test_what_bundles_start_is_there(image, program):
    inside(image, *program.split())


def test_nobody_but_root_could_change_what_is_in_it(image):
    for place in ("/app", "/venv", "/usr/local"):
        assert not inside(image, "find", place, "-not", "-type", "l", "-perm", "/022")


# The circle


@pytest.mark.parametrize("serve", ["app", "stdio"])
async def test_this_server_is_packed_and_served_in_both_eras(image, packed, serve):
    with running(image, packed, "--env", f"BUNDLE_SERVE={serve}") as container:
        for mode in ("2026-07-28", "legacy"):
            async with Client(f"{container.url}/mcp", mode=mode) as client:
                assert await client.list_tools()
        assert container.stop() == 0
        assert "Traceback" not in container.log


def test_it_is_downloaded_from_a_server(image, packed):
    """One container is that server, and the other one has its network."""
    serve = ("--entrypoint", "python3", "--volume", f"{packed}:/srv/x.mcpb:ro")
    files = docker("run", "--detach", *ANY_USER, *serve, image, "-m", "http.server", "--directory", "/srv", "9000")
    try:
        url = "http://127.0.0.1:9000/x.mcpb"
        options = ("--network", f"container:{files}", "--env", f"BUNDLE_URL={url}", "--env", "BUNDLE_ALLOW_HTTP=true")
        with container(image, *LOCAL, *options) as running:
            while "MCP on" not in running.log:
                assert running.inspect("{{.State.Running}}") == "true", running.log
            assert f"Downloading the bundle: {url}" in running.log
    finally:
        docker("rm", "--force", "--volumes", files)


@pytest.mark.parametrize(
    ("kind", "files", "command"),
    [
        (
            "node",
            {"server.py": NODE_SERVER},
            {"command": "node", "args": ["${__dirname}/server.py", "${user_config.word}"]},
        ),
        ("python", {"server.py": TOY.read_text()}, {"command": "python3", "args": ["${__dirname}/server.py"]}),
        ("binary", {"server.py": f"#!/usr/bin/env python3\n{TOY.read_text()}"}, {"command": "${__dirname}/server.py"}),
        (
            "uv",
            {"server.py": TOY.read_text()},
            {"command": "uv", "args": ["run", "--offline", "--no-project", "${__dirname}/server.py"]},
        ),
    ],
)
async def test_each_type_of_server_is_served_in_both_eras(image, tmp_path, kind, files, command):
    server = {"type": kind, "entry_point": "server.py", "mcp_config": command}
    options = {"word": {"type": "string", "title": "Word", "description": "A word", "required": True}}
    file = tmp_path / "x.mcpb"
    file.write_bytes(bundle(files, server=server, user_config=options))
    with running(image, file, "--env", "USER_CONFIG_WORD=north") as container:
        for mode in ("2026-07-28", "legacy"):
            async with Client(f"{container.url}/mcp", mode=mode) as client:
                tool, arguments = ("argv", {}) if kind == "node" else ("echo", {"message": "north"})
                assert "north" in (await client.call_tool(tool, arguments)).content[0].text
        assert container.stop() == 0


def test_what_does_not_run_is_one_line_and_status_1(image, tmp_path):
    file = tmp_path / "x.mcpb"
    file.write_bytes(bundle({"server.py": "app = 1"}))
    file.chmod(0o644)
    given = ("--env", "BUNDLE_URL=file:///x.mcpb", "--env", f"BUNDLE_SHA256={'0' * 64}", "--env", "MCP_LOG_LEVEL=error")
    done = subprocess.run(
        [DOCKER, "run", "--rm", *HARDENED, "--volume", f"{file}:/x.mcpb:ro", *given, image],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    assert "the bundle has the SHA-256" in done.stderr


def test_a_volume_from_which_nothing_can_be_run_is_mentioned(image, packed):
    mounted = ("--volume", f"{packed}:/x.mcpb:ro", "--env", "BUNDLE_URL=file:///x.mcpb")
    restricted = (*RESTRICTED, *ANY_USER, "--memory", "1g", "--network", "none")
    done = subprocess.run(
        [DOCKER, "run", "--rm", *restricted, *mounted, image], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert (
        "/tmp/bundle is mounted noexec: no program or native module runs from there (--tmpfs /tmp:exec)" in done.stderr
    )
