"""What is locked with hashes, installed into a folder of its own, once."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from serving.errors import StartError

MOST_WORDS: Final = 500
"""Characters that an error repeats of what an installer has written."""


def python_with(place: Path, *locks: Path) -> Path:
    """Return the Python of a virtual environment that has just what these locks name, made here unless it is there.

    Raises:
        StartError: pip fails.
    """

    def install() -> None:
        run(place, sys.executable, "-m", "venv", ".")
        pip = ("bin/python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
        for lock in locks:
            run(place, *pip, "--no-deps", "--require-hashes", "--requirement", str(lock))

    _once(place, [sys.version, *map(_text, locks)], install)
    return place / "bin" / "python"


def node_modules_of(place: Path, package: Path) -> Path:
    """Return the node_modules of a package.json and the lock beside it, installed here unless they are there.

    Raises:
        StartError: there is no npm, or it fails.
    """
    files = (package, package.with_name("package-lock.json"))

    def install() -> None:
        npm = find("npm")
        for file in files:
            shutil.copy(file, place)
        run(place, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error")

    _once(place, list(map(_text, files)), install)
    return place / "node_modules"


def find(program: str) -> str:
    """Return the path of Node.js or npm.

    Raises:
        StartError: there is none.
    """
    found = shutil.which(program)
    if not found:
        raise StartError(f"PATH: expected Node.js and npm on it; there is no {program}")
    return found


def run(place: Path, *argv: str) -> None:
    """Run an installer there.

    Raises:
        StartError: it fails.
    """
    done = subprocess.run(argv, cwd=place, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        said = re.sub(r"//[^/\s]*@", "//", " ".join((done.stderr or done.stdout).split()))  # without a password
        raise StartError(f"--folder={place.parent}: cannot install into it ({said[-MOST_WORDS:]})")


def _once(place: Path, wanted: Sequence[str], install: Callable[[], None]) -> None:
    marker, text = place / "installed", "\n".join(wanted)
    if not marker.is_file() or _text(marker) != text:
        try:
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
            install()
            marker.write_text(text, encoding="utf-8")
        except OSError as error:
            raise StartError(f"--folder={place.parent}: cannot install into it ({error.strerror})") from None


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8")
