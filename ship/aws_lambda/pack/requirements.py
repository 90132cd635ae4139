"""What a guest says that it needs, read strictly: names, versions and hashes.

uv gets what was read here, and never the guest's own file: in one, options can run a setup.py of the guest's, name
another index, or quote a file of this machine.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from ship.archive.errors import one_line, without_passwords
from ship.aws_lambda.pack.errors import BuildError

OF_LAMBDA: Final = ("boto3", "botocore", "s3transfer", "jmespath")
"""What Lambda has; a guest that names a version of one, or has other packages that need them, brings them along."""
MOST_BYTES: Final = 1024**2
"""The longest file that is read."""
_INCLUDES: Final = re.compile(r"(-r|--requirement|-c|--constraint)(?:\s*=\s*|\s+|(?<=-[rc]))(\S.*)")
_HASH: Final = re.compile(r"\s--hash[=\s]\s*(sha256:[0-9a-fA-F]{64})(?=\s|$)")
_FILES: Final = re.compile(r"\.(whl|zip|tgz|tbz|txz|tlz|tar(\.\w+)?)$", re.IGNORECASE)
"""How names end that uv takes for those of files."""
_EXPECTED: Final = "expected a package with its version, a --hash=sha256:..., -r or -c"


@dataclass
class Wanted:
    """What a guest needs: requirements and constraints as uv takes them, and the hashes it has named, by package."""

    requirements: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    hashes: dict[str, set[str]] = field(default_factory=dict)
    names_boto: bool = False
    """Whether a certain version of what Lambda has is wanted, and not just the one of Lambda."""

    def add(self, requirement: Requirement, hashes: list[str], *, constrains: bool) -> None:
        """Take a line of a file."""
        (self.constraints if constrains else self.requirements).append(str(requirement))
        name = canonicalize_name(requirement.name)
        if hashes:
            self.hashes.setdefault(name, set()).update(map(str.lower, hashes))
        self.names_boto |= name in OF_LAMBDA and bool(requirement.specifier)


def read_wanted(file: Path | None) -> Wanted:
    """Read requirements.txt with what it includes, or the dependencies in pyproject.toml.

    Raises:
        BuildError: something else than names, versions and hashes stands there, or it cannot be read.
    """
    wanted = Wanted()
    if file is None:
        return wanted
    try:
        if file.suffix == ".toml":
            for line in _of_project(file):
                wanted.add(_requirement(line, file), [], constrains=False)
        else:
            _read(file.resolve(), file.parent.resolve(), wanted, constrains=False, seen=set())
    except (RecursionError, ValueError):
        raise BuildError(f"{file.name}: expected requirements that can be read") from None
    return wanted


def _read(file: Path, top: Path, wanted: Wanted, *, constrains: bool, seen: set[tuple[Path, bool]]) -> None:
    if (file, constrains) in seen:
        return
    seen.add((file, constrains))
    for line in _lines(file):
        if included := _INCLUDES.fullmatch(line):
            other = (file.parent / included[2]).resolve()
            if "$" in line or ":" in included[2] or not (other.is_file() and other.is_relative_to(top)):
                raise BuildError(f"{file.name}: {_shown(line)}: expected a file that is in the archive")
            _read(other, top, wanted, constrains=constrains or "c" in included[1][1:4], seen=seen)
        elif line != "--require-hashes":  # all are compared anyway
            hashes = _HASH.findall(line)
            wanted.add(_requirement(_HASH.sub("", line).strip(), file), hashes, constrains=constrains)


def _requirement(line: str, file: Path) -> Requirement:
    try:
        requirement = Requirement(line)
    except InvalidRequirement:
        raise BuildError(f"{file.name}: {_shown(line)}: {_EXPECTED}") from None
    if requirement.url or _FILES.search(requirement.name):
        raise BuildError(f"{file.name}: {_shown(requirement.name)}: expected a version, and no address")
    return requirement


def _lines(file: Path) -> Iterator[str]:
    """Yield lines without their comments, those that are continued as one."""
    text = re.sub(r"\\\r?\n", " ", _text(file))
    for line in re.split(r"\r\n|\r|\n", text):
        if bare := re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip():
            yield bare


def _of_project(file: Path) -> list[str]:
    try:
        read: dict[str, Any] = tomllib.loads(_text(file))
        project = read.get("project", {})
        wanted, dynamic = project.get("dependencies", []), project.get("dynamic", [])
        poetry = "dependencies" in read.get("tool", {}).get("poetry", {})
        elsewhere = "dependencies" in dynamic or (poetry and "dependencies" not in project)
    except (tomllib.TOMLDecodeError, RecursionError, AttributeError, TypeError):
        raise BuildError(f"{file.name}: expected a pyproject.toml that can be read") from None
    if elsewhere or not isinstance(wanted, list) or not all(isinstance(one, str) for one in wanted):
        raise BuildError(f"{file.name}: expected the dependencies in it, as a list under [project]")
    return wanted


def _text(file: Path) -> str:
    if file.stat().st_size > MOST_BYTES:
        raise BuildError(f"{file.name}: expected at most {MOST_BYTES} bytes")
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise BuildError(f"{file.name}: expected UTF-8") from None


def _shown(line: str) -> str:
    return without_passwords(one_line(line, 100))
