"""`make new`: a repository of somebody's own."""

import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.copy.conftest import files, git, release
from tests.support import environment, make


@pytest.fixture
def clone(template, tmp_path):
    """What somebody has who has cloned the template."""
    git(tmp_path, "clone", "--quiet", str(template), "clone")
    return tmp_path / "clone"


def failure(done) -> str:
    """What is said of a copy that could not be made, in one line."""
    assert done.returncode != 0
    said, *makes = done.stderr.splitlines()
    assert len(makes) == 1
    assert said.startswith("new: ")
    return said.removeprefix("new: ")


def test_it_has_its_own_name_and_its_first_commit(clone, tmp_path):
    done = make("new", "NAME=weather", f"DEST={tmp_path / 'weather'}", cwd=clone)
    assert done.returncode == 0, done.stderr
    assert git(tmp_path / "weather", "log", "--format=%s") == "Start from the template"
    assert git(tmp_path / "weather", "status", "--porcelain") == ""
    assert tomllib.loads((tmp_path / "weather" / "pyproject.toml").read_text())["project"]["name"] == "weather"
    assert done.stdout == (
        f"{tmp_path / 'weather'} is a server of your own; its tools are examples. "
        "`make run` serves it, `make test` tests it.\n"
    )


def test_it_lies_beside_the_template_unless_something_else_is_said(clone, tmp_path):
    assert make("new", "NAME=weather", cwd=clone).returncode == 0
    assert "pyproject.toml" in files(tmp_path / "weather")


def test_every_answer_can_be_given_at_once_whatever_is_in_it(clone, tmp_path):
    odd = 'Ann\'s "$(touch ran)" `touch ran`; $$HOME'
    answers = ("EXTRAS=operators, conformance", "IMAGE=ghcr.io/me/weather", f"AUTHOR={odd}", f"DESCRIPTION={odd}")
    done = make("new", "NAME=weather", *answers, cwd=clone)
    assert done.returncode == 0, done.stderr
    said = yaml.safe_load((tmp_path / "weather" / ".copier-answers.yml").read_text())
    assert (said["author"], said["description"]) == (odd, odd)
    assert not (clone / "ran").exists()
    assert (said["image"], said["extras"]) == ("ghcr.io/me/weather", ["operators", "conformance"])


def test_it_is_updated_from_where_the_template_was_cloned(clone, template, tmp_path):
    make("new", "NAME=weather", cwd=clone)
    said = yaml.safe_load((tmp_path / "weather" / ".copier-answers.yml").read_text())
    assert (said["_src_path"], said["_commit"]) == (str(template), "v0.1.0")


def test_whose_token_the_template_was_cloned_with_stays_out_of_the_copy(clone, tmp_path):
    git(clone, "remote", "set-url", "origin", "https://ann:secret@example.com/me/template.git")
    make("new", "NAME=weather", cwd=clone)
    said = yaml.safe_load((tmp_path / "weather" / ".copier-answers.yml").read_text())
    assert said["_src_path"] == "git+https://example.com/me/template.git"


def test_a_template_without_a_remote_is_its_own_source(template, tmp_path):
    make("new", "NAME=weather", f"DEST={tmp_path / 'weather'}", cwd=template)
    said = yaml.safe_load((tmp_path / "weather" / ".copier-answers.yml").read_text())
    assert said["_src_path"] == str(template)


def test_a_template_that_came_without_git_could_not_update_it(unversioned, tmp_path):
    done = make("new", "NAME=weather", f"DEST={tmp_path / 'weather'}", cwd=unversioned)
    assert "has no history, which updates need: clone the template" in failure(done)
    assert not (tmp_path / "weather").exists()


def test_who_says_nothing_is_told_what_to_say(clone):
    assert failure(make("new", cwd=clone)) == (
        "expected NAME=weather, and DEST=../weather or another folder that is not there yet"
    )


def test_a_name_that_does_not_fit_is_named(clone):
    assert failure(make("new", "NAME=Weather", cwd=clone)).startswith("name: a-z, 0-9, single hyphens, a letter first")


