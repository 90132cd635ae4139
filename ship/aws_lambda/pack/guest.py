"""What was unpacked: where in it the guest is, where it begins, what it needs. Nothing of it is run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ship.archive.unpack import MARK
from ship.aws_lambda.pack.errors import BuildError
from ship.aws_lambda.pack.order import check_entrypoint

ENTRYPOINTS: Final = ("server.py", "main.py", "index.py", "app.py", "handler.py", "lambda.py", "mcp.py")
"""What is looked for, in this order."""
BOOT: Final = "__boot__"
REQUIREMENTS: Final = ("requirements.txt", "pyproject.toml")
LEFT_OUT: Final = frozenset({".git", ".venv", "venv", "__MACOSX", MARK})
"""Folders and files that no function needs."""


@dataclass(frozen=True)
class Sources:
    """A guest's folder, its entry point in it, and the file that says what it needs, if there is one."""

    folder: Path
    entrypoint: str
    requirements: Path | None

    def files(self) -> dict[str, Path]:
        """Return its files by the names that they have in the zip."""
        return {name: path for name, path in files_of(self.folder).items() if LEFT_OUT.isdisjoint(name.split("/"))}


def files_of(folder: Path) -> dict[str, Path]:
    """Return all files below a folder by their names from there."""
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}


def look_at(unpacked: Path, entrypoint: str = "") -> Sources:
    """Find a guest in what was unpacked. An archive may have one folder that has all the rest, as those of GitHub do.

    Raises:
        BuildError: it has no entry point, or a folder that is called as ours is.
    """
    inside = [path for path in unpacked.iterdir() if path.name not in LEFT_OUT]
    named = entrypoint and (unpacked / entrypoint.partition(":")[0]).is_file()
    folder = inside[0] if len(inside) == 1 and inside[0].is_dir() and not named else unpacked
    if any(path.name.casefold() == BOOT for path in folder.iterdir()):
        raise BuildError(f"the archive has a {BOOT}: expected none, because what boots it is called so")
    return Sources(folder, _entrypoint(folder, entrypoint), _requirements(folder))


def _entrypoint(folder: Path, given: str) -> str:
    if given:
        check_entrypoint(given)
        if not (folder / given.partition(":")[0]).is_file():
            raise BuildError(f"MCP_ENTRYPOINT={given}: expected a file that is in the archive")
        return given
    for name in ENTRYPOINTS:
        if (folder / name).is_file():
            return name
    raise BuildError(f"the archive has no entry point: expected {', '.join(ENTRYPOINTS)}, or MCP_ENTRYPOINT")


def _requirements(folder: Path) -> Path | None:
    return next((folder / name for name in REQUIREMENTS if (folder / name).is_file()), None)
