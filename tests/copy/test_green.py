"""The tests of what was made of the template are green, whatever was chosen and deleted."""

import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from serving.identity import read_identity
from tests.copy.conftest import DICE, copy_of, git
from tests.copy.test_rendering import EXTRAS
from tests.pages import blocks
from tests.support import ROOT, environment

pytestmark = pytest.mark.thorough

TEST = '''"""Dice fall where they may."""

from tools.dice import roll


def test_a_die_shows_one_of_its_sides():
    assert roll(6) in range(1, 7)
'''
CHECKS = (("ruff", "check"), ("ruff", "format", "--check"), ("mypy",))
ALL_TESTS = ("pytest", "--numprocesses", "auto", "--dist", "loadfile")
OVERLAYS = [f"ship/{form}/k8s/kustomization.yaml" for form in ("adapter", "mcpb")]
QUICK_TESTS = (
    *("pytest", "--numprocesses", "auto", "tests/tools"),
    *(f"tests/test_{name}.py" for name in ("commands", "docs", "github", "house", "identity")),
)


@pytest.fixture(scope="module", autouse=True)
def shared(tmp_path_factory):
    """What all copies find again: what mypy has seen of the libraries, and the schemas that are not part of a copy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MYPY_CACHE_DIR", str(tmp_path_factory.mktemp("mypy")))
        patch.setenv("SCHEMAS_DIR", os.environ.get("SCHEMAS_DIR") or str(ROOT.parent / "shared" / "schemas"))
        yield


def is_green(folder, *commands):
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=folder, env=environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout


def test_a_lean_copy_whose_example_tools_were_deleted(template, tmp_path):
    copy = copy_of(template, tmp_path / "copy", name="memory", image="ghcr.io/me/memory")
    for examples in ("tools", "tests/tools"):
        shutil.rmtree(copy / examples)
        (copy / examples).mkdir()
    (copy / "tools" / "dice.py").write_text(DICE)
    (copy / "tests" / "tools" / "test_dice.py").write_text(TEST)
    # serving/ knows neither its server's name nor its tools, and a test of the house sees to that: once is enough
    is_green(copy, *CHECKS, (*ALL_TESTS, "--ignore=tests/serving"))


@pytest.mark.parametrize("extras", [[], *([extra] for extra in EXTRAS), EXTRAS], ids="+".join)
def test_no_extra_each_of_them_and_all(template, tmp_path, extras):
    copy = copy_of(template, tmp_path / "copy", name="weather", extras=extras)
    is_green(copy, *CHECKS, QUICK_TESTS)


@pytest.mark.parametrize("name", ["a", "on", "x" * 63])
def test_the_manifests_under_every_name(template, tmp_path, name):
    copy = copy_of(template, tmp_path / "copy", name=name, image=f"ghcr.io/me/{name}", extras=["operators"])
    is_green(copy, (*ALL_TESTS, "tests/k8s/test_manifests.py", "tests/k8s/operators", "tests/test_identity.py"))


def test_a_clone_becomes_a_server_with_two_edited_files(template, tmp_path):
    git(tmp_path, "clone", "--quiet", str(template), "clone")
    clone = tmp_path / "clone"

    def edit(name: str) -> None:
        text = (clone / name).read_text().replace(read_identity().version, "1.2.3")
        (clone / name).write_text(text.replace(read_identity().name, "weather"))

    edit("pyproject.toml")
    edit("k8s/identity/kustomization.yaml")
    [remove] = [line for line in blocks("sh").splitlines() if line.startswith("git rm ")]
    git(clone, *shlex.split(remove)[1:])
    command = [sys.executable, "-m", "pytest", "--quiet", "tests/test_identity.py"]
    named = subprocess.run(command, cwd=clone, env=environment(), capture_output=True, text=True, check=False).stdout
    assert re.findall(r"^E +AssertionError: (.*)", named, re.MULTILINE) == [
        "README.md, mcp-name behind its owner: expected weather",
        "README.md, heading: expected weather",
        "CHANGELOG.md: expected ## 1.2.3",
        f"{', '.join(OVERLAYS)}: the template's name is still there",
    ]
    for overlay in OVERLAYS:
        edit(overlay)
    (clone / "README.md").write_text("# weather\n")
    (clone / "CHANGELOG.md").write_text("## 1.2.3\n")
    is_green(clone, *CHECKS, (*QUICK_TESTS, "tests/ship/adapter/test_overlay.py", "tests/ship/mcpb/test_overlay.py"))
