"""An archive, which comes from somewhere: looked through before any of it is written, and written as declared.

A zip says everything twice, and readers differ in which they believe. What is accepted here is what packers write:
plain files and folders, stored or deflated, each name once.
"""

import os
import re
import shutil
import stat
import struct
import unicodedata
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO, Final

from ship.archive.errors import ArchiveError, one_line
from ship.archive.source import Source

MARK: Final = ".unpacked"
"""A file of ours in the folder, by which it is known that it may be removed."""
MOST_ENTRIES: Final = 50_000
"""How many files and folders there may be."""
MOST_DIRECTORY_BYTES: Final = 8 * 1024**2
"""The longest list of entries that is read, which happens at once, before they can be counted."""
MOST_NAME_BYTES: Final = 1024
MOST_PART_BYTES: Final = 255
"""The longest name of a file that file systems take."""
MOST_DEPTH: Final = 64
MOST_RATIO: Final = 200
"""How many times longer than what is stored a file may become: text does 20 times, and deflate at most 1,032."""
FEW_BYTES: Final = 1024**2
"""A file that is shorter may be as repetitive as it likes."""

_PIECE: Final = 256 * 1024
_END: Final = b"PK\5\6"
_END_BYTES: Final = 22
_MOST_TRAILING: Final = 1 << 16
"""A comment is not longer, nor is the signature that `mcpb sign` appends."""
_LOCATOR_OF_ZIP64: Final = b"PK\6\7"
_ENCRYPTED: Final = 0x1 | 0x40 | 0x2000  # APPNOTE 4.4.4: traditional, strong, masked headers
_PATCHED: Final = 0x20
_ZIP64_BYTES: Final = 20
_LINKS: Final = (0x000D, 0x756E)
"""Extra fields of PKWARE's and ASi's for Unix, by which an entry can be a link or a device."""
_OTHER_NAME: Final = 0x7075
"""Info-ZIP's extra field with another name, which zipfile takes for the entry's since Python 3.12."""


def unpack(archive: IO[bytes], folder: Path, source: Source) -> None:
    """Unpack an archive into a new folder, which is there only when all of it is; until then it has another name.

    Raises:
        ArchiveError: it is no archive, or one that is refused; nothing is left behind.
    """
    half = half_of(folder)
    try:
        half.mkdir(mode=0o700)
        (half / MARK).touch()
        _look_at_its_end(archive, source)
        with zipfile.ZipFile(archive) as opened:
            for entry in _looked_through(opened.infolist(), source):
                _write(opened, entry, half)
        half.chmod(0o755)
        half.rename(folder)
    # What zipfile and zlib say of an archive that is damaged, or lies.
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, struct.error) as error:
        reason = one_line(str(error), 150)
        raise ArchiveError(f"the {source.noun} is no zip archive that can be read ({reason})") from None
    except OSError as error:
        raise ArchiveError(f"the {source.noun} cannot be unpacked to {folder}: {error.strerror}") from None
    finally:
        shutil.rmtree(half, ignore_errors=True)


def half_of(folder: Path) -> Path:
    """Return where what becomes a folder is unpacked to. It stays only where a process was killed meanwhile."""
    return folder.with_name(f"{folder.name}.part")


