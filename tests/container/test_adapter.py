"""The image that runs any stdio server: what is in it, and what it installs, when it is built or when it starts."""

import json
import os
import re
import subprocess

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport, StreamableHttpTransport

from serving.identity import read_identity
from ship.image.engine import DOCKER
from tests.container.engine import ANY_USER, RESTRICTED, container, docker
from tests.support import ROOT, make

FOLDER = ROOT / "ship" / "adapter"
DOCKERFILE = FOLDER / "Dockerfile"
SOURCES = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "npm_config_registry")
"""Where packages come from, if this machine says so in its environment."""
PUBLISH = ("--publish", "127.0.0.1::8000")
OFFLINE = (*RESTRICTED, *ANY_USER, "--network", "none")
INSTALLING = (
    *(*RESTRICTED, *ANY_USER, "--tmpfs", "/tmp:exec", "--memory", "512m", "--cpus", "2"),
    *(part for name in (*SOURCES, "HTTPS_PROXY", "NO_PROXY") for part in ("--env", name)),
)
"""What a pod of the overlay gives a container whose package is installed at the start."""
READY = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8000/ready').read().decode())"
MEGABYTES = 330
CERTIFICATES = 100
"""Every system trusts more than so many."""


def build(tag: str, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Build the image as Fly.io would: with Docker alone."""
    arguments = [part for name in SOURCES for part in ("--build-arg", name)]
    return subprocess.run(
        [DOCKER, "build", "--file", DOCKERFILE, "--tag", tag, *arguments, *options, "."],
        cwd=ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def baked(tag: str, runtime: str, package: str, **variables: str) -> str:
    built = build(tag, "--build-arg", f"MCP_RUNTIME={runtime}", "--build-arg", f"MCP_PACKAGE={package}", **variables)
    assert built.returncode == 0, built.stderr
    return tag


@pytest.fixture(scope="module")
def adapter(engine) -> str:
    """The image without any package, built as a user builds it."""
    built = make("adapter-image", seconds=600)
    assert built.returncode == 0, built.stderr
    identity = read_identity()
    return f"{identity.name}-adapter:{identity.version}"


@pytest.fixture(scope="module")
def with_python(adapter) -> str:
    return baked(f"{adapter}-time", "python", "mcp-server-time")


@pytest.fixture(scope="module")
def with_npm(adapter) -> str:
    return baked(f"{adapter}-everything", "npm", "@modelcontextprotocol/server-everything")


def inside(image: str, *command: str) -> str:
    """Run a program in the image, without a network, and return what it prints."""
    program, *arguments = command
    return docker("run", "--rm", *OFFLINE, "--entrypoint", program, image, *arguments)


def stages() -> dict[str, str]:
    """Return the steps of each stage by its name; the last one, which is shipped, has none."""
    text = DOCKERFILE.read_text()
    found = re.findall(r"^FROM \S+(?: AS (\w+))?\n(.*?)(?=^FROM |\Z)", text, re.MULTILINE | re.DOTALL)
    return dict(found)


# The Dockerfile


def test_it_needs_no_builder_of_this_year():
    text = DOCKERFILE.read_text()
    assert text.count("--no-deps --require-hashes") == 1
    assert not re.search(r"^#\s*syntax|<<|--mount|--link|--chmod|--start-interval", text, re.MULTILINE)
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE) == ["1000:1000"]


def test_no_stage_that_ships_knows_where_packages_come_from():
    steps = stages()
    for shipped in ("adapter", ""):
        assert not [name for name in SOURCES if name in steps[shipped]]
    for name in SOURCES:
        assert f"ARG {name}\n" in steps["packages"]


def test_both_dockerfiles_take_the_same_of_python():
    both = [path.read_text() for path in (DOCKERFILE, ROOT / "Dockerfile.production")]
    left_out = [re.findall(r"^ +&& (rm -rf site-packages/\S.*)$", text, re.MULTILINE) for text in both]
    assert left_out[0] == left_out[1] != []


# Its verbs


def test_a_package_is_baked_by_name_and_where_it_is_from_is_not_on_the_command_line(recorded):
    words = recorded(
        "adapter-image", "PACKAGE=it's", "RUNTIME=npm", npm_config_registry="https://ann:hunter2@r.invalid"
    )
    assert {"MCP_PACKAGE=it's", "MCP_RUNTIME=npm", "npm_config_registry"} <= set(words)
    assert not [word for word in words if "hunter2" in word]


def test_a_container_gets_what_was_typed_and_its_childs_variables_by_name(recorded):
    words = recorded(
        *("adapter-image-run", "COMMAND=npx -y 'a b'", "ARGS=--x $$HOME"), MCP_CHILD_ENV_WORD="hunter2", MCP_AUTH="none"
    )
    ran = words[words.index("run") :]
    assert {"MCP_COMMAND=npx -y 'a b'", "MCP_ARGS=--x $$HOME", "MCP_CHILD_ENV_WORD", "--read-only"} <= set(ran)
    assert ran.index("/tmp") < ran.index("/tmp:exec")  # the last one holds
    assert not [word for word in words if "hunter2" in word or word.startswith("MCP_AUTH")]


# What is in it


def test_it_is_small(adapter):
    assert int(docker("image", "inspect", "--format", "{{.Size}}", adapter)) < MEGABYTES * 1_000_000


def test_it_says_what_it_is_and_how_it_runs(adapter):
    config = json.loads(docker("image", "inspect", "--format", "{{json .Config}}", adapter))
    identity = read_identity()
    assert (config["User"], config["WorkingDir"]) == ("1000:1000", "/app")
    assert (list(config["ExposedPorts"]), config["StopSignal"]) == (["8000/tcp"], "SIGTERM")
    assert config["Healthcheck"]["Test"] == ["CMD", "python", "-m", "serving.check"]
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in config["Labels"].items()}
    assert (labels["title"], labels["version"]) == (identity.name, identity.version)
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?", labels["revision"])


def test_it_holds_of_this_repository_only_what_the_adapter_needs(adapter):
    files = inside(adapter, "find", "/app", "-type", "f", "-not", "-name", "*.pyc").splitlines()
    assert {path.split("/")[2] for path in files} == {"pyproject.toml", "serving", "ship"}
    ours = {str(path.relative_to(ROOT)) for path in FOLDER.rglob("*.py") if "bench" not in path.parts}
    assert {path.removeprefix("/app/") for path in files if path.startswith("/app/ship/")} == ours


def test_nobody_but_root_could_change_what_is_in_it(with_python):
    where = ("/", "-xdev", "-not", "-path", "/tmp", "-not", "-path", "/dev/*", "-not", "-path", "/proc/*")
    assert not inside(with_python, "find", *where, "-not", "-type", "l", "-perm", "/022")
    assert not inside(with_python, "find", *where, "(", "-not", "-user", "0", "-o", "-perm", "/6000", ")")


@pytest.mark.parametrize(
    "program", ["sh -c :", "bash -c :", "env true", "git --version", "node --version", "npm --version", "npx --version"]
)
def test_what_packages_start_is_there(adapter, program):
    inside(adapter, *program.split())


@pytest.mark.parametrize("program", ["apt-get", "dpkg", "gcc", "perl", "curl", "ssh"])
def test_what_nobody_needs_to_run_a_package_is_not(adapter, program):
    assert inside(adapter, "sh", "-c", f"command -v {program} || echo none") == "none"


def test_git_makes_commits_and_clones(adapter):
    commit = "git -c user.name=x -c user.email=x@example.com commit --quiet --allow-empty --message x"
    steps = f"git init --quiet /tmp/a && cd /tmp/a && {commit} && git clone --quiet /tmp/a /tmp/b && git -C /tmp/b log"
    assert "Author: x" in inside(adapter, "sh", "-c", steps)


@pytest.mark.parametrize(
    "question",
    [
        "import bz2, ctypes, lzma, readline, sqlite3, ssl, uuid, zlib, multiprocessing, asyncio, unittest.mock, venv",
        f"import ssl; assert ssl.create_default_context().cert_store_stats()['x509_ca'] > {CERTIFICATES}",
        "import zoneinfo; zoneinfo.ZoneInfo('Europe/Berlin')",
        "import socket; socket.getaddrinfo('localhost', 'https')",
        "import pathlib; pathlib.Path.home().joinpath('x').touch()",
        "import importlib.metadata as m; assert m.version('pip') and m.version('fastmcp')",
    ],
)
def test_what_a_server_may_need_of_python_is_there(adapter, question):
    inside(adapter, "python", "-W", "error", "-c", question)


@pytest.mark.parametrize(
    "library",
    [
        *("libc.so.6", "libm.so.6", "libdl.so.2", "librt.so.1", "libpthread.so.0", "libutil.so.1", "libresolv.so.2"),
        *("libgcc_s.so.1", "libstdc++.so.6", "libz.so.1", "libexpat.so.1"),
    ],
)
def test_what_prebuilt_packages_are_linked_to_is_there(adapter, library):
    inside(adapter, "python", "-c", f"import ctypes; ctypes.CDLL('{library}')")


def test_node_trusts_whom_the_base_image_trusts(adapter):
    ours = int(inside(adapter, "python", "-c", "import ssl; print(len(ssl.create_default_context().get_ca_certs()))"))
    theirs = int(inside(adapter, "node", "-p", "require('tls').getCACertificates('extra').length"))
    assert theirs == ours > CERTIFICATES


# What has been installed when it was built


@pytest.mark.parametrize("image", ["with_python", "with_npm"])
def test_what_is_in_it_starts_under_every_restriction_without_a_network(request, image):
    with container(request.getfixturevalue(image), *OFFLINE) as server:
        assert json.loads(server.python(READY))["tools_count"] > 1
        assert "Installing" not in server.log
        assert server.stop() == 0


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_a_client_starts_a_container_and_speaks_stdio_with_it(with_python, era):
    run = ["run", "--interactive", "--rm", *OFFLINE, with_python, "--transport", "stdio"]
    async with Client(StdioTransport(DOCKER, run), mode=era) as client:
        answer = await client.call_tool("get_current_time", {"timezone": "Europe/Berlin"})
    assert "Europe/Berlin" in str(answer.content)


def test_it_is_found_without_saying_where_it_is_from(adapter, with_python):
    with container(with_python, *OFFLINE, "--env", "MCP_RUNTIME=") as server:
        assert json.loads(server.python(READY))["tools_count"] > 1


def test_the_environment_of_the_adapters_process_cannot_be_read_by_another_one(adapter, with_python):
    read = (
        "import glob\n"
        "for found in glob.glob('/proc/[0-9]*/cmdline'):\n"
        "    if b'ship.adapter' in open(found, 'rb').read().split(b'\\0'):\n"
        "        try: print(open(found.replace('cmdline', 'environ')).read())\n"
        "        except PermissionError: print('refused')"
    )
    with container(with_python, *OFFLINE, "--env", "MCP_REQUEST_STATE_KEYS=" + "hunter2-" * 5) as server:
        said = server.python(read)
    assert said.splitlines()[-1] == "refused", said


def test_no_cache_is_left_in_it(with_python, with_npm):
    for image in (with_python, with_npm):
        assert not inside(image, "find", "/app/packages", "(", "-name", "tmp", "-o", "-name", "_cacache", ")")


def test_a_package_that_cannot_be_installed_fails_the_build_with_what_the_installer_said(adapter):
    package = f"no-such-package-{os.getpid()}"
    failed = make("adapter-image", "RUNTIME=npm", f"PACKAGE={package}", seconds=600)
    assert failed.returncode == 2
    assert f"adapter: MCP_PACKAGE={package}: expected a package that npm can install" in failed.stderr
    assert "E404" in failed.stderr


def test_a_builder_without_buildkit_builds_it_too(adapter):
    tag = baked(f"{adapter}-legacy", "npm", "@modelcontextprotocol/server-everything", DOCKER_BUILDKIT="0")
    with container(tag, *OFFLINE):
        docker("image", "rm", "--force", tag)


# What is installed at the start


@pytest.mark.parametrize("era", ["auto", "legacy"])
@pytest.mark.parametrize(
    ("package", "tool", "arguments", "said"),
    [
        ("@modelcontextprotocol/server-everything", "echo", {"message": "häßlich ✓"}, "häßlich ✓"),
        ("mcp-server-time>=2025.9", "get_current_time", {"timezone": "Europe/Berlin"}, "Europe/Berlin"),
    ],
    ids=["npm", "python"],
)
async def test_a_package_is_installed_and_called_over_http(adapter, package, tool, arguments, said, era):
    with container(adapter, *INSTALLING, *PUBLISH, "--env", f"MCP_PACKAGE={package}") as server:
        async with Client(StreamableHttpTransport(f"{server.url}/mcp"), mode=era) as client:
            answer = await client.call_tool(tool, arguments)
        assert server.stop() == 0
    assert said in str(answer.content)


def test_a_command_is_run_and_sees_what_it_is_told(adapter, tmp_path):
    script = tmp_path / "tell.py"
    script.write_text(TELL)
    script.chmod(0o755)
    mount = ("--volume", f"{script}:/tell.py:ro", "--env", "MCP_COMMAND=python /tell.py")
    told = [part for each in TOLD.items() for part in ("--env", "=".join(each))]
    with container(adapter, *OFFLINE, *mount, *told) as server:
        assert "told: hello None" in server.log


TOLD = {"MCP_CHILD_ENV_WORD": "hello", "MCP_AUTH": "token", "MCP_AUTH_TOKENS": "ann=0123456789abcdef0123"}
TELL = """\
import json, os, sys
print("told:", os.environ.get("WORD"), os.environ.get("MCP_AUTH_TOKENS"), file=sys.stderr)
for line in sys.stdin:
    asked = json.loads(line)
    if "id" in asked:
        result = {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "tell", "version": "1"}}
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}), flush=True)
"""


def test_a_package_that_nobody_has_ends_the_container_with_1_and_says_why(adapter):
    package = ("--env", "MCP_RUNTIME=python", "--env", f"MCP_PACKAGE=no-such-package-{os.getpid()}")
    with container(adapter, *INSTALLING, *package, healthy=False) as server:
        server.wait_until("{{.State.Status}} {{.State.ExitCode}}", "exited 1")
        assert "expected a package that pip can install" in server.log.splitlines()[-1]


def test_without_anything_to_run_it_says_what_is_expected(adapter):
    with container(adapter, *OFFLINE, healthy=False) as server:
        server.wait_until("{{.State.Status}} {{.State.ExitCode}}", "exited 1")
        [line] = server.log.splitlines()
        assert "MCP_PACKAGE is not set: expected" in line


def test_a_stop_while_it_installs_ends_the_container_with_0(adapter):
    package = ("--env", "MCP_RUNTIME=python", "--env", "MCP_PACKAGE=mcp-server-git")
    with container(adapter, *INSTALLING, *package, healthy=False) as server:
        assert server.stop() == 0
