"""What the adapter is compared with, as locked beside this file, in a folder of its own: mcp-proxy needs another SDK.

Newer ones are locked with `npm install --package-lock-only` and
`echo mcp-proxy | uv pip compile - --universal --python-version 3.11 --generate-hashes --no-annotate --no-header`.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from serving.errors import StartError

HERE: Final = Path(__file__).parent
REQUIREMENTS: Final = HERE / "requirements.txt"
PACKAGE: Final = HERE / "package.json"
LOCK: Final = HERE / "package-lock.json"
MOST_WORDS: Final = 500
"""Characters that an error repeats of what an installer has written."""


@dataclass(frozen=True)
class Installed:
    """The start of each program's command line."""

    mcp_proxy: list[str]
    supergateway: list[str]
    everything: list[str]


def install(folder: Path) -> Installed:
    """Install both locks into `folder`, unless they are there.

    Raises:
        StartError: there is no Node.js, or pip or npm fails.
    """
    node, npm = _find("node"), _find("npm")

    def with_pip(place: Path) -> None:
        _run(place, sys.executable, "-m", "venv", ".")
        pip = ("bin/python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
        _run(place, *pip, "--no-deps", "--require-hashes", "--requirement", str(REQUIREMENTS))

    def with_npm(place: Path) -> None:
        for file in (PACKAGE, LOCK):
            shutil.copy(file, place)
        _run(place, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error")

    python = _once(folder / "python", REQUIREMENTS, with_pip) / "bin" / "python"
    modules = _once(folder / "node", LOCK, with_npm) / "node_modules"
    everything = modules / "@modelcontextprotocol" / "server-everything"
    return Installed(
        mcp_proxy=[str(python), "-m", "mcp_proxy"],
        supergateway=[node, str(modules / "supergateway" / "dist" / "index.js")],
        everything=[node, str(everything / "dist" / "index.js"), "stdio"],
    )


def versions() -> dict[str, str]:
    """Return the versions that are locked, by name."""
    packages = json.loads(PACKAGE.read_text(encoding="utf-8"))["dependencies"]
    proxy = re.findall(r"^(mcp-proxy)==(\S+)", REQUIREMENTS.read_text(encoding="utf-8"), re.MULTILINE)
    return {**dict(proxy), **{name.rpartition("/")[2]: version for name, version in packages.items()}}


def _find(program: str) -> str:
    found = shutil.which(program)
    if not found:
        raise StartError(f"PATH: expected Node.js and npm on it; there is no {program}")
    return found


def _once(place: Path, lock: Path, install: Callable[[Path], None]) -> Path:
    marker, wanted = place / "installed", lock.read_text(encoding="utf-8")
    if not marker.is_file() or marker.read_text(encoding="utf-8") != wanted:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        install(place)
        marker.write_text(wanted, encoding="utf-8")
    return place


def _run(place: Path, *argv: str) -> None:
    done = subprocess.run(argv, cwd=place, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        said = re.sub(r"//[^/\s]*@", "//", " ".join((done.stderr or done.stdout).split()))  # without a password
        raise StartError(f"--folder={place.parent}: cannot install into it ({said[-MOST_WORDS:]})")
