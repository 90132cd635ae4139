"""BUNDLE_URL -> a bundle in a folder: downloaded, verified, unpacked, read, and in the end removed."""

import fcntl
import logging
import os
import platform
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from ship.archive.address import shown
from ship.archive.download import fetch, verify
from ship.archive.source import Source
from ship.archive.unpack import MARK, half_of, unpack
from ship.mcpb.errors import BundleError
from ship.mcpb.load.manifest import Bundle, read_bundle
from ship.mcpb.settings import BundleSettings

log: Final = logging.getLogger("ship.mcpb")


def source_of(settings: BundleSettings) -> Source:
    """Return where the bundle comes from, and how far it is trusted."""
    return Source(
        url=settings.bundle_url.get_secret_value(),
        sha256=settings.bundle_sha256,
        max_bytes=settings.bundle_max_bytes,
        max_unpacked_bytes=settings.bundle_max_unpacked_bytes,
        seconds=settings.bundle_seconds,
        allow_http=settings.bundle_allow_http,
        noun="bundle",
        prefix="BUNDLE_",
        example="x.mcpb",
    )


@contextmanager
def loaded(settings: BundleSettings, say: Callable[[str], None]) -> Iterator[Bundle]:
    """Download, verify and unpack a bundle, each announced by `say`; in the end it is removed.

    Raises:
        ArchiveError: it cannot be had, is not the one that was meant, or its archive is refused.
        BundleError: there is no room for it, or what is in it is refused.
    """
    folder = Path(settings.bundle_dir).absolute()
    _make_room(folder)
    try:
        _unpack(settings, folder, say)
        with (folder / MARK).open() as mark:
            fcntl.flock(mark, fcntl.LOCK_SH)  # whoever else would make room leaves it alone
            _warn_of_noexec(folder)
            yield read_bundle(folder, platform.python_version())
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # what is removed is removed to its end
        shutil.rmtree(half_of(folder), ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


def _unpack(settings: BundleSettings, folder: Path, say: Callable[[str], None]) -> None:
    source = source_of(settings)
    log.info("Downloading the bundle: %s", shown(source.url))
    say("the bundle is downloaded")
    with _new_file(folder.parent) as archive:
        verify(source, fetch(source, archive))
        say("the bundle is unpacked")
        unpack(archive, folder, source)


def _new_file(folder: Path) -> IO[bytes]:
    """Open a file that has no name, and so is gone with this process."""
    try:
        return tempfile.TemporaryFile(dir=folder)
    except OSError as error:
        raise BundleError(f"{folder}: expected a folder that can be written to ({error.strerror})") from None


def _make_room(folder: Path) -> None:
    """Remove what an earlier run that was killed has left, and nothing else."""
    if not folder.name:
        raise BundleError(f"BUNDLE_DIR={folder}: expected a folder below another one")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        for left in (folder, half_of(folder)):
            if left.is_symlink() or (left.exists() and not _may_be_removed(left)):
                raise BundleError(f"BUNDLE_DIR={folder}: expected a new folder, or one that an earlier run has left")
            if left.exists():
                shutil.rmtree(left)
    except OSError as error:
        raise BundleError(f"BUNDLE_DIR={folder}: expected a folder that can be written to ({error.strerror})") from None


def _may_be_removed(folder: Path) -> bool:
    """Say whether a folder is empty, or has our mark, which nobody holds."""
    if not any(folder.iterdir()):
        return True
    try:
        with (folder / MARK).open() as mark:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (FileNotFoundError, BlockingIOError):
        return False
    return True


def _warn_of_noexec(folder: Path) -> None:
    if os.statvfs(folder).f_flag & getattr(os, "ST_NOEXEC", 0):
        log.warning("%s is mounted noexec: no program or native module runs from there (--tmpfs /tmp:exec)", folder)
