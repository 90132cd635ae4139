"""The zip that Lambda takes: within its limits, and the same byte by byte whenever nothing has changed."""

import base64
import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ship.archive.write import write
from ship.aws_lambda.pack.errors import BuildError
from ship.aws_lambda.pack.guest import BOOT
from ship.aws_lambda.pack.order import MOST_UNZIPPED_BYTES

PACKAGES: Final = f"{BOOT}/packages"
SHOWN: Final = 10
"""How many of the largest packages are named when all together are too large."""
_MIB: Final = 1024**2


@dataclass(frozen=True)
class Artifact:
    """A zip for Lambda."""

    file: Path
    sha256: bytes
    unzipped_bytes: int

    @property
    def checksum(self) -> str:
        """Its SHA-256 as S3 and Lambda spell it, in base64."""
        return base64.b64encode(self.sha256).decode()


def zip_up(file: Path, entries: Mapping[str, Path]) -> Artifact:
    """Write these files into a zip.

    Raises:
        BuildError: they are more than Lambda takes; the message names the largest packages.
    """
    sizes = {name: path.stat().st_size for name, path in entries.items()}
    total = sum(sizes.values())
    if total > MOST_UNZIPPED_BYTES:
        largest = ", ".join(f"{name} {size / _MIB:.1f} MB" for name, size in largest_of(sizes))
        most = MOST_UNZIPPED_BYTES // _MIB
        raise BuildError(
            f"unzipped it has {total / _MIB:.0f} MB, and Lambda takes {most} MB: the largest are {largest}"
        )
    write(file, entries, programs=True)
    return Artifact(file, hashlib.sha256(file.read_bytes()).digest(), total)


def largest_of(sizes: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return the largest packages, and folders or files of the guest, with their sizes in bytes."""
    found: Counter[str] = Counter()
    for name, size in sizes.items():
        package = name.removeprefix(f"{PACKAGES}/")
        top = package.partition("/")[0]
        found[top if package != name else f"./{top}"] += size  # what is the guest's own, as it is in its folder
    return found.most_common(SHOWN)
