"""What the build image is asked for, from its environment."""

import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, Literal
from urllib.parse import urlsplit

from ship.archive.address import check
from ship.archive.errors import one_line
from ship.archive.source import Source
from ship.aws_lambda.pack.errors import BuildError

Architecture = Literal["x86_64", "arm64"]
ARCHITECTURES: Final[tuple[Architecture, ...]] = ("x86_64", "arm64")
PYTHONS: Final = ("3.11", "3.12", "3.13", "3.14")
"""The versions that Lambda runs, and so do we."""
THIS_ARCHITECTURE: Final[Architecture] = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
THIS_PYTHON: Final = "{}.{}".format(*sys.version_info)
MOST_UNZIPPED_BYTES: Final = 250 * 1024**2
"""What all files of a function may take: a guest that has more cannot become one.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""
MOST_CHARACTERS: Final = 255
"""Of an entry point, which S3 keeps as metadata."""
_REQUIRED: Final = ("ZIP_URL", "S3_BUCKET", "S3_KEY")
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]|arn:[\w:/.-]+")
_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, kw_only=True)
class Target:
    """Which Lambda something is built for."""

    python: str
    architecture: Architecture


@dataclass(frozen=True, kw_only=True)
class Order:
    """A build: of what, for which Lambda, and to where."""

    source: Source
    target: Target
    bucket: str
    key: str
    endpoint: str
    """Another S3 than AWS's; empty for that one."""
    entrypoint: str
    """The entry point, if it shall not be looked for."""


def read_order(environ: Mapping[str, str]) -> Order:
    """Read what is asked for.

    Raises:
        BuildError: something is missing, or cannot be.
    """
    if missing := [name for name in _REQUIRED if not environ.get(name)]:
        raise BuildError(f"{' and '.join(missing)}: expected a value, and nothing is set")
    order = Order(
        source=Source(
            url=environ["ZIP_URL"],
            sha256=_fits(environ, "ZIP_SHA256", _SHA256, "64 hexadecimal digits").lower(),
            max_bytes=MOST_UNZIPPED_BYTES,
            max_unpacked_bytes=MOST_UNZIPPED_BYTES,
            seconds=_number(environ, "ZIP_SECONDS", 300),
            allow_http=_chosen(environ, "ZIP_ALLOW_HTTP", "false", ("true", "false")) == "true",
            noun="archive",
            prefix="ZIP_",
        ),
        target=read_target(environ.get("PYTHON_VERSION") or THIS_PYTHON, environ.get("ARCHITECTURE") or "x86_64"),
        bucket=_fits(environ, "S3_BUCKET", _BUCKET, "the name of a bucket"),
        key=environ["S3_KEY"],
        endpoint=environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL", ""),
        entrypoint=environ.get("MCP_ENTRYPOINT", ""),
    )
    check(order.source)
    _check_key(order.key)
    _check_endpoint(order.endpoint)
    if order.entrypoint:
        check_entrypoint(order.entrypoint)
    return order


def read_target(python: str, architecture: str) -> Target:
    """Return the Lambda with this architecture and Python: 3.13, or as Python's images have it in a variable, 3.13.5.

    Raises:
        BuildError: there is none.
    """
    version = ".".join(python.split(".")[:2])
    if version not in PYTHONS:
        raise BuildError(f"PYTHON_VERSION={python}: expected one of {', '.join(PYTHONS)}")
    for known in ARCHITECTURES:
        if architecture == known:
            return Target(python=version, architecture=known)
    raise BuildError(f"ARCHITECTURE={architecture}: expected x86_64 or arm64")


def check_entrypoint(entrypoint: str) -> None:
    """See that an entry point is a path in the guest, with an object in it or not.

    Raises:
        BuildError: it is not.
    """
    path, colon, name = entrypoint.partition(":")
    plain = entrypoint.isascii() and entrypoint.isprintable() and len(entrypoint) <= MOST_CHARACTERS
    inside = path.endswith(".py") and not path.startswith("/") and ".." not in PurePosixPath(path).parts
    if not plain or not inside or (colon and not name.isidentifier()):
        shown = one_line(entrypoint, 100)
        raise BuildError(f"MCP_ENTRYPOINT={shown}: expected a file like src/server.py, or server.py:mcp")


def _check_endpoint(endpoint: str) -> None:
    """See that another S3 is an address; there may be a password in what is none."""
    try:
        parts = urlsplit(endpoint)
        fits = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        fits = False
    if endpoint and not fits:
        raise BuildError("AWS_ENDPOINT_URL: expected an address like https://s3.example.com")


def _check_key(key: str) -> None:
    # What is not printable goes first: bytes that are no text cannot be counted.
    if not key.isprintable() or len(key.encode()) > 1024 or key.startswith("/") or key.endswith("/"):
        expected = "at most 1,024 bytes, without / at either end, as in builds/server.zip"
        raise BuildError(f"S3_KEY={one_line(key, 100)}: expected {expected}")


def _fits(environ: Mapping[str, str], name: str, pattern: re.Pattern[str], expected: str) -> str:
    value = environ.get(name, "")
    if value and not pattern.fullmatch(value):
        raise BuildError(f"{name}={value}: expected {expected}")
    return value


def _chosen(environ: Mapping[str, str], name: str, default: str, choices: tuple[str, ...]) -> str:
    value = (environ.get(name) or default).lower()
    if value not in choices:
        raise BuildError(f"{name}={value}: expected {' or '.join(choices)}")
    return value


def _number(environ: Mapping[str, str], name: str, default: float) -> float:
    value = environ.get(name) or str(default)
    try:
        number = float(value)
    except ValueError:
        number = 0
    if not 0 < number <= 86_400:
        raise BuildError(f"{name}={value}: expected seconds, above 0 and up to 86400")
    return number
