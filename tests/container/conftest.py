"""The engine and the images of the container tests."""

import os
import subprocess

import pytest

from serving.identity import read_identity
from ship.image.engine import DOCKER
from tests.support import make


def pytest_collection_modifyitems(items):
    for item in items:
        if "container" in item.path.parts[:-1]:
            item.add_marker("container")


@pytest.fixture(scope="session")
def engine():
    """Skip where no engine answers; in CI that is a failure."""
    try:
        subprocess.run([DOCKER, "version"], check=True, capture_output=True, timeout=10)
    except (OSError, subprocess.SubprocessError) as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no container engine answers: {error}")


@pytest.fixture(scope="session")
def images(engine) -> dict[str, str]:
    """Both images, built as a user builds them."""
    built = make("image", seconds=600)
    assert built.returncode == 0, built.stderr
    identity = read_identity()
    production = f"{identity.name}:{identity.version}"
    return {"production": production, "development": f"{production}-dev"}


@pytest.fixture
def production(images) -> str:
    return images["production"]


@pytest.fixture(params=["production", "development"])
def image(request, images) -> str:
    return images[request.param]
