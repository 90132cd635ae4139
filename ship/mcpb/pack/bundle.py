"""`python -m ship.mcpb pack`: this server as one file, the same byte by byte whenever nothing has changed."""

import argparse
import asyncio
import hashlib
import json
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, cast

from serving.errors import StartError
from serving.first_import import import_fastmcp
from serving.identity import ROOT, read_identity
from ship.archive.errors import one_line
from ship.archive.write import write
from ship.mcpb.errors import BundleError
from ship.mcpb.pack.manifest import DEPS, ENTRY_POINT, REQUIREMENTS, TYPES, BundleType, manifest

SOURCES: Final = (ENTRY_POINT, "pyproject.toml", "LICENSE", "serving", "tools")
"""What is packed of this folder: what the images have, too."""
NO_PACKAGES: Final = frozenset({"bin", "Scripts", ".lock"})
"""What is installed beside the packages: programs, which have this machine's path in them, and uv's lock."""
PLATFORMS: Final = {
    "linux": "linux",
    "macos": "darwin",
    "windows": "win32",
    "x86_64-unknown-linux-gnu": "linux",
    "aarch64-unknown-linux-gnu": "linux",
    "x86_64-manylinux2014": "linux",
    "aarch64-manylinux2014": "linux",
    "x86_64-apple-darwin": "darwin",
    "aarch64-apple-darwin": "darwin",
    "x86_64-pc-windows-msvc": "win32",
}
"""The platforms that packages can be had for, as uv calls them -> as a manifest does."""


def main(argv: Sequence[str]) -> None:
    """Pack as the command line says; what does not work is one line on stderr and status 1."""
    parser = argparse.ArgumentParser(prog="pack", description="Write NAME-VERSION.mcpb and its .sha256.")
    parser.add_argument("--type", choices=TYPES, default="python", help="python: with its packages; uv: without")
    parser.add_argument("--python", default=".".join(platform.python_version_tuple()[:2]), help="3.14 and so on")
    parser.add_argument("--platform", default="", help=f"another than this one: {', '.join(PLATFORMS)}")
    parser.add_argument("--output", default="dist", help="a folder")
    given = parser.parse_args(argv)
    try:
        import_fastmcp()  # before the tools do
        file = pack(cast("BundleType", given.type), given.python, given.platform, Path(given.output))
    except StartError as error:
        print(f"pack: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
    print(file)


def pack(kind: BundleType, python: str, target: str, output: Path) -> Path:
    """Write the bundle of this server into the folder `output`; return its file, beside which is its SHA-256.

    Raises:
        StartError: the packages cannot be had for this Python and platform, or there is a file that cannot be packed.
    """
    if target and target not in PLATFORMS:
        raise BundleError(f"platform {target!r}: expected one of {', '.join(PLATFORMS)}")
    parts = python.split(".")
    if len(parts) != 2 or not all(part.isdecimal() for part in parts):
        raise BundleError(f"Python {python!r}: expected a version like 3.14")
    said = asyncio.run(manifest(kind, python, PLATFORMS.get(target, sys.platform)))
    files = {"manifest.json": json.dumps(said, indent=2, ensure_ascii=False).encode() + b"\n"}
    files |= {
        path.relative_to(ROOT).as_posix(): path.read_bytes() for source in SOURCES for path in _files(ROOT / source)
    }
    if kind == "uv":
        files[REQUIREMENTS] = (ROOT / REQUIREMENTS).read_bytes()
    else:
        files |= _packages(python, target)
    who = read_identity()
    output.mkdir(parents=True, exist_ok=True)
    file = output / f"{who.name}-{who.version}.mcpb"
    write(file, files)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    file.with_name(f"{file.name}.sha256").write_text(f"{digest}  {file.name}\n")
    return file


def _files(path: Path) -> Iterator[Path]:
    """Yield the files of a folder, as the images take them: no caches, nothing hidden."""
    if path.is_symlink():
        raise BundleError(f"{path.relative_to(ROOT)}: expected a file or a folder, and no link")
    if path.is_file():
        yield path
    elif path.is_dir():
        for inner in path.iterdir():
            if inner.name[0] != "." and inner.name != "__pycache__":
                yield from _files(inner)


def _packages(python: str, target: str) -> dict[str, bytes]:
    """Return the locked packages, each as a wheel with one of the hashes that are in the lock."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if not uv:
        raise BundleError("uv is needed to get the packages, and was not found (make bundle installs it)")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / DEPS
        command = [uv, "pip", "install", "--target", str(folder), "--python-version", python]
        command += ["--python", sys.executable, "--only-binary", ":all:", "--no-deps", "--require-hashes"]
        command += ["--link-mode", "copy", *(["--python-platform", target] if target else [])]
        command += [*([] if sys.stderr.isatty() else ["--quiet"]), "--requirement", str(ROOT / REQUIREMENTS)]
        done = subprocess.run(command, stderr=None if sys.stderr.isatty() else subprocess.PIPE, text=True, check=False)
        if done.returncode:
            said = one_line(done.stderr or "what uv said is above")
            raise BundleError(f"the packages cannot be had for Python {python}: {said}")
        files = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
        return {
            f"{DEPS}/{name.as_posix()}": _without_programs(path)
            if name.match("*.dist-info/RECORD")
            else path.read_bytes()
            for name, path in files.items()
            if name.parts[0] not in NO_PACKAGES and "__pycache__" not in name.parts
        }


def _without_programs(record: Path) -> bytes:
    """Return what a RECORD says of the files that are packed: the hashes of programs are other ones on each machine."""
    lines = record.read_bytes().splitlines(keepends=True)
    return b"".join(line for line in lines if not re.match(rb"[./]*(bin|Scripts)/", line))
