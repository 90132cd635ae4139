"""What is in the images, and what they say of themselves."""

import json
import re
import shutil
import subprocess
import tarfile
from fnmatch import filter as matching

import pytest

from serving.identity import read_identity
from serving.settings import Settings
from ship.image.engine import DOCKER
from tests.container.engine import docker
from tests.support import ROOT, copy_of_this_server


@pytest.fixture(scope="module")
def files(images) -> dict[str, tarfile.TarInfo]:
    """Every file and folder of the production image by its path."""
    container = docker("create", images["production"])
    with (
        subprocess.Popen([DOCKER, "export", container], stdout=subprocess.PIPE) as export,
        tarfile.open(fileobj=export.stdout, mode="r|") as archive,
    ):
        found = {member.name.rstrip("/"): member for member in archive}
    docker("rm", container)
    return found


@pytest.fixture
def config(image):
    return json.loads(docker("image", "inspect", "--format", "{{json .Config}}", image))


def test_both_images_say_what_they_are_and_how_they_run(config):
    identity = read_identity()
    port = Settings.model_fields["port"].default
    assert config["User"] == "1000:1000"
    assert config["WorkingDir"] == "/app"
    assert config["ExposedPorts"] == {f"{port}/tcp": {}}
    assert config["StopSignal"] == "SIGTERM"
    assert config["Healthcheck"]["Test"] == ["CMD", "python", "-m", "serving.check"]
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in config["Labels"].items()}
    assert (labels["title"], labels["version"]) == (identity.name, identity.version)
    assert labels["description"] == identity.description
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?", labels["revision"])


def test_what_ships_says_what_registries_call_it(images):
    labels = json.loads(docker("image", "inspect", "--format", "{{json .Config.Labels}}", images["production"]))
    assert labels["io.modelcontextprotocol.server.name"].endswith(f"/{read_identity().name}")


def test_production_holds_no_program_but_python_and_its_init(files):
    programs = {path for path in files if re.search("/s?bin/", path)}
    python = {path for path in programs if re.fullmatch(r"usr/local/bin/python[\d.]*", path)}
    assert programs == python | {"usr/bin/tini"}
    assert not [path for path in files if re.search("/(pip|ensurepip|setuptools)(/|$)", path)]


def test_production_holds_of_this_repository_only_what_the_server_needs(files):
    ours = {path.split("/")[1] for path in files if path.startswith("app/")} - {"__pycache__"}
    assert ours == {"server.py", "pyproject.toml", "serving", "tools"}
    assert not [path for path in files if "test_" in path and path.startswith("app/")]


@pytest.mark.parametrize("file", ["Dockerfile", "Dockerfile.production"])
def test_a_careless_folder_makes_no_careless_image(images, tmp_path, file):
    for name in ("Dockerfile", "Dockerfile.production", ".dockerignore", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    copy_of_this_server(tmp_path, {".env": "SECRET=1", "mine.py": ""})
    (tmp_path / "tools" / "__pycache__").mkdir()
    (tmp_path / "tools" / "__pycache__" / "stale.pyc").touch()
    for path in tmp_path.rglob("*"):
        path.chmod(0o777)
    tag = f"{images['production']}-careless"
    docker("build", "--quiet", "--file", str(tmp_path / file), "--tag", tag, str(tmp_path), seconds=600)
    code = "import pathlib; print(*(f'{oct(p.stat().st_mode)}:{p}' for p in pathlib.Path('/app').rglob('*')))"
    said = docker("run", "--rm", "--entrypoint", "python", tag, "-c", code)
    found = {path: mode for mode, path in (one.split(":") for one in said.split())}
    docker("image", "rm", tag)
    assert "/app/tools/mine.py" in found
    assert not [path for path in found if "SECRET" in path or ".env" in path or "stale" in path]
    assert not [path for path, mode in found.items() if int(mode, 8) & 0o022]


def test_everything_in_production_is_compiled(files):
    assert not matching(files, "usr/local/lib/*.py")
    version = next(path for path in files if re.fullmatch(r"usr/local/bin/python3\.\d+", path)).rpartition("3.")[2]
    for path in matching(files, "app/*.py"):
        folder, _, name = path.rpartition("/")
        assert f"{folder}/__pycache__/{name.removesuffix('.py')}.cpython-3{version}.pyc" in files


def test_nobody_but_root_could_change_what_is_in_production(files):
    for path, member in files.items():
        if path.split("/")[0] not in ("dev", "proc", "sys", ".dockerenv"):
            assert (member.uid, member.gid) == (0, 0), path
            assert member.issym() or path == "tmp" or not member.mode & 0o022, path
            assert not member.mode & 0o6000, path
    assert files["tmp"].mode & 0o7777 == 0o1777


def test_production_has_every_package_of_the_lock_and_no_other(production):
    code = "from importlib.metadata import distributions as d; print(*(f'{x.name}=={x.version}' for x in d()))"
    found = docker("run", "--rm", "--network", "none", "--entrypoint", "python", production, "-c", code)
    installed = {name.lower().replace("_", "-").replace(".", "-") for name in re.findall(r"(\S+)==", found)}
    locked = dict(re.findall(r"^([\w.-]+)==\S+ ?;?(.*)\\$", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    assert installed <= set(locked)
    assert {name for name, marker in locked.items() if not marker.strip()} <= installed


@pytest.mark.parametrize(
    "question",
    [
        "import bz2, ctypes, lzma, readline, sqlite3, ssl, uuid, zlib, multiprocessing, asyncio, unittest.mock",
        "import ssl; assert ssl.create_default_context().cert_store_stats()['x509_ca'] > 50",
        "import zoneinfo; zoneinfo.ZoneInfo('Europe/Berlin')",
        "import pathlib, tempfile; tempfile.TemporaryFile(); pathlib.Path.home().joinpath('x').touch()",
        "import getpass; getpass.getuser()",
        "import socket; socket.getaddrinfo('localhost', 'https')",
        "import locale; locale.setlocale(locale.LC_ALL, '')",
        "print('häßlich ✓')",
    ],
)
def test_what_a_tool_may_need_works_in_production(production, question):
    docker("run", "--rm", "--network", "none", "--entrypoint", "python", production, "-W", "error", "-c", question)
