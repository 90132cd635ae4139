"""`make new`: a repository of somebody's own."""

import shutil
import tomllib

import pytest
import yaml

from tests.copy.conftest import files, git, make, release
from tests.support import environment


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
    done = make(clone, "new", "NAME=weather", f"DEST={tmp_path / 'weather'}")
    assert done.returncode == 0, done.stderr
    assert git(tmp_path / "weather", "log", "--format=%s") == "Start from the template"
    assert git(tmp_path / "weather", "status", "--porcelain") == ""
    assert tomllib.loads((tmp_path / "weather" / "pyproject.toml").read_text())["project"]["name"] == "weather"
    assert done.stdout == (
        f"{tmp_path / 'weather'} is a server of your own. There, `make run` serves it and `make test` tests it.\n"
    )


def test_it_lies_beside_the_template_unless_something_else_is_said(clone, tmp_path):
    assert make(clone, "new", "NAME=weather").returncode == 0
    assert "pyproject.toml" in files(tmp_path / "weather")


def test_every_answer_can_be_given_at_once_whatever_is_in_it(clone, tmp_path):
    odd = 'Ann\'s "$(touch /tmp/never)" `x`; $$HOME'
    answers = ("EXTRAS=operators, conformance", "IMAGE=ghcr.io/me/weather", f"AUTHOR={odd}", f"DESCRIPTION={odd}")
    done = make(clone, "new", "NAME=weather", *answers)
    assert done.returncode == 0, done.stderr
    said = yaml.safe_load((tmp_path / "weather" / ".copier-answers.yml").read_text())
    assert (said["author"], said["description"]) == (odd, odd)
    assert (said["image"], said["extras"]) == ("ghcr.io/me/weather", ["operators", "conformance"])


def test_it_is_updated_from_where_the_template_was_cloned(clone, template, tmp_path):
    make(clone, "new", "NAME=weather")
    said = yaml.safe_load((tmp_path / "weather" / ".copier-answers.yml").read_text())
    assert (said["_src_path"], said["_commit"]) == (str(template), "v0.1.0")


def test_whose_token_the_template_was_cloned_with_stays_out_of_the_copy(clone, tmp_path):
    git(clone, "remote", "set-url", "origin", "https://ann:secret@example.com/me/template.git")
    make(clone, "new", "NAME=weather")
    said = yaml.safe_load((tmp_path / "weather" / ".copier-answers.yml").read_text())
    assert said["_src_path"] == "https://example.com/me/template.git"


def test_a_template_without_a_remote_is_its_own_source(template, tmp_path):
    make(template, "new", "NAME=weather", f"DEST={tmp_path / 'weather'}")
    said = yaml.safe_load((tmp_path / "weather" / ".copier-answers.yml").read_text())
    assert said["_src_path"] == str(template)


def test_a_template_that_came_without_git_makes_a_copy_all_the_same(unversioned, tmp_path):
    done = make(unversioned, "new", "NAME=weather", f"DEST={tmp_path / 'weather'}")
    assert done.returncode == 0, done.stderr
    assert git(tmp_path / "weather", "status", "--porcelain") == ""


def test_who_says_nothing_is_told_what_to_say(clone):
    assert failure(make(clone, "new")) == (
        "expected NAME=weather, and DEST=../weather or another folder that is not there yet"
    )


def test_a_name_that_does_not_fit_is_named(clone):
    assert failure(make(clone, "new", "NAME=Weather")).startswith("name: Weather: expected at most 63 of a-z")


def test_a_name_in_the_environment_is_not_meant(clone):
    assert "expected NAME=" in failure(make(clone, "new", NAME="weather"))


def test_an_extra_that_there_is_not_is_named(clone):
    assert "adaptor" in failure(make(clone, "new", "NAME=weather", "EXTRAS=adaptor"))


def test_a_folder_in_which_something_is_stays_as_it_is(clone, tmp_path):
    (tmp_path / "weather").mkdir()
    (tmp_path / "weather" / "mine").touch()
    assert failure(make(clone, "new", "NAME=weather")).endswith("weather: expected a new or an empty folder")
    assert files(tmp_path / "weather").keys() == {"mine"}


def test_the_template_does_not_get_into_itself(clone):
    assert "outside of the template's" in failure(make(clone, "new", "NAME=weather", "DEST=weather"))


def test_what_is_not_committed_would_be_missing_in_the_next_update(clone):
    (clone / "tools" / "mine.py").touch()
    assert failure(make(clone, "new", "NAME=weather")).startswith("tools/mine.py is not committed:")


def test_a_commit_that_git_refuses_leaves_a_complete_copy(clone, tmp_path):
    nobody = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "user.useConfigOnly", "GIT_CONFIG_VALUE_0": "true"}
    nobody |= {name: "" for name in environment() if name.startswith(("GIT_AUTHOR", "GIT_COMMITTER"))}
    done = make(clone, "new", "NAME=weather", **nobody)
    assert "weather is complete, but not committed:" in failure(done)
    release(tmp_path / "weather", "mine")


def test_a_copy_is_not_a_template(clone, tmp_path):
    make(clone, "new", "NAME=weather")
    assert "No rule to make target" in make(tmp_path / "weather", "new", "NAME=rain").stderr
    shutil.rmtree(tmp_path / "weather")
