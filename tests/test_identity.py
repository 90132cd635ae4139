"""Name and version are stated in pyproject.toml, the cluster's names in k8s/identity: what else says them agrees."""

import re
import tomllib
from collections.abc import Iterator

import pytest
import yaml

from serving.identity import read_identity
from tests.support import ROOT

WHO = read_identity()
TEMPLATE = "-".join(("mcp", "python", "server"))
MAY_NAME_IT = {"copier.yml", "LICENSE", ".copier-answers.yml", "README.md", "copy"}
"""Where the template may be named: what makes a copy of it, and what says where this one came from."""


def places() -> Iterator[tuple[str, object, object]]:
    """A place, what it says, and what it should."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    yield "pyproject.toml, [project.scripts]", list(project["scripts"]), [WHO.name]
    readme = (ROOT / "README.md").read_text()
    for found in re.findall(r"mcp-name: \S+/(\S+)", readme):
        yield "README.md, mcp-name behind its owner", found, WHO.name
    for found in re.findall(rf"^# ({TEMPLATE})$", readme, re.MULTILINE):
        yield "README.md, heading", found, WHO.name
    for file in ROOT.glob("k8s/identity/kustomization.yaml"):
        cluster = yaml.safe_load(file.read_text())
        [image] = cluster["images"]
        app, recommended = (label["pairs"] for label in cluster["labels"])
        yield "k8s/identity, newName behind its registry", image["newName"].rpartition("/")[2], WHO.name
        yield "k8s/identity, newTag", image["newTag"], WHO.version
        yield "k8s/identity, label app", app["app"], WHO.name
        yield "k8s/identity, label app.kubernetes.io/name", recommended["app.kubernetes.io/name"], WHO.name
        yield "k8s/identity, label app.kubernetes.io/version", recommended["app.kubernetes.io/version"], WHO.version
        yield "k8s/identity, patch", yaml.safe_load(cluster["patches"][0]["patch"])[0]["value"], WHO.name
        for sig in ROOT.glob("k8s/operators/sig/kustomization.yaml"):  # which adds a registry where there is none
            adds = "replacements" in yaml.safe_load(sig.read_text())
            yield "k8s/operators/sig adds a registry (see its comment)", adds, "/" not in image["newName"]


@pytest.mark.parametrize(("place", "said", "expected"), [pytest.param(*each, id=each[0]) for each in places()])
def test_a_place_agrees_with_pyproject_and_the_clusters_identity(place, said, expected):
    assert said == expected, f"{place}: expected {expected}"


def test_the_changelog_knows_the_version():
    assert f"## {WHO.version}" in (ROOT / "CHANGELOG.md").read_text(), f"CHANGELOG.md: expected ## {WHO.version}"


def test_no_other_place_has_the_name_that_this_server_had_as_a_template():
    if WHO.name != TEMPLATE:
        named = {
            str(path)
            for file in ROOT.rglob("*")
            if file.is_file() and not file.name.endswith((".jinja", ".pyc"))
            for path in [file.relative_to(ROOT)]
            if not MAY_NAME_IT & set(path.parts) and not re.match(r"\.(git|venv|\w+_cache)(/|$)|dist/", str(path))
            if "node_modules" not in path.parts and TEMPLATE in file.read_text(errors="ignore")
        }
        assert not named, f"{', '.join(sorted(named))}: the template's name is still there"
