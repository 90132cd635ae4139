"""What is asked, and what comes of the answers."""

import os
import re
import tomllib
from itertools import combinations

import pytest
import yaml

from serving.identity import read_identity
from tests.copy.conftest import copy_of, files
from tests.support import ROOT

QUESTIONS = yaml.safe_load((ROOT / "copier.yml").read_text())
EXTRAS = list(QUESTIONS["extras"]["choices"].values())
OF_THE_TEMPLATE = r".*\.jinja|copier\.yml|(\.ci|ship/copy|tests/copy)/.*"
OWN_TEXT = {"README.md", "CHANGELOG.md"}
"""What a copy has under the same name, but begins anew."""
TEMPLATE = QUESTIONS["name"]["default"]


def own_answers():
    """What would have to be answered to get this repository, if the defaults are somebody else's."""
    who = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    image = yaml.safe_load((ROOT / "k8s" / "identity" / "kustomization.yaml").read_text())["images"][0]["newName"]
    said = {"name": who["name"], "description": who["description"], "author": who["authors"][0]["name"], "image": image}
    defaults = {key: QUESTIONS[key]["default"].replace("{{ name }}", who["name"]) for key in said}
    return {key: value for key, value in said.items() if value != defaults[key]}


def test_the_defaults_are_this_repositorys_own():
    assert own_answers() == {} or read_identity().name != TEMPLATE


def test_the_defaults_and_all_extras_give_this_very_repository(template, tmp_path):
    ours, theirs = files(template), files(copy_of(template, tmp_path / "copy", extras=EXTRAS, **own_answers()))
    theirs.pop(".copier-answers.yml")
    assert {path for path in ours if not re.fullmatch(OF_THE_TEMPLATE, path)} == theirs.keys()
    rendered = {path.removesuffix(".jinja") for path in ours if path.endswith(".jinja")}
    for path in theirs.keys() - OWN_TEXT:
        expected = ours[path].read_bytes()
        if path in rendered:  # a copy begins with the first version, whatever ours is
            expected = expected.replace(read_identity().version.encode(), b"0.1.0")
        assert theirs[path].read_bytes() == expected, path
        assert os.access(theirs[path], os.X_OK) == os.access(ours[path], os.X_OK), path


def test_a_copy_has_no_extra_unless_it_is_asked_for(template, tmp_path):
    lean = files(copy_of(template, tmp_path / "lean")).keys()
    brought = {extra: files(copy_of(template, tmp_path / extra, extras=[extra])).keys() - lean for extra in EXTRAS}
    assert all(brought.values())
    assert brought["mcpb"] > brought["adapter"]  # through which it runs what speaks over stdio
    brought["mcpb"] -= brought["adapter"]
    for one, other in combinations(brought.values(), 2):
        assert not [path for path in one & other if not re.fullmatch(r"(tests/)?ship/archive/.*", path)]


def test_every_form_of_this_server_but_the_image_and_the_clients_is_an_extra():
    no_forms = {"archive", "copy"}  # what some of them share, and what makes the copy
    forms = {path.name for path in (ROOT / "ship").iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert forms - no_forms - {"image", "connect"} <= set(EXTRAS)


def test_a_copy_has_nothing_of_the_templates_own(template, tmp_path):
    copy = files(copy_of(template, tmp_path / "copy", name="weather", author="Ann", extras=EXTRAS))
    assert not [path for path in copy if re.fullmatch(OF_THE_TEMPLATE, path)]
    named = {path for path, file in copy.items() if re.search(TEMPLATE, file.read_text(errors="ignore"))}
    assert named == {"LICENSE"}  # which the license asks for
    assert copy["CHANGELOG.md"].read_text() == "# Changelog\n\n## 0.1.0 (unreleased)\n\n- The first one.\n"
    assert copy["LICENSE"].read_text().splitlines()[2] == "Copyright (c) 2026 Ann"


def test_a_copy_says_where_it_came_from_and_what_was_answered(template, tmp_path):
    copy = copy_of(template, tmp_path / "copy", name="weather", extras=EXTRAS)
    answers = yaml.safe_load((copy / ".copier-answers.yml").read_text())
    assert (answers["_src_path"], answers["_commit"]) == (str(template), "v0.1.0")
    assert answers["name"] == answers["image"] == "weather"
    assert answers["extras"] == EXTRAS


def test_nothing_in_an_answer_is_taken_for_code(template, tmp_path):
    odd = 'Says "no" to \\ and {{ 7 * 7 }} and {% raw %}, \' and ü 🌦'
    copy = copy_of(template, tmp_path / "copy", description=odd, author=odd)
    who = tomllib.loads((copy / "pyproject.toml").read_text())["project"]
    assert (who["description"], who["authors"]) == (odd, [{"name": odd}])
    assert odd in (copy / "README.md").read_text()
    assert odd in (copy / "LICENSE").read_text()


WORD = "because that is what both a cluster and a package can be called"


@pytest.mark.parametrize(
    ("question", "answer", "complaint"),
    [
        *[("name", name, WORD) for name in ("Weather", "we_ather", "a.b", "-a", "a-", "a--b", "1a", "ä", "", "a b")],
        ("name", "weather\n", WORD),
        ("name", "x" * 64, WORD),
        ("name", "fastmcp", "another name than that of a package that it needs or is tested with"),
        ("name", "pytest", "another name than that of a package that it needs or is tested with"),
        *[("name", name, "something else is called so") for name in ("server", "default", "kube-system", "python")],
        ("description", " ", "one line of at most 100 characters"),
        ("description", "x" * 101, "these are 101"),
        ("description", "one\ntwo", "one line"),
        ("author", "", "one line"),
        ("author", "Ann\nBob", "one line"),
        ("image", "ghcr.io/me/rain", "weather, or that behind a registry"),
        ("image", "ghcr.io/me/weather:1", "without a tag"),
        ("image", "GHCR.io/me/weather", "weather, or that behind a registry as in ghcr.io/me/weather"),
        ("image", "ghcr.io/me/weather\n", "without a tag"),
        ("extras", ["adaptor"], "adaptor"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused_and_nothing_is_written(
    unversioned, tmp_path, question, answer, complaint
):
    with pytest.raises(ValueError, match=re.escape(complaint)):
        copy_of(unversioned, tmp_path / "copy", **{"name": "weather", question: answer})
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("name", ["a", "x" * 63, "a1-b2-c3", "null"])
def test_a_name_that_fits_is_taken(unversioned, tmp_path, name):
    copy = copy_of(unversioned, tmp_path / "copy", name=name, image=f"localhost:5000/me/{name}")
    assert read_identity(copy).name == name


def test_what_one_operator_cannot_carry_is_said_before(unversioned, tmp_path):
    with pytest.raises(ValueError, match="no image of a registry with a port, as in localhost:5000/weather"):
        copy_of(unversioned, tmp_path / "copy", name="weather", image="localhost:5000/weather", extras=["operators"])


def test_the_template_runs_nothing_and_needs_no_trust():
    assert not QUESTIONS.keys() & {"_tasks", "_migrations", "_jinja_extensions"}
