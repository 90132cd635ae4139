"""What README.md here says to type, as it is typed."""

import re

import pytest

from serving.identity import read_identity
from tests.ship.mcpb.support import RUNNER
from tests.support import ROOT, make, run

IDENTITY = read_identity()
IMAGE = f"{IDENTITY.name}-mcpb:{IDENTITY.version}"


def tags(words: list[str]) -> list[str]:
    return [words[at + 1] for at, word in enumerate(words) if word == "--tag"]


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ([], ["--python", "3.14"]),
        (["PYTHON_VERSION=3.13", "PLATFORM=macos"], ["--platform", "macos", "--python", "3.13"]),
        (["TYPE=uv"], ["--type", "uv", "--python", "3.14"]),
        (["TYPE=$(touch x)' y"], ["--type", "$(touch x)' y", "--python", "3.14"]),
        (["PYTHON_VERSION=3.13; touch x"], ["--python", "3.13; touch x"]),
    ],
)
def test_make_packs_as_it_is_told(recorded, typed, told):
    words = recorded("bundle", *typed, instead="PYTHON")
    assert words == ["-m", "ship.mcpb", "pack", *told]


def test_the_newest_python_is_also_what_one_gets_without_saying_which(recorded):
    words = recorded("mcpb-image")
    assert tags(words) == [f"{IMAGE}-python3.14", IMAGE, f"{IDENTITY.name}-mcpb:latest"]
    assert "PYTHON_VERSION=3.14" in words
    assert re.findall(r"^PYTHON_VERSIONS \?= (.*)$", (ROOT / "ship/image/image.mk").read_text(), re.MULTILINE) == [
        "3.12 3.13 3.14"
    ]


def test_any_other_python_is_only_what_it_is(recorded):
    words = recorded("mcpb-image", "PYTHON_VERSION=3.12")
    assert tags(words) == [f"{IMAGE}-python3.12"]
    assert "PYTHON_VERSION=3.12" in words


def test_what_is_configured_gets_into_the_container_by_name(recorded):
    configured = {"BUNDLE_URL": "https://ann:hunter2@h.invalid/x", "USER_CONFIG_API_KEY": "hunter2", "MCP_AUTH": "none"}
    words = recorded("mcpb-image-run", "PYTHON_VERSION=3.13", "ARGS=--auth token", **configured)
    ran = words[words.index("run") :]
    assert {"BUNDLE_URL", "USER_CONFIG_API_KEY", "--read-only", "/tmp:exec"} <= set(ran)
    assert ran[-3:] == [f"{IMAGE}-python3.13", "--auth", "token"]
    assert not [word for word in words if "hunter2" in word or word.startswith("MCP_AUTH")]


def test_the_matrix_builds_each_python_for_every_platform_into_a_file_each(recorded):
    words = recorded("mcpb-image-multiarch", "PLATFORMS=linux/a,linux/b")
    assert tags(words)[:3] == [f"{IMAGE}-python3.12", f"{IMAGE}-python3.13", f"{IMAGE}-python3.14"]
    assert words.count("linux/a,linux/b") == 3
    file = f"{IDENTITY.name}-mcpb-{IDENTITY.version}-python3.12.tar"
    assert f"type=oci,dest=dist/{file}" in words


def test_what_is_pushed_is_built_from_what_is_committed(recorded):
    words = recorded("mcpb-push", "REGISTRY=registry.invalid/me", "REFUSE_DIRTY=true")
    pushed = [words[at + 1] for at, word in enumerate(words) if word == "push"]
    assert pushed == tags(words)
    assert pushed[-1] == f"registry.invalid/me/{IDENTITY.name}-mcpb:latest"
    assert len(pushed) == 5
    assert words.count("-") == 3  # the context: what git has archived


def test_a_push_asks_where_to():
    made = make("mcpb-push")
    assert made.returncode == 2
    assert "where to? (make mcpb-push REGISTRY=ghcr.io/me)" in made.stderr


def test_its_help_names_its_settings():
    done = run("--help", script=RUNNER)
    assert done.returncode == 0
    assert "BUNDLE_URL" in done.stdout
    assert "--bundle-sha256" in done.stdout
