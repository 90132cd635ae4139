"""A folder of a stranger's: what is read of it, and which paths are in it.

A path that leads out of the folder, by itself or by a link, is neither read nor used.
"""

import json
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any, Final

from ship.adapter.packages.names import shown

MAX_BYTES: Final = 256 * 1024
"""The longest file that is read."""


class UnusableError(Exception):
    """A file that says nothing that can be used; the message is the reason."""


class Folder:
    """A folder of a stranger's."""

    def __init__(self, path: Path) -> None:
        self.root = path.resolve()

    def inside(self, path: object) -> str:
        """Return a path relative to the folder, normalised, whether it exists or not.

        Raises:
            UnusableError: it leads out of the folder, or is none.
        """
        if not (isinstance(path, str) and path and path.isprintable()) or "\\" in path:
            raise UnusableError(f"{shown(str(path))} is not a path")
        pure = PurePosixPath(path)
        ours = ".." not in pure.parts and not re.match("[A-Za-z]:", path) and not str(pure).startswith(("-", "/", "~"))
        with suppress(OSError, RuntimeError):  # a loop of links, or a name that is too long
            if ours and (self.root / pure).resolve().is_relative_to(self.root):
                return str(pure)
        raise UnusableError(f"{shown(path)} leads out of the folder")

    def has(self, path: str) -> bool:
        """Say whether there is such a file inside the folder."""
        with suppress(UnusableError, OSError):
            return (self.root / self.inside(path)).is_file()
        return False

    def read(self, path: str) -> str:
        """Return the text of a file.

        Raises:
            UnusableError: it leads out of the folder, is no file, too long, or not UTF-8.
        """
        file = self.root / self.inside(path)
        try:
            if not file.is_file():  # opening a pipe would wait for somebody who writes
                raise UnusableError("it is not a file")
            with file.open("rb") as opened:
                content = opened.read(MAX_BYTES + 1)
            if len(content) > MAX_BYTES:
                raise UnusableError(f"it is longer than {MAX_BYTES} bytes")
            return content.decode("utf-8-sig")
        except OSError as error:
            raise UnusableError(f"it cannot be read ({error.strerror})") from None
        except UnicodeDecodeError:
            raise UnusableError("it is not UTF-8") from None

    def parse(self, path: str, parser: Callable[[str], Any]) -> Any:
        """Return what a parser makes of the text of a file.

        Raises:
            UnusableError: it cannot be read, or nothing can be made of it.
        """
        text = self.read(path)
        try:
            return parser(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):  # the last is what ast says of deep nesting
            raise UnusableError("it cannot be parsed") from None

    def json(self, path: str) -> dict[str, Any]:
        """Return the JSON object in a file.

        Raises:
            UnusableError: it cannot be read, or is something else.
        """
        found = self.parse(path, json.loads)
        if not isinstance(found, dict):
            raise UnusableError("it is not a JSON object")
        return found


def as_table(value: object) -> dict[str, Any]:
    """Return a table or object, empty if it is something else."""
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    """Return a list, empty if it is something else."""
    return value if isinstance(value, list) else []


def as_texts(value: object) -> list[str]:
    """Return the strings in a list, none if it is something else."""
    return [item for item in as_list(value) if isinstance(item, str)]


def as_text(value: object) -> str:
    """Return a string, empty if it is something else."""
    return value if isinstance(value, str) else ""
