"""Packages for Lambda: resolved and installed by uv, here from a folder of tiny wheels and without a network."""

import hashlib
import os
import re
import sys
import tomllib
import zipfile

import pytest
from packaging.requirements import Requirement

from ship.aws_lambda.pack.errors import BuildError
from ship.aws_lambda.pack.order import PYTHONS, Target
from ship.aws_lambda.pack.packages import EVENTS, install, lock_of_this_server, resolve, uv
from ship.aws_lambda.pack.requirements import OF_LAMBDA
from tests.support import ROOT

TARGET = Target(python="3.12", architecture="arm64")
OURS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
LOCKED = (ROOT / "requirements.txt").read_text() + (ROOT / "ship/aws_lambda/requirements.txt").read_text()
BACKEND = """
open({witness!r}, "w")
def get_requires_for_build_wheel(settings=None):
    return []
"""


def locked(name):
    [version] = re.findall(rf"^{name}==([\w.]+)", LOCKED, re.MULTILINE)
    return str(version)


def wheel(folder, name, version, *needs, tag="py3-none-any"):
    """Write a wheel with one module and these requirements."""
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {name}",
        f"Version: {version}",
        *(f"Requires-Dist: {one}" for one in needs),
    ]
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"{name.replace('-', '_')}-{version}-{tag}.whl", "w") as archive:
        archive.writestr(f"{name.replace('-', '_')}.py", "")
        archive.writestr(f"{info}/METADATA", "\n".join(lines) + "\n")
        archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """What uv remembers of this Python from test to test; the wheels of each are in a folder of their own."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def wheels(tmp_path, monkeypatch, cache):
    """A folder that is all that uv knows: what we need, and the boto3 of Lambda and another one."""
    folder = tmp_path / "wheels"
    for one in (*OURS, EVENTS):
        # Not the version of the lock, whose hashes would be taken for those of these wheels.
        wheel(folder, Requirement(one).name, f"{locked(Requirement(one).name)}.post9")
    for version in ("1.0", "2.0"):
        wheel(folder, "boto3", version, f"botocore=={version}", "s3transfer", "jmespath")
        wheel(folder, "botocore", version, "jmespath", "python-dateutil")
    for name in ("s3transfer", "jmespath", "python-dateutil"):
        wheel(folder, name, "1.0")
    for name in [name for name in os.environ if name.startswith("UV_")]:
        monkeypatch.delenv(name)
    (tmp_path / "index").mkdir()
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_DEFAULT_INDEX", (tmp_path / "index").as_uri())
    monkeypatch.setenv("UV_FIND_LINKS", str(folder))
    monkeypatch.setenv("UV_CACHE_DIR", str(cache))
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    return folder


def guest(tmp_path, text, name="requirements.txt"):
    """A guest's file that says what it needs."""
    folder = tmp_path / "guest"
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


def resolved(tmp_path, requirements, target=TARGET):
    """What is resolved, each with its version."""
    resolve(requirements, target, tmp_path / "packages.txt")
    return dict(re.findall(r"^([\w.-]+)==([\w.]+)", (tmp_path / "packages.txt").read_text(), re.MULTILINE))


def reason(tmp_path, requirements):
    """The one line that says why they cannot be resolved."""
    with pytest.raises(BuildError) as raised:
        resolve(requirements, TARGET, tmp_path / "packages.txt")
    assert len(str(raised.value).splitlines()) == 1
    return str(raised.value)


def test_what_a_guest_needs_and_what_we_need_is_one_set_and_can_be_installed(tmp_path, wheels):
    wheel(wheels, "six", "1.0")
    wheel(wheels, "six", "2.0")
    found = resolved(tmp_path, guest(tmp_path, "six<2\n"))
    assert found["six"] == "1.0"
    assert found.keys() == {"six", EVENTS, *(Requirement(one).name for one in OURS)}
    install(tmp_path / "packages.txt", TARGET, tmp_path / "packages")
    assert {"six.py", "mangum.py", "fastmcp.py"} <= {path.name for path in (tmp_path / "packages").iterdir()}


def test_without_requirements_it_is_what_we_need(tmp_path, wheels):
    assert resolved(tmp_path, None).keys() == {EVENTS, *(Requirement(one).name for one in OURS)}


