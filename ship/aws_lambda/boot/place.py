"""Where things are in the zip, and who is found first when two are called the same."""

import json
import os
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from serving.errors import StartError
from ship.aws_lambda.boot import PACKAGES

HERE: Final = Path(__file__).parent
COMPAT: Final = HERE / "compat"
"""Has the module `boot` that the simple contract is imported from."""
ABOUT: Final = HERE / "about.json"
"""What the build has found out: `{"entrypoint"}`."""
ENTRYPOINT: Final = "MCP_ENTRYPOINT"
"""The variable that names another entry point than the build has found, as in `src/server.py` or `server.py:mcp`."""


@dataclass(frozen=True)
class Place:
    """The guest's folder, its entry point in it, and the object in that, if one is named."""

    root: Path
    entrypoint: str
    named: str


def find_place(root: Path) -> Place:
    """Return where in a folder the guest begins.

    Raises:
        StartError: no entry point is known, or it is not there.
    """
    about = json.loads(ABOUT.read_text(encoding="utf-8")) if ABOUT.is_file() else {}
    given = os.environ.get(ENTRYPOINT) or about.get("entrypoint", "")
    entrypoint, _, named = given.partition(":")
    if not entrypoint.endswith(".py") or not (root / entrypoint).is_file():
        raise StartError(f"{ENTRYPOINT}={given}: expected a Python file of the guest, as in server.py or server.py:mcp")
    return Place(root, entrypoint, named)


def arrange_path(place: Place) -> None:
    """Put the guest behind what is installed, and the `boot` of ours behind all, because a guest may have its own."""
    root, beside = str(place.root), str((place.root / place.entrypoint).parent)
    installed = str(PACKAGES) if PACKAGES.is_dir() else sysconfig.get_path("purelib")
    others = [entry for entry in sys.path if entry not in ("", root, beside, installed)]
    sys.path[:] = [installed, *dict.fromkeys((beside, root)), *others, str(COMPAT)]
