"""The rules of the house: who imports whom, and what is stated once."""

import ast
import re
import subprocess
import sys
import tomllib

import pytest

from tests.support import ROOT

OURS = {"benchmarks", "k8s", "server", "serving", "ship", "tests", "tools"}
MAY_IMPORT = {
    "tools": {"tools"},
    "serving": {"serving"},
    "server.py": {"serving", "tools"},
    "ship/adapter": {"serving", "ship"},
    "ship/archive": {"serving", "ship"},
    "ship/aws_lambda": {"serving", "ship"},
    "ship/mcpb": {"serving", "ship", "tools"},
    "ship/copy": {"ship"},
    "ship/connect": {"serving", "ship"},
    "ship/image": {"serving", "ship"},
    "ship/registry.py": {"serving"},
    "k8s": {"k8s"},
    "benchmarks": {"benchmarks", "serving"},
    "benchmarks/adapter": {"benchmarks", "serving"},
}


def imports(folder_or_file: str) -> set[tuple[str, str]]:
    path = ROOT / folder_or_file
    found = set()
    for file in [path] if path.is_file() else path.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{file}: imports are absolute here"
                names = [node.module or ""]
            found |= {(str(file.relative_to(ROOT)), name.partition(".")[0]) for name in names}
    return found


@pytest.mark.parametrize("place", MAY_IMPORT)
def test_nobody_imports_what_is_not_his(place):
    wrong = {(file, name) for file, name in imports(place) if name in OURS - MAY_IMPORT[place]}
    assert not wrong


ALSO = {"mcpb": {"adapter", "archive"}, "aws_lambda": {"archive"}}
"""What a folder of ship/ needs besides itself: archives, and what runs the bundles that speak over stdio."""


def test_no_folder_of_ship_needs_another():
    for file in (ROOT / "ship").rglob("*.py"):
        folder = file.relative_to(ROOT / "ship").parts[0]
        needed = set(re.findall(r"(?:from|import) ship\.(\w+)", file.read_text()))
        assert needed <= {folder, *ALSO.get(folder, ())}, file


def test_nothing_prints_where_stdout_belongs_to_the_protocol():
    for file in [ROOT / "server.py", *(ROOT / "serving").rglob("*.py"), *(ROOT / "tools").rglob("*.py")]:
        calls = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
        assert not [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"], file


def test_every_module_of_the_chassis_has_its_twin_test():
    chassis, tests = ROOT / "serving", ROOT / "tests" / "serving"
    modules = {file.relative_to(chassis).with_suffix("") for file in chassis.rglob("*.py")}
    twins = {file.relative_to(tests).with_name(file.stem.removeprefix("test_")) for file in tests.rglob("test_*.py")}
    assert {module for module in modules if module.name not in ("__init__", "errors")} == twins


def test_the_locks_fit_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    locked = (ROOT / "requirements.txt").read_text()
    for name in re.findall(r"^[\w.-]+", "\n".join(project["dependencies"]), re.MULTILINE):
        assert f"\n{name}==" in locked
    in_both = [
        set(re.findall(r"^[\w.-]+==[\w.]+", text, re.MULTILINE))
        for text in (locked, (ROOT / "requirements-dev.txt").read_text())
    ]
    assert in_both[0] <= in_both[1]


@pytest.mark.parametrize("name", ["Makefile", "Dockerfile", "Dockerfile.production"])
def test_a_release_that_is_newer_than_the_lock_changes_nothing(name):
    assert (ROOT / name).read_text().count("--no-deps --require-hashes") == 1


def test_the_lock_leaves_nothing_out():
    done = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.production"])
def test_the_dockerfiles_need_no_builder_of_this_year(name):
    text = (ROOT / name).read_text()
    assert "ARG PYTHON_VERSION=3.13\n\nFROM python:${PYTHON_VERSION}-slim AS build\n" in text
    assert not re.search(r"^#\s*syntax|<<|--mount|--link|--chmod|--start-interval", text, re.MULTILINE)
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE) == ["1000:1000"]


def test_a_build_sees_only_what_is_named():
    first, *rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert (first, rules[-2:]) == ("*", ["**/__pycache__", "**/.*"])
    allowed = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    locks = {"requirements.txt", "requirements-dev.txt"}
    extras = {f"ship/{name}" for name in ("adapter", "archive", "aws_lambda", "mcpb")}
    assert allowed == locks | extras | {"pyproject.toml", "server.py", "serving", "tools"}