def test_what_we_are_locked_to_is_preferred_to_what_is_newer(tmp_path, wheels):
    wheel(wheels, EVENTS, locked(EVENTS))
    assert resolved(tmp_path, None)[EVENTS] == locked(EVENTS)
    wanted = guest(tmp_path, f"{EVENTS}!={locked(EVENTS)}\n")
    assert resolved(tmp_path, wanted)[EVENTS] == f"{locked(EVENTS)}.post9"


def test_the_boto3_of_lambda_is_not_brought_along(tmp_path, wheels):
    found = resolved(tmp_path, guest(tmp_path, "boto3\npython-dateutil\n"))
    assert found.keys().isdisjoint(OF_LAMBDA)
    assert "python-dateutil" in found


def test_a_boto3_of_which_a_guest_names_the_version_is(tmp_path, wheels):
    found = resolved(tmp_path, guest(tmp_path, "boto3==1.0\n"))
    assert {found.get(one) for one in OF_LAMBDA} == {"1.0"}


def test_a_boto3_that_another_package_needs_comes_along(tmp_path, wheels):
    wheel(wheels, "aio", "1.0", "botocore==1.0")
    found = resolved(tmp_path, guest(tmp_path, "aio\n"))
    assert (found["botocore"], found["jmespath"]) == ("1.0", "1.0")


def test_a_wheel_for_another_machine_is_not_taken(tmp_path, wheels):
    wheel(wheels, "native", "1.0", tag="cp312-cp312-manylinux_2_17_x86_64")
    requirements = guest(tmp_path, "native\n")
    assert resolved(tmp_path, requirements, Target(python="3.12", architecture="x86_64"))["native"] == "1.0"
    assert reason(tmp_path, requirements).startswith("these packages cannot be had together: ")


@pytest.mark.parametrize("python", [PYTHONS[0], PYTHONS[1]])
def test_a_wheel_for_a_newer_system_is_taken_where_lambda_has_that(tmp_path, wheels, python):
    wheel(wheels, "native", "1.0", tag="py3-none-manylinux_2_17_aarch64")
    wheel(wheels, "native", "2.0", tag="py3-none-manylinux_2_34_aarch64")
    found = resolved(tmp_path, guest(tmp_path, "native\n"), Target(python=python, architecture="arm64"))
    assert found["native"] == ("1.0" if python == "3.11" else "2.0")  # Amazon Linux 2 is older


def test_what_is_not_what_was_locked_is_not_installed(tmp_path, wheels, monkeypatch):
    resolved(tmp_path, None)
    wheel(wheels, EVENTS, f"{locked(EVENTS)}.post9", "another")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))  # it remembers which hash that wheel had
    with pytest.raises(BuildError, match=r"^the packages cannot be had: .*[Hh]ash"):
        install(tmp_path / "packages.txt", TARGET, tmp_path / "packages")


def test_packages_that_do_not_go_together_are_named(tmp_path, wheels):
    line = reason(tmp_path, guest(tmp_path, f"{EVENTS}==0.1\n"))
    assert line.startswith("these packages cannot be had together: ")
    assert EVENTS in line


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("requirements.txt", "-e {folder}\n"),
        ("requirements.txt", "hostile @ {folder}\n"),
        ("requirements.txt", "--only-binary :none:\nhostile @ {folder}\n"),
        ("requirements.txt", "--no-binary :all:\nhostile @ {folder}\n"),
        ("requirements.txt", "hostile @ {folder}\n \t--no-binary=hostile\n"),
        ("requirements.txt", "-r more.txt\nhostile @ {folder}\n"),
        ("requirements.txt", "--constraint=sub/most.txt\nhostile @ {folder}\n"),
        ("pyproject.toml", ""),
    ],
    ids=["editable", "folder", "only-none", "no-binary-all", "no-binary", "included", "constraint", "dynamic"],
)
def test_nothing_of_a_guest_is_run(tmp_path, wheels, name, text):
    folder = guest(tmp_path, BACKEND.format(witness=str(tmp_path / "was_run")), "backend.py").parent
    project = '[project]\nname = "hostile"\nversion = "1"\ndynamic = ["dependencies"]\n'
    built = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    guest(tmp_path, f"{project}{built}", "pyproject.toml")
    guest(tmp_path, "--no-binary hostile\n", "more.txt")
    guest(tmp_path, "-c ../more.txt\n", "sub/most.txt")
    if text:
        guest(tmp_path, text.format(folder=folder.as_uri()), name)
    assert reason(tmp_path, folder / name)
    assert not (tmp_path / "was_run").exists()


