"""Make's verbs for images, beyond building them."""

import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from contextlib import suppress
from typing import Any

import httpx2
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from serving.identity import read_identity
from ship.image.engine import DOCKER
from tests.container.engine import container, docker
from tests.support import INSTALLED, ROOT, environment, make


@pytest.mark.parametrize("file", ["Dockerfile", "Dockerfile.production"])
def test_a_builder_without_buildkit_builds_it_too(images, file):
    tag = f"{images['production']}-legacy"
    command = [DOCKER, "build", "--quiet", "--file", file, "--tag", tag, "."]
    environment = {**os.environ, "DOCKER_BUILDKIT": "0"}
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert built.returncode == 0, built.stderr
    with container(tag, "--read-only", "--network", "none", "--user", "54321:54321"):
        docker("image", "rm", "--force", tag)


def test_the_build_without_make_gives_the_image_of_the_manifests(images):
    [command] = re.findall(r"`docker (build [^`]+)`", (ROOT / "docs" / "kubernetes.md").read_text())
    docker(*command.replace("NAME:VERSION", images["production"]).split(), seconds=600)
    with container(images["production"], "--read-only", "--network", "none"):
        pass


@pytest.mark.parametrize("verb", ["image-run", "image-run-dev"])
def test_a_verb_runs_an_image_until_it_is_interrupted(images, unused_port, verb):
    command = ["make", *INSTALLED, verb, f"PUBLISH=127.0.0.1:{unused_port}"]
    options: dict[str, Any] = {"cwd": ROOT, "env": environment(), "start_new_session": True}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **options) as making:
        watchdog = threading.Timer(120, os.killpg, (making.pid, signal.SIGKILL))
        watchdog.start()
        assert any("MCP on http" in line for line in making.stderr)
        assert wait_for_health(unused_port)["service"] == read_identity().name
        os.killpg(making.pid, signal.SIGINT)
        making.communicate()
        watchdog.cancel()
    assert not docker("ps", "--quiet", "--filter", f"publish={unused_port}")


def wait_for_health(port: int) -> dict[str, str]:
    """Ask until the server answers; the watchdog of the test bounds it."""
    while True:
        with suppress(httpx2.TransportError):
            return dict(httpx2.get(f"http://127.0.0.1:{port}/health").json())
        time.sleep(0.05)


def test_the_sbom_is_valid_and_names_python_its_packages_and_the_libraries(images):
    made = make("image-sbom", seconds=600)
    assert made.returncode == 0, made.stderr
    text = (ROOT / "dist" / f"{images['production'].replace(':', '-')}.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    document = json.loads(text)
    assert document["metadata"]["component"]["name"] == read_identity().name
    kinds = {component["name"]: component["purl"].partition("/")[0] for component in document["components"]}
    assert {kinds[name] for name in ("fastmcp", "cryptography", "uvicorn")} == {"pkg:pypi"}
    assert {kinds[name] for name in ("libc6", "tini", "tzdata")} == {"pkg:deb"}
    assert any("upstream=openssl" in component["purl"] for component in document["components"])
    assert kinds["python"] == "pkg:generic"


def test_the_report_compares_size_start_and_memory(images):
    made = make("image-report", "ROUNDS=1", seconds=600)
    assert made.returncode == 0, made.stderr
    header, *rows = made.stdout.splitlines()[-4:]
    assert header.split() == ["medians", "of", "1", "guide's", "ours", "ratio"]
    for row in rows:
        guide, ours, ratio = map(float, row.split()[-3:])
        assert 0 < ours < 2 * guide
        assert ratio == pytest.approx(ours / guide, rel=0.1)


def test_the_matrix_builds_each_python_for_every_platform_and_tags_the_default_plainly():
    made = make("image-multiarch", "PLATFORMS=linux/a,linux/b", "PYTHON_VERSIONS=3.12 3.13", "DOCKER=echo")
    identity = read_identity()
    plain = f"{identity.name}:{identity.version}"
    tags = [re.findall(r"--tag (\S+)", line) for line in made.stdout.splitlines()]
    assert tags == [[f"{plain}-python3.12"], [f"{plain}-python3.13", plain]]
    assert made.stdout.count("--platform linux/a,linux/b ") == 2
    assert f"dest=dist/{plain.replace(':', '-')}-python3.12.tar" in made.stdout


@pytest.mark.parametrize(("verb", "given"), [("image-production", 1), ("image-multiarch", 2), ("image-dev", 0)])
def test_what_ships_gets_the_name_that_registries_call_it(verb, given):
    made = make(verb, "DOCKER=echo", "PYTHON_VERSIONS=3.12 3.13", "MCP_NAME=io.github.it's/$$(me)")
    assert made.stdout.count("--build-arg MCP_NAME=io.github.it's/$(me) ") == given


def test_push_refuses_what_is_not_committed(tmp_path):
    git = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x@example.com"]
    for name in ("Makefile", "README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("ship", "serving"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for command in (["init"], ["add", "."], ["commit", "--message", "x"]):
        subprocess.run([*git, *command], check=True, capture_output=True)
    (tmp_path / "server.py").write_text("not committed")
    for verb in ("push", "image-multiarch"):
        refused = make(verb, "REGISTRY=registry.invalid/me", "DOCKER=false", cwd=tmp_path)
        assert refused.returncode == 2
        assert refused.stderr.startswith("make: only what is committed is pushed: see git status\n")


def test_push_builds_from_what_is_committed_and_so_from_nothing_that_git_ignores():
    ignoring_git = make("push", "REGISTRY=registry.invalid/me/", "DOCKER=echo", "REFUSE_DIRTY=true").stdout.splitlines()
    built, tagged, pushed = ignoring_git
    identity = read_identity()
    image = f"{identity.name}:{identity.version}"
    assert built.endswith(f"--tag {image} -")
    assert tagged == f"tag {image} registry.invalid/me/{image}"
    assert pushed == f"push registry.invalid/me/{image}"


def test_push_asks_where_to():
    assert make("push", "DOCKER=false").stderr.startswith("make: where to? (make push REGISTRY=")
