"""`make image-sbom`: what is in an image, as CycloneDX 1.6: its Python packages, its Debian packages, Python itself.

cyclonedx-py describes the Python packages from their own metadata; it knows no others, so these are added here.
"""

import json
import os
import subprocess
import sys
import tarfile
import tempfile
from email.message import Message
from email.parser import Parser
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final

from packageurl import PackageURL

from ship.image.engine import DOCKER, docker

METADATA: Final = ("usr/local/lib/python3*/site-packages/*.dist-info/*", "var/lib/dpkg/status.d/*", "*/os-release")
"""What an image says of its contents."""


def describe(image: str) -> dict[str, Any]:
    """Return the CycloneDX document of `image`.

    Raises:
        subprocess.CalledProcessError: Docker or cyclonedx-py fails; its stderr has been shown.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _extract(image, root)
        [packages] = root.glob("usr/local/lib/python3*/site-packages")
        document: dict[str, Any] = _describe_python_packages(packages)
        document["components"] += [_python(image), *_debian_packages(root)]
    return document


def _extract(image: str, root: Path) -> None:
    container = docker("create", image)
    try:
        with (
            subprocess.Popen([DOCKER, "export", container], stdout=subprocess.PIPE) as export,
            tarfile.open(fileobj=export.stdout, mode="r|") as archive,
        ):
            for member in archive:
                if member.isfile() and any(fnmatch(member.name, pattern) for pattern in METADATA):
                    archive.extract(member, root, filter="data")
    finally:
        docker("rm", container)


def _describe_python_packages(packages: Path) -> Any:
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible"]
    command += ["--pyproject", "pyproject.toml", "--mc-type", "application"]
    command += ["-S", sys.executable]  # which is only asked where to look, without our own packages
    return json.loads(subprocess.check_output(command, env={**os.environ, "PYTHONPATH": str(packages)}))


def _python(image: str) -> dict[str, str]:
    code = "import platform; print(platform.python_version())"
    version = docker("run", "--rm", "--network", "none", "--entrypoint", "python", image, "-c", code)
    return {
        **_component(PackageURL("generic", None, "python", version)),
        "cpe": f"cpe:2.3:a:python:python:{version}:*:*:*:*:*:*:*",
    }


def _debian_packages(root: Path) -> list[dict[str, str]]:
    lines = (root / "usr/lib/os-release").read_text().splitlines()
    release = dict(line.split("=", 1) for line in lines if "=" in line)
    distribution = f"debian-{release.get('VERSION_ID', release.get('VERSION_CODENAME', 'sid')).strip(chr(34))}"
    statuses = [Parser().parsestr(file.read_text()) for file in sorted((root / "var/lib/dpkg/status.d").iterdir())]
    return [_debian_package(status, distribution) for status in statuses]


def _debian_package(status: Message, distribution: str) -> dict[str, str]:
    source = status.get("Source", status["Package"]).split()[0]  # which advisories go by
    qualifiers = {"arch": status["Architecture"], "distro": distribution, "upstream": source}
    return _component(PackageURL("deb", "debian", status["Package"], status["Version"], qualifiers))


def _component(purl: PackageURL) -> dict[str, str]:
    text = purl.to_string()
    return {"type": "library", "bom-ref": text, "name": purl.name, "version": purl.version or "", "purl": text}


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(describe(sys.argv[1]), indent=2) + "\n", encoding="utf-8")
