"""The first thing a copier does is delete the example tools."""

import shutil
import subprocess
import sys

import pytest

from tests.support import ROOT, environment

pytestmark = pytest.mark.thorough

TOOL = '''"""Dice."""

import secrets

from fastmcp.tools import tool


@tool
def roll(sides: int) -> int:
    """Roll a die."""
    return secrets.randbelow(sides) + 1
'''
TEST = '''"""Dice fall where they may."""

from tools.dice import roll


def test_a_die_shows_one_of_its_sides():
    assert roll(6) in range(1, 7)
'''


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """This repository with one tool of somebody else's instead of the examples."""
    folder = tmp_path_factory.mktemp("other") / "server"
    left_out = shutil.ignore_patterns(".git", ".venv", ".*_cache", "__pycache__", "node_modules", ".env")
    shutil.copytree(ROOT, folder, ignore=left_out)
    for examples in ("tools", "tests/tools"):
        shutil.rmtree(folder / examples)
        (folder / examples).mkdir()
    (folder / "tools" / "dice.py").write_text(TOOL)
    (folder / "tests" / "tools" / "test_dice.py").write_text(TEST)
    return folder


@pytest.mark.parametrize(
    "command",
    [("pytest", "--numprocesses", "auto", "--dist", "loadfile"), ("ruff", "check"), ("mypy",)],
    ids=lambda command: command[0],
)
def test_everything_stays_green_with_other_tools(other, command):
    result = subprocess.run(
        [sys.executable, "-m", *command], cwd=other, env=environment(), capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout
