"""What a build needs around it: S3, somebody who has zips, and boto3; and what becomes of the zip that it makes."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ship.aws_lambda.pack.boot import add_boot_files
from ship.aws_lambda.pack.guest import BOOT, look_at
from tests.ship.archive.support import web
from tests.ship.aws_lambda.lab.runtime_api import REGION, tools
from tests.support import ROOT, environment

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
BUCKET = "built"
KEY = "builds/server.zip"
BUILD = """
import sys
sys.path.append(sys.argv.pop(1))
from pathlib import Path
from ship.aws_lambda.pack.build import main
main(workspace=Path(sys.argv.pop(1)))
"""
"""The build, elsewhere than in /workspace, with boto3 from behind what is installed here, as its image has it."""
ASK = """
import json, sys
import boto3
method, given, file = sys.argv[1:]
answer = getattr(boto3.client("s3"), method)(**json.loads(given))
if file:
    open(file, "wb").write(answer["Body"].read())
print(json.dumps(answer, default=str))
"""
SECONDS = 240
"""How long a build may take; on a quiet machine it takes 15."""


@dataclass(frozen=True)
class S3:
    """An S3 on this machine, and who may use it."""

    url: str

    @property
    def variables(self) -> dict[str, str]:
        """What AWS's tools are told, so that they use it, and nothing that is a developer's."""
        allowed = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example", "AWS_DEFAULT_REGION": REGION}
        return allowed | {"AWS_ENDPOINT_URL": self.url} | NOBODYS

    def ask(self, method: str, file: Path | None = None, **given: Any) -> dict[str, Any]:
        """Call a method of boto3's client; put the content that it answers with into a file."""
        done = subprocess.run(
            [tools() / "bin" / "python", "-c", ASK, method, json.dumps(given), str(file or "")],
            env=clean(**self.variables),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def objects(self) -> set[str]:
        """What there is in the bucket."""
        return {found["Key"] for found in self.ask("list_objects_v2", Bucket=BUCKET).get("Contents", ())}


NOBODYS = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


def clean(**variables: str) -> dict[str, str]:
    """An environment with nothing of a developer's own for AWS."""
    inherited = {name: value for name, value in environment().items() if not name.startswith(("AWS_", "ZIP_", "S3_"))}
    return inherited | {"PYTHONPATH": str(ROOT)} | variables


@contextmanager
def s3() -> Iterator[S3]:
    """Run moto's S3, with one bucket in it."""
    process = subprocess.Popen(
        [tools() / "bin" / "moto_server", "-H", "127.0.0.1", "-p", "0"],
        env=clean(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    try:
        said = next(found for line in process.stderr if (found := re.search(r"Running on (http://\S+)", line)))
        reader = threading.Thread(target=process.stderr.read)  # else a full pipe would stop it
        reader.start()
        here = S3(said[1])
        here.ask("create_bucket", Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield here
    finally:
        process.kill()
        process.wait()
        reader.join()
        process.stderr.close()


def build(
    s3: S3, content: bytes, workspace: Path, at: str = "guest.zip", **changes: str | None
) -> subprocess.CompletedProcess[str]:
    """Build a zip that is served over HTTP as guest.zip, for this Python; a variable that is None is taken away."""
    workspace.mkdir(parents=True, exist_ok=True)
    with web(guest_zip=content) as (url, _):
        asked = {
            "ZIP_URL": f"{url}/{at}",
            "ZIP_ALLOW_HTTP": "true",
            "S3_BUCKET": BUCKET,
            "S3_KEY": KEY,
            "PYTHON_VERSION": HERE,
        }
        given = clean(**s3.variables) | asked | changes
        [packages] = (tools() / "lib").glob("python*/site-packages")
        return subprocess.run(
            [sys.executable, "-c", BUILD, packages, workspace],
            env={name: value for name, value in given.items() if value is not None},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )


def pack_this_server(output: Path) -> subprocess.CompletedProcess[str]:
    """Pack it for this Python, as `make lambda` does."""
    return subprocess.run(
        [sys.executable, "-m", "ship.aws_lambda", "pack", "--python", HERE, "--output", output],
        env=clean(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def written(folder: Path, files: Mapping[str, str]) -> Path:
    """A folder with these files."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def unpacked(file: Path, folder: Path) -> Path:
    """What Lambda makes of a zip."""
    with zipfile.ZipFile(file) as archive:
        archive.extractall(folder)
        for entry in archive.infolist():
            (folder / entry.filename).chmod(entry.external_attr >> 16 & 0o777)
    return folder


def beside_packages_of(built: Path, folder: Path, files: Mapping[str, str]) -> Path:
    """A guest's zip, unpacked, as a build makes it, with the packages of one that was built."""
    written(folder, files)
    add_boot_files(folder / BOOT, look_at(folder).entrypoint)
    (folder / BOOT / "packages").symlink_to(built / BOOT / "packages")
    return folder


def python_on_path(version: str) -> str:
    """A PATH with this Python in it, if there is one that runs; pyenv's programs run only those that are chosen."""
    versions = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin"))
    path = os.pathsep.join([*map(str, versions), os.environ["PATH"]])
    found = shutil.which(f"python{version}", path=path)
    return path if found and subprocess.run([found, "-V"], capture_output=True, check=False).returncode == 0 else ""
