"""From a guest's folder to a zip for Lambda; and all the way, from an address to S3."""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from serving.errors import StartError
from serving.identity import ROOT
from ship.archive.address import shown
from ship.archive.download import fetch, verify
from ship.archive.errors import one_line
from ship.archive.unpack import unpack
from ship.aws_lambda.pack.artifact import PACKAGES, Artifact, zip_up
from ship.aws_lambda.pack.boot import add_boot_files
from ship.aws_lambda.pack.guest import BOOT, Sources, files_of, look_at
from ship.aws_lambda.pack.lean import compile_all, prune, python_of
from ship.aws_lambda.pack.order import Order, Target, read_order
from ship.aws_lambda.pack.packages import install, lock_of_this_server, resolve
from ship.aws_lambda.pack.steps import Steps

WORKSPACE: Final = Path("/workspace")
"""Where the build image unpacks and builds."""
OURS: Final = ("server.py", "pyproject.toml", "LICENSE", "serving", "tools")
"""What is packed of this folder: what the images have, too."""
_MB: Final = 1024**2


def main(environ: Mapping[str, str] = os.environ, workspace: Path = WORKSPACE) -> None:
    """Build what the environment asks for; what does not work is one line on stderr and status 1."""
    try:
        order = read_order(environ)
        build(order, workspace, Steps())
    except StartError as error:
        sys.exit(f"build: {one_line(str(error), 2000)}")
    except OSError as error:  # in a step it says which one
        sys.exit(f"build: {workspace}: expected a folder that can be written to ({error.strerror})")


def build(order: Order, workspace: Path, steps: Steps) -> None:
    """Download, verify, unpack and build a guest, and upload the zip.

    Raises:
        BuildError: a step failed; nothing is uploaded, unless that was the last one.
    """
    src = workspace / "src"
    for left in (src, workspace / "boot", workspace / "packages"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryFile(dir=workspace) as archive:
        with steps.step(f"Download {shown(order.source.url)}"):
            found = fetch(order.source, archive)
        with steps.step("Verify"):
            verify(order.source, found)
            steps.say(f"      SHA-256 {found}")
        with steps.step(f"Unpack to {src}"):
            unpack(archive, src, order.source)
    with steps.step("Find the entry point"):
        guest = look_at(src, order.entrypoint)
        steps.say(f"      {guest.entrypoint}, {guest.requirements.name if guest.requirements else 'no requirements'}")
    artifact = build_zip(guest, order.target, workspace, workspace / "function.zip", steps)
    with steps.step(f"Upload to s3://{order.bucket}/{order.key}"):
        from ship.aws_lambda.pack.upload import upload

        upload(artifact, order, guest.entrypoint)
    print(json.dumps(_said(artifact, order, guest)))


def build_zip(
    guest: Sources, target: Target, workspace: Path, file: Path, steps: Steps, *, ours: bool = False
) -> Artifact:
    """Build the zip of a guest; `ours` is this very server, whose packages are locked.

    Raises:
        BuildError: a step failed.
    """
    lock, packages, boot = workspace / "packages.txt", workspace / "packages", workspace / "boot"
    with steps.step(f"Install packages for Python {target.python} on {target.architecture}"):
        lock_of_this_server(lock) if ours else resolve(guest.requirements, target, lock)
        install(lock, target, packages)
    with steps.step(f"Add what boots it, as {BOOT}"):
        add_boot_files(boot, guest.entrypoint)
    with steps.step("Leave out what Lambda never needs"):
        steps.say(f"      {prune(packages, guest.folder) / _MB:.1f} MB")
    with steps.step("Compile"):
        python = python_of(target)
        for folder, within in ((guest.folder, ""), (packages, PACKAGES), (boot, BOOT)):
            compile_all(python, folder, within)
    with steps.step(f"Write {file.name}"):
        entries = guest.files()
        for within, folder in ((BOOT, boot), (PACKAGES, packages)):
            entries |= {f"{within}/{name}": path for name, path in files_of(folder).items()}
        artifact = zip_up(file, entries)
        steps.say(f"      {file.stat().st_size / _MB:.1f} MB, {artifact.unzipped_bytes / _MB:.1f} MB unzipped")
    return artifact


def pack(target: Target, output: Path) -> Path:
    """Build lambda.zip of this very server into a folder, without Docker; return it.

    Raises:
        BuildError: a step failed.
    """
    steps = Steps(5, quiet=not sys.stderr.isatty())
    output.mkdir(parents=True, exist_ok=True)
    file = output / "lambda.zip"  # the template says so, in which no name can be put together
    with tempfile.TemporaryDirectory() as temporary:
        workspace = Path(temporary)
        src = workspace / "src"
        src.mkdir()
        for name in OURS:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, src / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
            elif (ROOT / name).is_file():
                shutil.copy(ROOT / name, src)
        artifact = build_zip(look_at(src), target, workspace, file, steps, ours=True)
    file.with_name(f"{file.name}.sha256").write_text(f"{artifact.sha256.hex()}  {file.name}\n")
    return file


def _said(artifact: Artifact, order: Order, guest: Sources) -> dict[str, str | int]:
    """Return what whoever started the build goes on with."""
    return {
        "bucket": order.bucket,
        "key": order.key,
        "sha256": artifact.sha256.hex(),
        "bytes": artifact.file.stat().st_size,
        "unzipped_bytes": artifact.unzipped_bytes,
        "entrypoint": guest.entrypoint,
        "handler": f"{BOOT}.handler.handler",
        "runtime": f"python{order.target.python}",
        "architecture": order.target.architecture,
    }
