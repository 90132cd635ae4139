"""Who this server is."""

import tomllib

import pytest

from serving.identity import read_identity
from tests.support import ROOT


def test_the_identity_is_what_pyproject_says():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    identity = read_identity()
    assert (identity.name, identity.version, identity.description) == tuple(
        project[key] for key in ("name", "version", "description")
    )


def test_without_a_pyproject_or_an_installation_the_error_names_both(tmp_path):
    with pytest.raises(LookupError, match=r"expected a pyproject\.toml, or an installed distribution with 'serving'"):
        read_identity(tmp_path)
