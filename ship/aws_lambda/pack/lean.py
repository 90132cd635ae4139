"""What Lambda never needs is left out, and what it would compile at each cold start is compiled once."""

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ship.archive.errors import one_line
from ship.aws_lambda.pack.errors import BuildError
from ship.aws_lambda.pack.guest import files_of
from ship.aws_lambda.pack.order import Target
from ship.aws_lambda.pack.packages import no_longer_files, uv

USELESS_FILES: Final = ("*.pyx", "*.pxd", "*.c", "*.h", "*.a", ".lock")
_IMPORTS_TESTS: Final = re.compile(rb"^\s*(from|import) [^#\n]*\btests\b", re.MULTILINE)
IN_LAMBDA: Final = "/var/task"
COMPILE_SECONDS: Final = 300
COMPILE_BYTES: Final = 2 * 1024**3
"""What each process that compiles may have of memory."""


def prune(packages: Path, guest: Path) -> int:
    """Remove what is never needed of installed packages, programs, tests and sources in C, and old bytecode.

    Return how many bytes that were.
    """
    before = bytes_of(packages) + bytes_of(guest)
    for cache in list(guest.rglob("__pycache__")):
        shutil.rmtree(cache, ignore_errors=True)
    for name in ("bin", "include", "share"):
        shutil.rmtree(packages / name, ignore_errors=True)
    for folder in [path for path in packages.rglob("__pycache__") if path.is_dir()] + list(_tests(packages)):
        shutil.rmtree(folder, ignore_errors=True)
    for file in [path for pattern in USELESS_FILES for path in packages.rglob(pattern) if path.is_file()]:
        file.unlink()
    for record in packages.glob("*.dist-info/RECORD"):  # it names what is not there any more
        record.unlink()
    return before - bytes_of(packages) - bytes_of(guest)


def _tests(packages: Path) -> Iterator[Path]:
    """Yield the tests in packages, but for those that a package itself imports."""
    for package in packages.iterdir():
        folders = [path for path in package.rglob("tests") if path.is_dir()] if package.is_dir() else []
        modules = (path for path in package.rglob("*.py") if "tests" not in path.relative_to(package).parts)
        if folders and not any(_IMPORTS_TESTS.search(path.read_bytes()) for path in modules):
            yield from folders
    if (packages / "tests").is_dir():
        yield packages / "tests"  # which some package has installed by mistake


def python_of(target: Target) -> str:
    """Return a Python of this version: this one, another that is installed, or one that uv gets.

    Raises:
        BuildError: there is none, and uv cannot get one.
    """
    if target.python == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    if (found := shutil.which(f"python{target.python}")) and _runs(found):
        return found
    needed = f"Python {target.python} is needed to compile, is not here, and cannot be had"
    uv(["python", "install", "--quiet", "--no-bin", target.python], needed)
    return uv(["python", "find", "--no-project", target.python], needed).strip()


def compile_all(python: str, folder: Path, within: str = "") -> None:
    """Compile all modules below a folder to bytecode that never looks at them again, as what they are in Lambda.

    Raises:
        BuildError: Python cannot do it.
    """
    # Quiet, and not failed by a file: packages carry templates and Python 2 that nobody imports.
    command = [python, "-I", "-W", "ignore", "-m", "compileall", "-q", "-q", "-j", "0"]
    command += ["--invalidation-mode", "unchecked-hash", "-s", str(folder), "-p", f"{IN_LAMBDA}/{within}", str(folder)]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=_bounded
    ) as process:
        try:
            _, said = process.communicate(timeout=COMPILE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # and what it has started
            raise BuildError(f"modules cannot be compiled within {COMPILE_SECONDS} s") from None
    if process.returncode not in (0, 1) or said:  # where a file is at fault, nothing is said
        reason = said.strip().rpartition("\n")[2]
        raise BuildError(f"modules cannot be compiled: {one_line(reason) or f'status {process.returncode}'}")


def _runs(python: str) -> bool:
    """Say whether a program does: one that only chooses between versions is there without any."""
    return subprocess.run([python, "-I", "-c", ""], capture_output=True, check=False).returncode == 0


def _bounded() -> None:
    """Let this process not have more memory than it should: a few hundred bytes of source can take any amount."""
    resource.setrlimit(resource.RLIMIT_AS, (COMPILE_BYTES, COMPILE_BYTES))
    no_longer_files()


def bytes_of(folder: Path) -> int:
    """Return how much all files below a folder take."""
    return sum(path.stat().st_size for path in files_of(folder).values())
