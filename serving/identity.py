"""Who this server is: name, version and description, stated once in pyproject.toml."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
"""The folder that holds server.py, in a checkout, an image or a wheel alike."""


@dataclass(frozen=True)
class Identity:
    """The `[project]` table's name, version and description."""

    name: str
    version: str
    description: str


def read_identity(root: Path = ROOT) -> Identity:
    """Read the identity from `root`/pyproject.toml, or in a wheel from the installed metadata.

    Raises:
        LookupError: there is neither.
    """
    pyproject = root / "pyproject.toml"
    if pyproject.is_file():
        import tomllib

        project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
        return Identity(project["name"], project["version"], project["description"])

    from importlib.metadata import metadata, packages_distributions

    for distribution in packages_distributions().get(__package__, ()):
        found = metadata(distribution)
        return Identity(found["Name"], found["Version"], found["Summary"])
    raise LookupError(f"{root}: expected a pyproject.toml, or an installed distribution with {__package__!r}")
