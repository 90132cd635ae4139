"""Archives in which nothing but names, contents and modes counts: the same byte by byte whenever these are."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ship.archive.errors import ArchiveError

_WHEN: Final = (1980, 1, 1, 0, 0, 0)
"""The first moment that a zip knows: when something was packed is of no weight."""
_UNIX: Final = 3


def write(file: Path, entries: Mapping[str, bytes | Path], *, programs: bool = False) -> None:
    """Write a zip of these names and contents, in the order of their names, with the mode 644.

    With `programs`, files that may be run here may be run where they are unpacked, too: 755.

    Raises:
        ArchiveError: a name leads out of where it is unpacked to, on some system.
    """
    for name in entries:
        if "\\" in name or name.startswith("/") or ".." in name.split("/"):
            raise ArchiveError(f"{name!r}: expected a name that leads out of nowhere")
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(entries):
            content = entries[name]
            entry = zipfile.ZipInfo(name, _WHEN)
            entry.create_system = _UNIX
            runs = programs and isinstance(content, Path) and content.stat().st_mode & 0o111
            entry.external_attr = (0o100755 if runs else 0o100644) << 16
            data = content.read_bytes() if isinstance(content, Path) else content
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