def test_a_name_in_the_environment_is_not_meant(clone):
    assert "expected NAME=" in failure(make("new", NAME="weather", cwd=clone))


def test_an_extra_that_there_is_not_is_named(clone):
    assert "adaptor" in failure(make("new", "NAME=weather", "EXTRAS=adaptor", cwd=clone))


def test_a_folder_in_which_something_is_stays_as_it_is(clone, tmp_path):
    (tmp_path / "weather").mkdir()
    (tmp_path / "weather" / "mine").touch()
    assert failure(make("new", "NAME=weather", cwd=clone)).endswith("weather: expected a new or an empty folder")
    assert files(tmp_path / "weather").keys() == {"mine"}


def test_the_template_does_not_get_into_itself(clone):
    assert "outside of the template's" in failure(make("new", "NAME=weather", "DEST=weather", cwd=clone))


def test_what_is_not_committed_would_be_missing_in_the_next_update(clone):
    (clone / "tools" / "my own.py").touch()
    assert failure(make("new", "NAME=weather", cwd=clone)).startswith("tools/my own.py is not committed:")


def test_a_commit_that_only_this_clone_has_could_not_be_updated(clone):
    (clone / "tools" / "mine.py").touch()
    release(clone, "mine")
    assert failure(make("new", "NAME=weather", cwd=clone)).startswith("HEAD is not pushed:")


def test_the_remote_is_written_so_that_copier_and_yaml_understand_it(clone, tmp_path):
    for remote, source in {
        "git@github.com:me/template.git": "git+git@github.com:me/template.git",
        "https://git.example.com/me/template": "git+https://git.example.com/me/template",
        str(clone.with_name("a folder with a long name and blanks, which YAML would fold: " + "x" * 80)): None,
        "../template": str(tmp_path / "template"),
    }.items():
        (tmp_path / "template").mkdir(exist_ok=True)
        folder = tmp_path / "weather"
        if not source:
            Path(remote).mkdir()
        git(clone, "remote", "set-url", "origin", remote)
        assert make("new", "NAME=weather", cwd=clone).returncode == 0
        assert yaml.safe_load((folder / ".copier-answers.yml").read_text())["_src_path"] == (source or remote)
        shutil.rmtree(folder)


def test_a_hook_of_another_repository_does_not_get_the_commit(clone, template, tmp_path):
    before = git(template, "rev-parse", "HEAD")
    hook: Any = {"GIT_DIR": str(template / ".git"), "GIT_INDEX_FILE": str(template / ".git" / "index")}
    assert make("new", "NAME=weather", cwd=clone, **hook).returncode == 0
    assert git(template, "rev-parse", "HEAD") == before
    assert git(tmp_path / "weather", "log", "--format=%s") == "Start from the template"


def test_what_somebody_ignores_everywhere_is_committed_all_the_same(clone, tmp_path):
    (tmp_path / "ignored").write_text("docs/\n")
    (tmp_path / "config").write_text(f"[core]\nexcludesFile = {tmp_path / 'ignored'}\n")
    make("new", "NAME=weather", cwd=clone, GIT_CONFIG_GLOBAL=str(tmp_path / "config"))
    assert "docs/ship.md" in git(tmp_path / "weather", "ls-files").splitlines()


def test_a_commit_that_git_refuses_leaves_a_complete_copy(clone, tmp_path):
    (tmp_path / "config").write_text("[user]\nuseConfigOnly = true\n")
    nobody: Any = {name: "" for name in environment() if name.startswith(("GIT_AUTHOR", "GIT_COMMITTER"))}
    nobody["GIT_CONFIG_GLOBAL"] = str(tmp_path / "config")
    done = make("new", "NAME=weather", **nobody, cwd=clone)
    assert "weather is complete, but not committed:" in failure(done)
    release(tmp_path / "weather", "mine")


def test_a_copy_is_not_a_template(clone, tmp_path):
    make("new", "NAME=weather", cwd=clone)
    assert "No rule to make target" in make("new", "NAME=rain", cwd=tmp_path / "weather").stderr
    shutil.rmtree(tmp_path / "weather")
