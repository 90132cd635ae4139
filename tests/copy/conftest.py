"""This repository as a template, and what is made of it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from copier import run_copy

from tests.support import LEFT_OUT, OURS, ROOT

DICE = '''"""Dice."""

import secrets

from fastmcp.tools import tool


@tool
def roll(sides: int) -> int:
    """Roll a die."""
    return secrets.randbelow(sides) + 1
'''
"""A tool of somebody's own."""


@pytest.fixture(scope="package", autouse=True)
def somebody():
    """Commits need an author; nobody's own hooks and signatures take part, and no repository from outside."""
    told = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    for role in ("AUTHOR", "COMMITTER"):
        told |= {f"GIT_{role}_NAME": "Somebody", f"GIT_{role}_EMAIL": "somebody@example.com"}
    with pytest.MonkeyPatch.context() as patch:
        for name in filter(OURS.match, list(os.environ)):
            patch.delenv(name)
        for name, value in told.items():
            patch.setenv(name, value)
        yield


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def release(folder: Path, tag: str) -> None:
    """Commit everything there is, and tag it; packed as what is fetched is, because Copier walks all files of .git."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", tag)
    git(folder, "tag", tag)
    git(folder, "gc", "--quiet")


@pytest.fixture(scope="package")
def unversioned(tmp_path_factory) -> Path:
    """This repository as it is in this folder, without git."""
    folder = tmp_path_factory.mktemp("template") / "unversioned"
    shutil.copytree(ROOT, folder, ignore=LEFT_OUT)
    return folder


@pytest.fixture(scope="package")
def template(unversioned) -> Path:
    """This repository as it is in this folder, released as v0.1.0."""
    folder = unversioned.with_name("released")
    shutil.copytree(unversioned, folder)
    git(folder, "init", "--quiet", "--initial-branch=main")
    release(folder, "v0.1.0")
    return folder


def copy_of(template: Path, folder: Path, **answers: object) -> Path:
    """Make a copy as `copier copy --defaults` does."""
    run_copy(str(template), folder, answers, defaults=True, quiet=True)
    return folder


def files(folder: Path) -> dict[str, Path]:
    """Every file below a folder by its path from there, but for git's own."""
    return {
        str(path.relative_to(folder)): path
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }
