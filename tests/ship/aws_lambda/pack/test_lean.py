"""What Lambda never needs is left out, and what it would compile at each start is compiled."""

import marshal
import shutil
import sys
from pathlib import Path

import pytest

from ship.aws_lambda.pack.errors import BuildError
from ship.aws_lambda.pack.guest import files_of
from ship.aws_lambda.pack.lean import bytes_of, compile_all, prune, python_of
from ship.aws_lambda.pack.order import Target

THIS = f"{sys.version_info.major}.{sys.version_info.minor}"
ANOTHER = "3.14" if THIS != "3.14" else "3.13"
KEPT = {
    "pkg/__init__.py",
    "pkg/tests.py",
    "pkg/testing/x.py",
    "pkg/data.json",
    "pkg/fast.so",
    "pkg/bin/tool",
    "pkg/py.typed",
    "pkg/__init__.pyi",
    "pkg-1.dist-info/METADATA",
    "pkg-1.dist-info/entry_points.txt",
    "pkg-1.dist-info/licenses/LICENSE",
}
LEFT_OUT = {
    "bin/tool",
    "include/x.h",
    "share/man/x.1",
    "tests/test_x.py",
    "pkg/tests/test_x.py",
    "pkg/fast.pyx",
    "pkg/fast.pxd",
    "pkg/fast.c",
    "pkg/fast.h",
    "pkg/fast.a",
    "pkg/__pycache__/__init__.cpython-311.pyc",
    "pkg-1.dist-info/RECORD",
    ".lock",
}


@pytest.fixture
def folder(tmp_path):
    """Write files into a new folder."""

    def write(where, files):
        for name, content in files.items():
            path = tmp_path / where / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return tmp_path / where

    return write


def code_of(folder, name):
    """The flags and the code of a module's bytecode."""
    path = folder / name
    [compiled] = (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc")
    content = compiled.read_bytes()
    return int.from_bytes(content[4:8], "little"), marshal.loads(content[16:])  # noqa: S302  made a moment ago


def test_of_packages_what_is_needed_stays_and_what_is_not_goes(folder):
    packages = folder("packages", dict.fromkeys(KEPT | LEFT_OUT, b"1234"))
    guest = folder("guest", {"server.py": b"", "tests/data.json": b"1", "fast.c": b"1", "bin/run": b"1"})
    before = bytes_of(packages)
    assert prune(packages, guest) == 4 * len(LEFT_OUT)
    assert bytes_of(packages) == before - 4 * len(LEFT_OUT)
    assert set(files_of(packages)) == KEPT
    assert set(files_of(guest)) == {"server.py", "tests/data.json", "fast.c", "bin/run"}


def test_of_a_guest_only_old_bytecode_goes(folder):
    guest = folder("guest", {"a/__pycache__/x.pyc": b"123", "__pycache__/y.pyc": b"12", "a/x.py": b"1"})
    assert prune(folder("packages", {"x.py": b""}), guest) == 5
    assert set(files_of(guest)) == {"a/x.py"}


def test_modules_are_compiled_as_what_they_are_in_lambda(folder):
    guest = folder("guest", {"server.py": b"x = 1\n", "src/deep/x.py": b"def f(): pass\n"})
    compile_all(sys.executable, guest)
    packages = folder("packages", {"pkg/__init__.py": b"x = 1\n"})
    compile_all(sys.executable, packages, "__boot__/packages")
    found = {
        name: code_of(where, name)
        for where, name in ((guest, "server.py"), (guest, "src/deep/x.py"), (packages, "pkg/__init__.py"))
    }
    assert {name: code.co_filename for name, (_, code) in found.items()} == {
        "server.py": "/var/task/server.py",
        "src/deep/x.py": "/var/task/src/deep/x.py",
        "pkg/__init__.py": "/var/task/__boot__/packages/pkg/__init__.py",
    }
    assert {flags for flags, _ in found.values()} == {0b01}  # PEP 552: by a hash, which nobody looks at


def test_compiling_twice_makes_the_same_bytes(folder):
    one, two = (folder(name, {"server.py": b"x = {1, 2, 'a'}\n"}) for name in ("one", "two"))
    for guest in (one, two):
        compile_all(sys.executable, guest)
    assert [path.read_bytes() for path in one.rglob("*.pyc")] == [path.read_bytes() for path in two.rglob("*.pyc")]


@pytest.mark.parametrize(
    "content",
    [
        b"print 'Python 2'\n",
        b"x = {{ name }}\n{% if %}",
        b"\xff\xfe",
        b"x = 1\0",
        b"# coding: no-such\n",
        b"x = '\\d'",
        b"1 is 1",
    ],
    ids=["python-2", "template", "no-text", "nul", "no-such-coding", "escape", "warning"],
)
def test_a_file_that_is_no_python_fails_nothing(folder, content):
    guest = folder("guest", {"broken.py": content, "good.py": b"x = 1\n"})
    compile_all(sys.executable, guest)
    assert code_of(guest, "good.py")[0] == 0b01


def test_nothing_is_run_by_compiling(folder, tmp_path):
    code = f"open({str(tmp_path / 'was_run')!r}, 'w')\n".encode()
    guest = folder("guest", dict.fromkeys(("server.py", "sitecustomize.py", "compileall.py", "usercustomize.py"), code))
    compile_all(sys.executable, guest)
    assert not (tmp_path / "was_run").exists()


def test_a_python_that_cannot_compile_is_said_in_one_line(folder):
    broken = folder("bin", {"python": b"#!/bin/sh\nprintf 'Traceback:\\nno such module\\n' >&2; exit 2\n"}) / "python"
    broken.chmod(0o755)
    with pytest.raises(BuildError, match=r"^modules cannot be compiled: no such module$"):
        compile_all(str(broken), folder("guest", {"x.py": b""}))


def test_for_its_own_version_this_python_is_taken(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert python_of(Target(python=THIS, architecture="arm64")) == sys.executable


def program(folder, name, script):
    path = folder("bin", {name: f"#!/bin/sh\n{script}\n".encode()}) / name
    path.chmod(0o755)
    return path


def test_another_python_is_taken_from_path(folder, monkeypatch):
    installed = program(folder, f"python{ANOTHER}", "exit 0")
    monkeypatch.setenv("PATH", str(installed.parent))
    assert python_of(Target(python=ANOTHER, architecture="x86_64")) == str(installed)


def alone(monkeypatch, tmp_path, path):
    """Leave the uv beside this Python out, and have only these programs."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere" / "python"))
    monkeypatch.setenv("PATH", str(path))


def test_one_that_is_only_a_name_is_not_taken_and_uv_gets_one(folder, monkeypatch, tmp_path):
    shim = program(folder, f"python{ANOTHER}", "echo 'pyenv: command not found' >&2; exit 127")
    program(folder, "uv", f'[ "$2" = install ] && echo "$@" > {tmp_path}/said || echo /got/python')
    alone(monkeypatch, tmp_path, shim.parent)
    assert python_of(Target(python=ANOTHER, architecture="x86_64")) == "/got/python"
    assert ANOTHER in Path(tmp_path / "said").read_text().split()


def test_one_that_cannot_be_had_is_said_in_one_line(folder, monkeypatch, tmp_path):
    alone(monkeypatch, tmp_path, program(folder, "uv", "printf 'error:\\n no network\\n' >&2; exit 2").parent)
    with pytest.raises(BuildError, match=f"^Python {ANOTHER} is needed to compile, .*: error: no network$"):
        python_of(Target(python=ANOTHER, architecture="x86_64"))
    shutil.rmtree(tmp_path / "bin")
    with pytest.raises(BuildError, match=r"^uv is needed"):
        python_of(Target(python=ANOTHER, architecture="x86_64"))
