"""`make update`: what is new in the template, without losing what is somebody's own."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.copy.conftest import DICE, files, git, release
from tests.pages import blocks
from tests.support import environment, make, run

pytestmark = pytest.mark.thorough
SECONDS = 180
"""An update makes three copies: 5 seconds alone, and on a busy machine many times that."""


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1, f"{file}: {old}"
    file.write_text(text.replace(old, new))


@pytest.fixture
def mine(template, tmp_path) -> Path:
    """A copy of v0.1.0 with tools, settings, a dependency and a front page of its own."""
    assert make("new", "NAME=weather", f"DEST={tmp_path / 'weather'}", cwd=template).returncode == 0
    folder = tmp_path / "weather"
    for example in files(folder / "tools").keys() - {"__init__.py"}:
        (folder / "tools" / example).unlink()
    for test in files(folder / "tests" / "tools").values():
        test.unlink()
    (folder / "tools" / "dice.py").write_text(DICE)
    (folder / "README.md").write_text("# weather\n<!-- mcp-name: io.github.me/weather -->\n\nAll about the weather.\n")
    edit(folder / "CHANGELOG.md", "- The first one.", "- Dice.")
    edit(folder / "pyproject.toml", 'version = "0.1.0"', 'version = "1.2.3"')
    edit(folder / "pyproject.toml", '    "fastmcp~=4.1",\n', '    "fastmcp~=4.1",\n    "dice~=4.0",\n')
    overlay = folder / "k8s" / "overlays" / "production" / "kustomization.yaml"
    edit(overlay, "literals:", "literals:\n      - MCP_RATE_LIMIT=60")
    release(folder, "mine")
    return folder


@pytest.fixture
def newer(template, mine) -> Path:
    """The template after its v0.2.0, which changes, adds and removes, in part next to what is somebody's own."""
    folder = mine.with_name("template")
    git(mine.parent, "clone", "--quiet", str(template), "template")
    edit(mine / ".copier-answers.yml", str(template), str(folder))
    git(mine, "commit", "--all", "--quiet", "--message", "moved")
    for name in ("pyproject.toml", "pyproject.toml.jinja"):
        edit(folder / name, '    "prometheus-client~=0.22",', '    "prometheus-client~=0.25",')
    edit(folder / "README.md", "Model Context Protocol", "Marvellous Context Protocol")
    (folder / "serving" / "new.py").write_text('"""New."""\n')
    (folder / "docs" / "scale.md").unlink()
    (folder / "tools" / "text.py").write_text(DICE.replace("roll", "throw"))
    release(folder, "v0.2.0")
    (folder / "serving" / "unreleased.py").write_text('"""Unreleased."""\n')
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "later")
    return folder


def command(beginning: str) -> list[str]:
    """The words of the one command of docs/update.md that begins so."""
    [found] = {line for line in blocks("sh").splitlines() if line.startswith(beginning)}
    return shlex.split(found, comments=True)


def update(mine: Path, *arguments: str) -> None:
    done = make("update", *arguments, cwd=mine, seconds=SECONDS)
    assert done.returncode == 0, done.stderr


def test_what_is_new_comes_and_what_is_mine_stays(newer, mine):
    before = {path: file.read_bytes() for path, file in files(mine).items()}
    update(mine)
    after = {path: file.read_bytes() for path, file in files(mine).items()}
    assert after.keys() - before.keys() == {"serving/new.py"}
    assert before.keys() - after.keys() == {"docs/scale.md"}
    changed = {path for path in before.keys() & after.keys() if before[path] != after[path]}
    assert changed == {".copier-answers.yml", "pyproject.toml"}
    project = (mine / "pyproject.toml").read_text()
    for line in ('version = "1.2.3"', '"dice~=4.0"', '"prometheus-client~=0.25"'):
        assert line in project
    assert yaml.safe_load((mine / ".copier-answers.yml").read_text())["_commit"] == "v0.2.0"
    assert "<<<<<<<" not in "".join(file.read_text(errors="ignore") for file in files(mine).values())


def test_it_comes_from_an_address_as_make_new_writes_it(newer, mine, tmp_path):
    edit(mine / ".copier-answers.yml", str(newer), f"git+file://{newer}")
    release(mine, "address")
    cache = str(tmp_path / "cache")  # where Copier keeps what it has fetched
    done = make("update", cwd=mine, seconds=SECONDS, XDG_CACHE_HOME=cache)
    assert done.returncode == 0, done.stderr
    assert (mine / "serving" / "new.py").exists()


