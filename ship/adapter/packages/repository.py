"""What a folder's own files say of how to start the server in it; they are read, and nothing of them is run."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from ship.adapter.packages.descriptors import read_manifest, read_server_json
from ship.adapter.packages.evidence import Evidence, script_command
from ship.adapter.packages.folder import Folder, UnusableError
from ship.adapter.packages.projects import (
    USUAL,
    read_package_json,
    read_pyproject,
    read_requirements,
    read_setup_cfg,
    read_setup_py,
)

READERS: Final[dict[str, Callable[[Folder, str], Evidence]]] = {
    "manifest.json": read_manifest,
    "package.json": read_package_json,
    "pyproject.toml": read_pyproject,
    "setup.cfg": read_setup_cfg,
    "setup.py": read_setup_py,
    "server.json": read_server_json,
    "requirements.txt": read_requirements,
}
"""What describes a server, the most telling first: where several say as much, that one counts."""


def look(path: Path, names: Sequence[str] = ()) -> tuple[list[Evidence], list[str]]:
    """Read what describes the server in a folder (only `names`, if given), the most telling kind of file first.

    Returns what was found, and for each file that could not be used its name and why.
    """
    folder, found, ignored = Folder(path), [], []
    for name in names or READERS:
        if names or (folder.root / name).exists() or (folder.root / name).is_symlink():
            try:
                found.append(READERS[name](folder, name))
            except UnusableError as reason:
                ignored.append(f"{name} is not used: {reason}")
    if not (found or names):
        usual = next((file for file in (*USUAL, "index.js") if folder.has(file)), None)
        found += [_from_script(folder, usual)] if usual else []
    return found, ignored


def _from_script(folder: Folder, file: str) -> Evidence:
    command = script_command(folder, file)
    return Evidence(
        file, "python" if command[0] == "python" else "npm", None, command, 1, "nothing else says how to start"
    )
