"""Packages for Lambda: a guest's and ours in one set, as wheels alone, so that nothing of them is run here."""

import os
import re
import resource
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

from serving.identity import ROOT
from ship.archive.errors import one_line, without_passwords
from ship.aws_lambda.pack.errors import BuildError
from ship.aws_lambda.pack.order import MOST_UNZIPPED_BYTES, Target
from ship.aws_lambda.pack.requirements import OF_LAMBDA, Wanted, read_wanted

LOCKS: Final = (ROOT / "requirements.txt", Path(__file__).parent.parent / "requirements.txt")
"""The versions that we are tested with, and that a guest gets unless it asks for others."""
EVENTS: Final = "mangum"
"""What knows Lambda's events."""
UV_SECONDS: Final = 900
_UVS: Final = re.compile(
    r"UV_\w+|(?i:https?|all|no)_(?i:proxy)|SSL_CERT_(FILE|DIR)|PATH|HOME|TMPDIR|XDG_\w+|LANG|LC_ALL"
)
"""What uv is told of the environment; there is more in there that is nobody's but ours."""
_BLOCK: Final = re.compile(r"^([\w.-]+)(?:\[[^]]*\])?==.*?(?=^\S|\Z)", re.MULTILINE | re.DOTALL)
"""What a lock has of one package."""
_MACHINES: Final = {"x86_64": "x86_64", "arm64": "aarch64"}


def resolve(requirements: Path | None, target: Target, lock: Path) -> None:
    """Write the packages that a guest and we need together, each with its version and hashes, to `lock`.

    Raises:
        BuildError: there are no such versions, or one that is no wheel for this Lambda.
    """
    wanted = read_wanted(requirements)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    every = lock.with_suffix(".in")
    every.write_text("\n".join([*wanted.requirements, *project["dependencies"], EVENTS]) + "\n")
    constraints = lock.with_suffix(".constraints")
    constraints.write_text("\n".join(wanted.constraints) + "\n")
    lock.write_text(LOCKS[0].read_text() + _of_lock(EVENTS))  # what stands there already is preferred
    command = ["pip", "compile", str(every), "--constraints", str(constraints), "--output-file", str(lock)]
    command += ["--generate-hashes", "--no-header", "--quiet", *_for(target)]
    uv(command, "these packages cannot be had together")
    found = lock.read_text()
    lock.write_text(_with_hashes_of(wanted, found if wanted.names_boto else _without_those_of_lambda(found)))


def _without_those_of_lambda(lock: str) -> str:
    """Return a lock without what Lambda has, unless some other package needs one of them, and so a certain version."""
    blocks = {found[1]: found[0] for found in _BLOCK.finditer(lock) if found[1] in OF_LAMBDA}
    needed_by = {
        name for block in blocks.values() for name in re.findall(r"^\s+#(?:\s+via)?\s+(\S+)$", block, re.MULTILINE)
    }
    if needed_by - {*OF_LAMBDA, "via"}:
        return lock
    for block in blocks.values():
        lock = lock.replace(block, "")
    return lock


def _with_hashes_of(wanted: Wanted, lock: str) -> str:
    """Return a lock that has, of what a guest has named hashes for, no others than those."""
    for name, hashes in wanted.hashes.items():
        block = next((found[0] for found in _BLOCK.finditer(lock) if found[1] == name), "")
        if not block:
            continue  # a marker has left it out
        first, *lines = block.splitlines()
        kept = [line for line in lines if line.strip(" \\").removeprefix("--hash=") in hashes]
        if not kept:
            raise BuildError(f"{name}: the hashes that are asked for are those of no version that can be had")
        kept[-1] = kept[-1].rstrip(" \\")
        lock = lock.replace(block, "\n".join([first, *kept]) + "\n")
    return lock


def lock_of_this_server(lock: Path) -> None:
    """Write the packages of this very server, as they are locked."""
    lock.write_text(LOCKS[0].read_text() + _of_lock(EVENTS))


def install(lock: Path, target: Target, folder: Path) -> None:
    """Install what is locked into a folder.

    Raises:
        BuildError: a package cannot be had, or is not the one that was locked.
    """
    command = ["pip", "install", "--target", str(folder), "--no-deps", "--require-hashes", "--link-mode", "copy"]
    command += [*_for(target), "--quiet", "--requirement", str(lock)]
    uv(command, "the packages cannot be had")


def uv(arguments: list[str], failed: str) -> str:
    """Run uv, which gets of the environment only what is its own; return what it says.

    Raises:
        BuildError: it fails; the message begins with `failed`.
    """
    program = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if not program:
        raise BuildError("uv is needed to get packages, and was not found")
    env = {name: value for name, value in os.environ.items() if _UVS.fullmatch(name)}
    try:
        done = subprocess.run(
            [program, *arguments],
            cwd=ROOT,
            env=env,
            capture_output=True,
            text=True,
            timeout=UV_SECONDS,
            preexec_fn=no_longer_files,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BuildError(f"{failed} within {UV_SECONDS} s") from None
    if done.returncode:
        raise BuildError(f"{failed}: {one_line(without_passwords(done.stderr), 1000)}")
    return done.stdout


def no_longer_files() -> None:
    """Let this process write no file that is longer than all of a function may be."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_UNZIPPED_BYTES, MOST_UNZIPPED_BYTES))


def _for(target: Target) -> list[str]:
    # Amazon Linux 2 has glibc 2.26, Amazon Linux 2023 has 2.34.
    libc = "manylinux_2_17" if target.python == "3.11" else "manylinux_2_34"
    platform = f"{_MACHINES[target.architecture]}-{libc}"
    return ["--python-version", target.python, "--python-platform", platform, "--only-binary", ":all:"]


def _of_lock(name: str) -> str:
    [found] = re.findall(rf"^{name}==(?:.*\\\n)*.*\n", LOCKS[1].read_text(), re.MULTILINE)
    return str(found)
