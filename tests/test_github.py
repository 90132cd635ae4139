"""The workflows run what exists, pinned, with few rights; and nothing is published that was not tested and built."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from serving.identity import read_identity
from tests.support import ROOT, environment

GITHUB = ROOT / ".github"
WORKFLOWS = {file.name: file.read_text() for file in sorted((GITHUB / "workflows").iterdir())}
RELEASE = yaml.safe_load(WORKFLOWS["release.yml"])["jobs"]


@pytest.fixture(params=WORKFLOWS)
def text(request):
    return WORKFLOWS[request.param]


@pytest.fixture
def workflow(text):
    return yaml.safe_load(text)


def steps(workflow):
    return [step for job in workflow["jobs"].values() for step in job.get("steps", [])]


def is_left_out(step):
    """Does a step wait for files that are not here?"""
    needed = re.fullmatch(r"hashFiles\('([^']+)'\) != ''", str(step.get("if")))
    return needed is not None and not list(ROOT.glob(needed[1]))


def test_every_action_is_pinned_to_a_commit_and_says_of_which_release(text):
    for line in re.findall(r"\buses: .*", text):
        if local := re.fullmatch(r"uses: \./(\S+)", line):
            assert (ROOT / local[1]).is_file(), line
        else:
            assert re.fullmatch(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_an_action_is_everywhere_the_same():
    used = set(re.findall(r"uses: (\S+@.*)", "\n".join(WORKFLOWS.values())))
    assert len(used) == len({use.partition("@")[0] for use in used})


def test_a_workflow_may_only_read_and_a_job_that_may_more_says_what_for(text, workflow):
    assert workflow["permissions"] == {"contents": "read"}
    assert text.count(": write") == text.count(": write # ")
    assert "write-all" not in text


def test_no_workflow_runs_what_somebody_else_wrote_with_our_rights(workflow):
    assert "pull_request_target" not in workflow[True]  # which is what YAML makes of `on`
    for step in steps(workflow):
        assert "${{" not in step.get("run", ""), "give it to the shell through env"
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_every_verb_that_a_workflow_runs_exists(workflow):
    listed = subprocess.run(["make"], cwd=ROOT, env=environment(), capture_output=True, text=True, check=True).stdout
    run = " ".join(step.get("run", "") for step in steps(workflow) if not is_left_out(step))
    assert set(re.findall(r"\bmake ([a-z-]+)", run)) <= set(re.findall(r"^  ([a-z-]+) ", listed, re.MULTILINE))


def test_every_job_ends_some_time(workflow):
    assert not [name for name, job in workflow["jobs"].items() if "uses" not in job and "timeout-minutes" not in job]


def before(jobs, name):
    """The jobs that must have passed before this one starts."""
    needed = jobs[name].get("needs", [])
    needed = {needed} if isinstance(needed, str) else set(needed)
    return needed.union(*(before(jobs, other) for other in needed))


def test_everything_is_tested_and_built_before_anything_is_published():
    publishing = {name for name, job in RELEASE.items() if "write" in job.get("permissions", {}).values()}
    assert publishing == {"image", "release", "registry"}
    assert all({"test", "build"} <= before(RELEASE, name) for name in publishing)
    assert RELEASE["test"]["uses"].endswith("/test.yml")
    assert {"image", "release"} <= before(RELEASE, "registry")  # because that looks at both


def test_no_image_is_pushed_before_all_are_built():
    steps = [step.get("run") or step["uses"] for step in RELEASE["image"]["steps"]]
    [built, pushed] = [number for number, step in enumerate(steps) if step.startswith("make image-multiarch")]
    [login] = [number for number, step in enumerate(steps) if step.startswith("docker/login-action@")]
    assert "REGISTRY" not in steps[built]
    assert built < login < pushed


@pytest.fixture
def build(tmp_path):
    """Run a step of the job `build` as a runner does, with a make that only says how it is called."""
    (tmp_path / "make").write_text('#!/bin/sh\nprintf "%s\\n" "$@"')
    (tmp_path / "make").chmod(0o755)

    def run(name, cwd=ROOT, **github):
        [script] = [step["run"] for step in RELEASE["build"]["steps"] if step.get("name") == name]
        path = f"{tmp_path}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        command = ["bash", "-e", "-c", script]
        variables = environment(PATH=path, **github)
        return subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True, check=False)

    return run


def test_a_tag_is_released_if_it_is_the_version(build):
    version = read_identity().version
    assert build("Compare the tag with the version", GITHUB_REF_NAME=f"v{version}").returncode == 0
    for tag in (version, f"v{version}.1", "v$(touch x)"):
        refused = build("Compare the tag with the version", GITHUB_REF_NAME=tag)
        assert refused.returncode == 1
        assert f"the tag is {tag} and the version in pyproject.toml {version}: expected v{version}" in refused.stdout


def test_the_registry_is_told_of_the_image_and_of_a_bundle_that_was_built(build, tmp_path):
    github = {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "Me/x", "GITHUB_REPOSITORY_OWNER": "Me"}
    told = ["server-json", "REGISTRY=ghcr.io/me"]
    assert build("Describe it for the MCP registry", cwd=tmp_path, **github).stdout.split() == told
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "x-1.mcpb").touch()
    url = "https://github.com/Me/x/releases/download/v1/x-1.mcpb"
    described = build("Describe it for the MCP registry", cwd=tmp_path, GITHUB_REF_NAME="v1", **github)
    assert described.stdout.split() == [*told, "BUNDLE=dist/x-1.mcpb", f"BUNDLE_URL={url}"]


def test_dependabot_looks_where_something_is():
    updates = yaml.safe_load((GITHUB / "dependabot.yml").read_text())["updates"]
    files = {"pip": "requirements.txt", "npm": "package-lock.json", "github-actions": ".github/workflows"}
    assert {update["package-ecosystem"] for update in updates} == set(files)
    for update in updates:
        assert (ROOT / update["directory"].strip("/") / files[update["package-ecosystem"]]).exists()
        assert list(update["groups"].values()) == [{"patterns": ["*"]}], "one pull request, not fifty"
