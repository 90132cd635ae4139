"""What a bundle says about itself, in its manifest.json: read, and believed only where it can be seen.

Source: https://github.com/modelcontextprotocol/mcpb, MANIFEST.md. Keys that are not needed here are not looked at.
"""

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Final, Literal, TypeAlias

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from pydantic import BaseModel, Field, JsonValue, StringConstraints, ValidationError

from ship.archive.errors import one_line
from ship.mcpb.errors import BundleError

CHASSIS: Final = "internal.mcp-chassis"
"""The key in `_meta` by which a bundle says that its app takes the settings of this chassis."""
MOST_BYTES: Final = 1024**2

ServerType: TypeAlias = Literal["python", "node", "uv", "binary"]
Line: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,200}$")]
Word: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
"""What a process can be started with."""
Variable: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


@dataclass(frozen=True)
class Command:
    """What starts a server: a program, its arguments and variables."""

    program: str
    args: tuple[str, ...]
    env: Mapping[str, str]


class Override(BaseModel):
    """What differs on one platform; what is not said stays."""

    command: Word = ""
    args: tuple[Word, ...] | None = None
    env: dict[Variable, Word] = {}


class Start(Override):
    """The command by which a desktop client starts the server, with placeholders."""

    command: Word = Field(min_length=1)
    platform_overrides: dict[str, Override] = {}

    def here(self) -> Command:
        """Return what holds on this platform."""
        other = self.platform_overrides.get(sys.platform, Override())
        args = self.args or () if other.args is None else other.args
        return Command(other.command or self.command, args, {**self.env, **other.env})


class Server(BaseModel):
    """What is started."""

    type: ServerType
    entry_point: str
    mcp_config: Start | None = None


class Option(BaseModel):
    """What a user is asked for."""

    type: Literal["string", "number", "boolean", "directory", "file"]
    required: bool = False
    multiple: bool = False
    default: JsonValue = None
    min: float | None = None
    max: float | None = None


class Compatibility(BaseModel):
    """Where it runs."""

    platforms: tuple[str, ...] = ()
    runtimes: dict[str, str] = {}


class Manifest(BaseModel):
    """The part of a manifest that says what is run, and where."""

    name: Line
    version: Line
    server: Server
    user_config: dict[str, Option] = {}
    compatibility: Compatibility = Compatibility()
    meta: dict[str, JsonValue] = Field({}, alias="_meta")


@dataclass(frozen=True)
class Bundle:
    """A bundle that has been unpacked."""

    folder: Path
    manifest: Manifest

    @property
    def called(self) -> str:
        """How it is called in a log."""
        return f"{self.manifest.name} {self.manifest.version}"

    @property
    def entry_point(self) -> Path:
        """The file that is started, or imported."""
        return self.folder / self.manifest.server.entry_point


def read_bundle(folder: Path, python: str) -> Bundle:
    """Read the manifest of the bundle in a folder; `python` is the version that would run one in Python.

    Raises:
        BundleError: there is none, it does not say what is needed, or the bundle is for something else than this.
    """
    bundle = Bundle(folder, _read(folder / "manifest.json"))
    server = bundle.manifest.server
    path = PurePosixPath(server.entry_point)
    inside = not path.is_absolute() and ".." not in path.parts and server.entry_point.isprintable()
    if not inside or not is_file(bundle.entry_point):
        said = repr(one_line(server.entry_point, 100))
        raise BundleError(f"manifest.json: server.entry_point {said}: expected a file of the bundle")
    _fits(bundle.manifest, python)
    return bundle


def is_file(path: Path) -> bool:
    """Say whether there is such a file; of a path that no file can have, too."""
    try:
        return path.is_file()
    except OSError:  # its name is too long
        return False


def _read(file: Path) -> Manifest:
    if not file.is_file():
        raise BundleError("the bundle has no manifest.json in its topmost folder")
    if file.stat().st_size > MOST_BYTES:
        raise BundleError(f"manifest.json is longer than {MOST_BYTES} bytes")
    try:
        return Manifest.model_validate(json.loads(file.read_text("utf-8-sig")))
    except ValidationError as error:
        fault = error.errors()[0]
        where = one_line(".".join(str(part) for part in fault["loc"]) or "all of it", 100)
        raise BundleError(f"manifest.json: {where}: {_expected(fault['msg'])}") from None
    except (ValueError, RecursionError) as error:
        raise BundleError(f"manifest.json is no JSON in UTF-8 ({type(error).__name__})") from None


def _expected(message: str) -> str:
    """Return pydantic's words in the form of all others here."""
    if message == "Field required":
        return "expected it, and it is not there"
    return one_line(re.sub(r"^\w+ should (be|have|match) ", "expected ", message), 150)


def _fits(manifest: Manifest, python: str) -> None:
    platforms, wanted = manifest.compatibility.platforms, manifest.compatibility.runtimes.get("python", "")
    if platforms and sys.platform not in platforms:
        raise BundleError(f"the bundle is for {one_line(', '.join(platforms), 60)}, and this is {sys.platform}")
    if manifest.server.type == "python" and wanted:
        try:
            fits = SpecifierSet(re.sub(r"(?<=[\w*])\s+(?=[<>=!~])", ",", wanted)).contains(python, prereleases=True)
        except (InvalidSpecifier, ValueError):
            return  # written in the way of npm, which says no more than what the start will
        if not fits:
            raise BundleError(f"the bundle is for Python {one_line(wanted, 60)}, and this is {python}")
