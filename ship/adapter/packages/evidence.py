"""How a file says that a server is started, and what the readers of all kinds of files need to say it."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from serving.errors import StartError
from ship.adapter.packages.folder import Folder, UnusableError
from ship.adapter.packages.names import Runtime, parse


@dataclass(frozen=True)
class Evidence:
    """How one file says the server is started, from inside its folder.

    `weight` is 3 for what declares an MCP server and its start, 2 for one of both, 1 for a mere hint.
    """

    file: str
    runtime: Literal["npm", "python", "custom"]
    package: str | None
    command: list[str]
    weight: int
    why: str


def script_command(folder: Folder, file: str) -> list[str]:
    """Return how a script is started, by its suffix or by the interpreter that its first line names."""
    suffix = PurePosixPath(file).suffix
    if suffix == ".py":
        return ["python", file]
    if suffix in (".ts", ".mts"):
        return ["npx", "-y", "tsx", file]
    first = ""
    if suffix not in (".js", ".mjs", ".cjs"):
        with suppress(UnusableError):
            first = folder.read(file).partition("\n")[0]
    return [f"./{file}"] if first.startswith("#!") and "node" not in first else ["node", file]


def package_name(text: str, runtime: Runtime) -> str | None:
    """Return the text if a registry may be asked for it, else None."""
    with suppress(StartError):
        return parse(text, runtime).text
    return None