def test_a_hash_that_a_guest_names_is_the_only_one_that_is_taken(tmp_path, wheels):
    index = tmp_path / "index" / "six"
    for tag in ("py3-none-any", "py3-none-manylinux_2_17_aarch64"):
        wheel(index, "six", "1.0", tag=tag)
    hashes = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in index.iterdir()}
    links = [f'<a href="{name}#sha256={sha256}">{name}</a>' for name, sha256 in hashes.items()]
    (index / "index.html").write_text("\n".join(links))
    theirs = hashes["six-1.0-py3-none-any.whl"]
    resolve(guest(tmp_path, "six==1.0\n"), TARGET, tmp_path / "packages.txt")
    assert all(sha256 in (tmp_path / "packages.txt").read_text() for sha256 in hashes.values())
    resolve(guest(tmp_path, f"six==1.0 --hash=sha256:{theirs}\n"), TARGET, tmp_path / "packages.txt")
    [line] = re.findall(r"^six==.*\n(?: +.*\n)*", (tmp_path / "packages.txt").read_text(), re.MULTILINE)
    assert re.findall("sha256:(\\w+)", line) == [theirs]
    install(tmp_path / "packages.txt", TARGET, tmp_path / "packages")
    assert (tmp_path / "packages" / "six.py").is_file()


def test_a_hash_that_nothing_has_is_said(tmp_path, wheels):
    wheel(wheels, "six", "1.0")
    assert reason(tmp_path, guest(tmp_path, f"six --hash=sha256:{'0' * 64}\n")).startswith("six: ")


def test_what_constrains_is_no_requirement(tmp_path, wheels):
    for version in ("1.0", "2.0"):
        wheel(wheels, "six", version)
        wheel(wheels, "attrs", version)
    guest(tmp_path, "six<2\nattrs<2\n", "most.txt")
    found = resolved(tmp_path, guest(tmp_path, "-c most.txt\nsix\n"))
    assert found["six"] == "1.0"
    assert "attrs" not in found


def test_this_server_gets_what_it_is_locked_to(tmp_path):
    lock_of_this_server(tmp_path / "packages.txt")
    text = (tmp_path / "packages.txt").read_text()
    assert text.startswith((ROOT / "requirements.txt").read_text())
    assert re.findall(r"^([\w.-]+)==", text, re.MULTILINE)[-1] == EVENTS
    assert text.count("--hash") == (ROOT / "requirements.txt").read_text().count("--hash") + 2


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Put a script where uv is found, and nothing beside this Python."""

    def put(script):
        path = tmp_path / "bin" / "uv"
        path.parent.mkdir()
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
        monkeypatch.setenv("PATH", f"{path.parent}{os.pathsep}{os.environ['PATH']}")

    return put


def test_uv_gets_nothing_of_what_the_build_may_do(program, monkeypatch):
    others = {"AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "ZIP_URL", "ZIP_SHA256", "S3_KEY", "PIP_INDEX_URL", "TOKEN"}
    for name in (*others, "UV_INDEX_URL", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "hunter2")
    program("env")
    names = [line.partition("=")[0] for line in uv([], "failed").splitlines()]
    assert others.isdisjoint(names)
    assert {"UV_INDEX_URL", "HTTPS_PROXY", "PATH"} <= set(names)


@pytest.mark.parametrize("address", ["https://user:hunter2@example.com/simple", "https://u:hun@hunter2@example.com/x"])
def test_what_uv_says_is_one_line_without_passwords(program, address):
    program(f"printf 'error: no such thing\\n  at {address}\\n' >&2; exit 2")
    with pytest.raises(BuildError) as raised:
        uv([], "these packages cannot be had")
    path = address.rpartition("@")[2]
    assert str(raised.value) == f"these packages cannot be had: error: no such thing at https://{path}"


def test_without_uv_that_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildError, match=r"^uv is needed to get packages, and was not found$"):
        uv([], "failed")