def test_it_runs_afterwards(newer, mine):
    update(mine)
    done = run("--help", script=mine / "server.py", cwd=mine)
    assert done.returncode == 0, done.stderr


def test_where_both_changed_the_same_line_both_stand_there(newer, mine):
    edit(mine / "pyproject.toml", '"prometheus-client~=0.22"', '"prometheus-client~=0.23"')
    release(mine, "another")
    update(mine)
    assert git(mine, "diff", "--name-only", "--diff-filter=U") == "pyproject.toml"
    conflict = (mine / "pyproject.toml").read_text()
    both = r"<<<<<<< before updating\n.*0\.23.*\n=======\n.*0\.25.*\n>>>>>>> after updating"
    assert re.search(both, conflict, re.DOTALL)


def test_locks_in_conflict_are_the_templates_plus_what_is_mine(newer, mine):
    older = make("lock", "ARGS=--upgrade-package idna==3.18", cwd=newer)  # which stands behind humanize
    assert older.returncode == 0, older.stderr
    release(newer, "v0.2.1")
    edit(mine / "pyproject.toml", "dice~=4.0", "humanize~=4.0")
    assert make("lock", cwd=mine).returncode == 0
    release(mine, "another")
    update(mine)
    assert git(mine, "diff", "--name-only", "--diff-filter=U") == "requirements.txt"
    git(mine, *command("git checkout --theirs")[1:])
    assert make(*command("make lock")[1:], cwd=mine).returncode == 0
    for name in ("requirements.txt", "requirements-dev.txt"):
        locked = (mine / name).read_text()
        assert "\nidna==3.18 " in locked
        assert "\nhumanize==4." in locked


def test_a_certain_release_can_be_had(newer, mine):
    git(newer, "rm", "--quiet", "serving/new.py")
    release(newer, "v0.3.0")
    update(mine, "ARGS=--vcs-ref v0.2.0")
    assert (mine / "serving" / "new.py").exists()


def test_an_extra_can_be_had_later(newer, mine):
    before = files(mine).keys()
    update(mine, "ARGS=--data extras=[operators]")
    assert "k8s/operators/sig/mcpserver.yaml" in files(mine).keys() - before
    update_again = make("update", cwd=mine)
    assert update_again.returncode != 0  # what is not committed could not be told from what is new
    git(mine, "add", "--all")
    git(mine, "commit", "--quiet", "--message", "operators")
    update(mine)
    assert "k8s/operators/sig/mcpserver.yaml" in files(mine)


def test_what_is_not_a_copy_says_so(template):
    done = make("update", cwd=template)
    assert done.returncode != 0
    assert done.stderr.startswith("make: only what was made with Copier can be updated")


def test_a_clone_merges(newer, template, tmp_path):
    git(tmp_path, "clone", "--quiet", str(template), "clone")
    edit(tmp_path / "clone" / "tools" / "wait.py", "async def wait(", "async def sleep(")
    release(tmp_path / "clone", "mine")
    git(tmp_path / "clone", *(word.replace("SOURCE", str(newer)) for word in command("git fetch")[1:]))
    git(tmp_path / "clone", *command("git merge")[1:])
    assert (tmp_path / "clone" / "serving" / "new.py").exists()
    assert "async def sleep(" in (tmp_path / "clone" / "tools" / "wait.py").read_text()


def test_what_was_made_without_history_becomes_a_copy(newer, unversioned, tmp_path):
    folder = tmp_path / "pressed"
    shutil.copytree(unversioned, folder)
    edit(folder / "tools" / "wait.py", "async def wait(", "async def sleep(")
    (folder / "tools" / "text.py").unlink()
    git(folder, "init", "--quiet")
    release(folder, "mine")
    words = command("uvx copier copy --vcs-ref")
    uvx = [word.replace("SOURCE", str(newer)).replace("RELEASE", "v0.1.0") for word in words]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run([*uvx, "--defaults", "--quiet"], cwd=folder, env=environment(PATH=path), check=True)
    for beginning in ("mv", "rm"):
        subprocess.run(command(beginning), cwd=folder, check=True)
    for beginning in ("git add", "git commit"):
        git(folder, *command(beginning)[1:])
    assert git(folder, "show", "--format=", "--name-only") == ".copier-answers.yml"
    assert not git(folder, "status", "--porcelain")
    update(folder)
    assert (folder / "serving" / "new.py").exists()
    assert not (folder / "tools" / "text.py").exists()
    assert "async def sleep(" in (folder / "tools" / "wait.py").read_text()
