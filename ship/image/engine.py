"""Docker, or what DOCKER names, from Python."""

import os
import subprocess
from typing import Final

DOCKER: Final = os.environ.get("DOCKER", "docker")


def docker(*arguments: str) -> str:
    """Run a Docker command and return what it prints.

    Raises:
        subprocess.CalledProcessError: it fails; its stderr has been shown.
    """
    return subprocess.run([DOCKER, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
