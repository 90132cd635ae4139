"""A client's JSON file, in which one server is put beside what is there."""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

from ship.connect.jsontext import parse, set_member

PRIVATE: Final = 0o600


class ConnectError(Exception):
    """What did not work; the message is one line."""

    exit_status = 1


@dataclass(frozen=True)
class ConfigFile:
    """The file at `path` as it was read; `content` is None if there was none."""

    path: Path
    content: bytes | None

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read it.

        Raises:
            ConnectError: it is there and cannot be read.
        """
        with _one_line(path, "read"):
            try:
                return cls(path, path.read_bytes())
            except FileNotFoundError:
                return cls(path, None)

    def server(self, section: str, name: str) -> Any:
        """Return what it says of the server `name`, None if nothing.

        Raises:
            ConnectError: it is not plain JSON with an object in which servers can be.
        """
        try:
            found = parse(self._text)
        except ValueError as error:  # which is what text in another encoding raises, too
            raise ConnectError(f"{self.path}: expected plain JSON ({error})") from None
        if not isinstance(found, dict):
            raise ConnectError(f"{self.path}: expected a JSON object")
        servers = found.get(section, {})
        if not isinstance(servers, dict):
            raise ConnectError(f'{self.path}: expected an object as "{section}"')
        return servers.get(name)

    def put(self, section: str, name: str, entry: dict[str, Any], *, private: bool) -> Path | None:
        """Write `entry` as the server `name`; return the copy of what was there, None if nothing was.

        `private` takes the file from everybody but its owner. `server` has been asked before, and found no fault.

        Raises:
            ConnectError: it cannot be written, or somebody else has written it meanwhile; it is as it was.
        """
        content = set_member(self._text, [section, name], entry).encode()
        target = Path(os.path.realpath(self.path))  # what a link leads to is written, and the link stays
        with _one_line(self.path, "written"), _temporary(target) as (temporary, handle):
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(handle)
            temporary.chmod(PRIVATE if private else self._mode)
            copy = self.back_up(private=private)
            if self.read(self.path) != self:
                raise ConnectError(f"{self.path}: somebody else has just written it: try again")
            temporary.replace(target)
        return copy

    def back_up(self, *, private: bool = False) -> Path | None:
        """Write a copy beside it, with a name that is not taken and its mode; return that, None if there is no file.

        `private` keeps the copy from everybody but its owner.

        Raises:
            ConnectError: it cannot be written.
        """
        if self.content is None:
            return None
        copy = self.path.with_name(f"{self.path.name}.bak-{datetime.now():%Y%m%d-%H%M%S-%f}")
        with _one_line(copy, "written"):
            with os.fdopen(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "wb") as file:
                file.write(self.content)
            copy.chmod(PRIVATE if private else self._mode)
        return copy

    @property
    def _text(self) -> str:
        text = (self.content or b"").decode()
        return text if text.strip("\ufeff \t\r\n") else "{}\n"

    @property
    def _mode(self) -> int:
        return PRIVATE if self.content is None else stat.S_IMODE(self.path.stat().st_mode)


@contextmanager
def _temporary(target: Path) -> Iterator[tuple[Path, int]]:
    """Open a file beside `target` that does not survive an error."""
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        yield Path(name), handle
    except BaseException:
        Path(name).unlink()
        raise


@contextmanager
def _one_line(path: Path, verb: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConnectError(f"{path}: cannot be {verb} ({error.strerror})") from None
