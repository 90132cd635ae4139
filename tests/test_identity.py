"""Name and version are stated in pyproject.toml, the cluster's names in k8s/identity: what else says them agrees."""

import re
import tomllib

import pytest
import yaml

from serving.identity import read_identity
from tests.support import ROOT

WHO = read_identity()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CLUSTER = yaml.safe_load((ROOT / "k8s" / "identity" / "kustomization.yaml").read_text())
APP, RECOMMENDED = (label["pairs"] for label in CLUSTER["labels"])
[IMAGE] = CLUSTER["images"]
OF_THE_TEMPLATE = {"copier.yml", "LICENSE", ".copier-answers.yml", "copy"}
"""Where another name than this server's may stand: what makes a copy, and what says where this one came from."""


def readme(pattern: str) -> str:
    found = re.search(pattern, (ROOT / "README.md").read_text(), re.MULTILINE)
    return found[1] if found else ""


PLACES = {
    "pyproject.toml, [project.scripts]": (list(PROJECT["scripts"]), [WHO.name]),
    "README.md, heading": (readme(r"^# (.*)$"), WHO.name),
    "README.md, mcp-name behind its owner": (readme(r"mcp-name: \S+/(\S+)"), WHO.name),
    "k8s/identity, newName behind its registry": (IMAGE["newName"].rpartition("/")[2], WHO.name),
    "k8s/identity, newTag": (IMAGE["newTag"], WHO.version),
    "k8s/identity, label app": (APP["app"], WHO.name),
    "k8s/identity, label app.kubernetes.io/name": (RECOMMENDED["app.kubernetes.io/name"], WHO.name),
    "k8s/identity, label app.kubernetes.io/version": (RECOMMENDED["app.kubernetes.io/version"], WHO.version),
    "k8s/identity, patch": (yaml.safe_load(CLUSTER["patches"][0]["patch"])[0]["value"], WHO.name),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_place_agrees_with_pyproject(place):
    said, expected = PLACES[place]
    assert said == expected, f"{place}: expected {expected}, as in pyproject.toml"


def test_the_changelog_knows_the_version():
    assert f"## {WHO.version}" in (ROOT / "CHANGELOG.md").read_text(), (
        f"CHANGELOG.md: expected a section ## {WHO.version}, as in pyproject.toml"
    )


def test_the_sig_operator_adds_a_registry_only_to_an_image_without_one():
    for file in ROOT.glob("k8s/operators/sig/kustomization.yaml"):
        assert ("replacements" in yaml.safe_load(file.read_text())) == ("/" not in IMAGE["newName"]), (
            "k8s/operators/sig/kustomization.yaml: see the comment there"
        )


def test_no_other_place_has_the_name_that_this_server_had_as_a_template():
    template = "-".join(("mcp", "python", "server"))
    if template != WHO.name:
        named = {
            str(path)
            for file in ROOT.rglob("*")
            if file.is_file() and not file.name.endswith((".jinja", ".pyc"))
            for path in [file.relative_to(ROOT)]
            if not OF_THE_TEMPLATE & set(path.parts) and not re.match(r"\.git/|\.venv|\..*_cache|dist", str(path))
            if "node_modules" not in path.parts and template in file.read_text(errors="ignore")
        }
        assert not named, f"{', '.join(sorted(named))}: the template's name is still there"