def _look_at_its_end(file: IO[bytes], source: Source) -> None:
    """Read how long the list of entries is, as zipfile will, which then reads all of it at once."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _END_BYTES - _MOST_TRAILING - _ZIP64_BYTES))
    tail = file.read()
    at = len(tail) - _END_BYTES
    if at < 0 or not (tail[at:].startswith(_END) and tail.endswith(b"\0\0")):
        at = tail.rfind(_END, max(0, len(tail) - _END_BYTES - _MOST_TRAILING))
    if at < 0 or len(tail) - at < _END_BYTES:
        raise ArchiveError(f"the {source.noun} is no zip archive (it has no end)")
    if tail[max(0, at - _ZIP64_BYTES) : at].startswith(_LOCATOR_OF_ZIP64):
        raise ArchiveError(f"the {source.noun} is a zip64 archive: expected less than 4 GiB and 65,535 entries")
    [directory_bytes] = struct.unpack_from("<L", tail, at + 12)
    if directory_bytes > MOST_DIRECTORY_BYTES:
        most = f"at most {MOST_DIRECTORY_BYTES}"
        raise ArchiveError(f"the {source.noun} has a list of entries of {directory_bytes} bytes: expected {most}")


def _looked_through(entries: list[zipfile.ZipInfo], source: Source) -> list[zipfile.ZipInfo]:
    noun, total = source.noun, sum(entry.file_size for entry in entries)
    if total > source.max_unpacked_bytes:
        most = f"{source.max_unpacked_bytes} ({source.setting('MAX_UNPACKED_BYTES')})"
        raise ArchiveError(f"the {noun} would take {total} bytes: at most {most}")
    files: set[str] = set()
    folders: set[str] = set()
    above: set[str] = set()
    for entry in entries:
        if reason := _name_fault(entry, noun) or _kind_fault(entry) or _size_fault(entry):
            raise ArchiveError(f"the {noun}'s entry {_shown(entry.orig_filename)} {reason}")
        name, same = _alike(entry.filename), folders if entry.is_dir() else files
        if name in same:
            raise ArchiveError(f"the {noun}'s entry {_shown(entry.filename)} is there twice")
        same.add(name)
        above.update(str(parent) for parent in PurePosixPath(name).parents)
        if len(files) + len(folders) + len(above) > MOST_ENTRIES:
            raise ArchiveError(f"the {noun} has more than {MOST_ENTRIES} files and folders")
    if both := files & (folders | above):
        raise ArchiveError(f"the {noun}'s entry {_shown(min(both))} is a file and a folder")
    return entries


def _alike(name: str) -> str:
    """Return the same for names that some file system takes for the same."""
    return unicodedata.normalize("NFC", name.rstrip("/")).casefold()


def _name_fault(entry: zipfile.ZipInfo, noun: str) -> str | None:
    name = entry.orig_filename  # filename ends at the first NUL
    parts = name.removesuffix("/").split("/")
    if any(unicodedata.category(one)[0] == "C" for one in name) or "\\" in name:
        return "has a name with a character that no path here has"
    if name.startswith("/") or re.match("[A-Za-z]:", name):
        return "has an absolute path"
    if ".." in parts:
        return f"leads out of the {noun}"
    if "" in parts or "." in parts:
        return "has a path that is not plain"
    length = max(len(part.encode()) for part in parts)
    if len(name.encode()) > MOST_NAME_BYTES or length > MOST_PART_BYTES or len(parts) > MOST_DEPTH:
        return "has too long a path"
    return None


def _kind_fault(entry: zipfile.ZipInfo) -> str | None:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return "is a symbolic link"
    if kind not in (0, stat.S_IFDIR if entry.is_dir() else stat.S_IFREG):
        return "is neither a file nor a folder"
    fields = _extra_fields(entry.extra)
    if not fields.isdisjoint(_LINKS):
        return "has a field that can make it a link"
    if _OTHER_NAME in fields or entry.filename != entry.orig_filename:
        return "has two names"
    if entry.flag_bits & _ENCRYPTED:
        return "is encrypted"
    if entry.flag_bits & _PATCHED or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is neither stored nor deflated"
    return None


def _extra_fields(extra: bytes) -> set[int]:
    """Return the numbers of the fields; what does not add up counts as a link."""
    found: set[int] = set()
    while extra:
        if len(extra) < 4:
            return {*found, *_LINKS}
        number, length = struct.unpack_from("<HH", extra)
        found.add(number)
        extra = extra[4 + length :]
    return found


def _size_fault(entry: zipfile.ZipInfo) -> str | None:
    if entry.is_dir() and entry.file_size:
        return "is a folder with a content"
    if entry.compress_type == zipfile.ZIP_STORED and entry.compress_size != entry.file_size:
        return "is stored in another size than it has"
    if entry.file_size > max(FEW_BYTES, MOST_RATIO * entry.compress_size):
        return f"would become more than {MOST_RATIO} times as long"
    return None


def _write(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path) -> None:
    """Write an entry, which gets the mode 755 or 644 and nothing else of what it says about itself."""
    path = folder / entry.filename
    if entry.is_dir():
        path.mkdir(mode=0o755, parents=True, exist_ok=True)
        return
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    mode = 0o755 if entry.external_attr >> 16 & 0o111 else 0o644
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with open(descriptor, "wb") as file, archive.open(entry) as content:  # noqa: PTH123  a descriptor
        while piece := content.read(_PIECE):  # at most file_size bytes, which have been counted; then the checksum
            file.write(piece)


def _shown(name: str) -> str:
    return repr(one_line(name, 100))
