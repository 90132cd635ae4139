"""Install a package once, and say how its server is started; what is installed already needs no network."""

import fcntl
import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeAlias

from serving.errors import StartError
from ship.adapter.packages.environment import passed_on
from ship.adapter.packages.installer import InstallerError, run_installer
from ship.adapter.packages.names import RUNTIMES, Runtime, parse
from ship.adapter.packages.npm import Npm
from ship.adapter.packages.pypi import PyPI

log: Final = logging.getLogger("ship.adapter")

Source: TypeAlias = Npm | PyPI

_SOURCES: Final[Mapping[Runtime, type[Source]]] = {"npm": Npm, "python": PyPI}
_MARKER: Final = "installed.json"


def install(runtime: Runtime, package: str, folders: Sequence[Path], environ: Mapping[str, str]) -> list[str]:
    """Return the argv that starts the server of a package, with absolute paths.

    It is installed into the last of `folders`, unless one of them has this very name and version already.

    Raises:
        StartError: this is no package's name, it cannot be installed, or nothing says how it is started.
    """
    passed = passed_on(runtime, environ)
    source = _SOURCES[runtime](parse(package, runtime), passed)
    places = [folder.absolute() / _folder_name(runtime, source) for folder in folders]
    if found := next(filter(None, map(_installed, places)), None):
        return found
    try:
        return _install(source, places[-1], passed)
    except OSError as error:
        expected = f"expected a folder into which packages can be installed ({error.strerror})"
        raise StartError(f"MCP_INSTALL_DIR={folders[-1]}: {expected}") from error


def runtime_of_installed(package: str, folders: Sequence[Path], environ: Mapping[str, str]) -> Runtime | None:
    """Return as what a package is installed in one of `folders`, if it is, so that no registry has to be asked.

    Raises:
        StartError: this is no package's name.
    """
    asked = parse(package)
    for runtime in (asked.runtime,) if asked.runtime else RUNTIMES:
        source = _SOURCES[runtime](parse(package, runtime), passed_on(runtime, environ))
        if any(_installed(folder.absolute() / _folder_name(runtime, source)) for folder in folders):
            return runtime
    return None


def _folder_name(runtime: Runtime, source: Source) -> str:
    readable = re.sub(r"[^a-z0-9]+", "-", source.name.lower()).strip("-")[:60]
    return f"{runtime}-{readable}-{hashlib.sha256(source.key.encode()).hexdigest()[:16]}"


def _installed(place: Path) -> list[str]:
    """Return the argv that the marker keeps; nothing if there is none, or what it names is gone."""
    try:
        argv = json.loads((place / _MARKER).read_text(encoding="utf-8"))["argv"]
    except (OSError, ValueError, KeyError):
        return []
    return argv if all(Path(part).exists() for part in argv if part.startswith("/")) else []


def _install(source: Source, place: Path, environ: dict[str, str]) -> list[str]:
    place.parent.mkdir(parents=True, exist_ok=True)
    with _locked(place.with_name(f"{place.name}.lock")) as lock:
        if found := _installed(place):  # somebody else has done it meanwhile
            return found
        log.info("Installing %s", source.spec)
        _remove(place)
        temporary = place / "tmp"
        temporary.mkdir(parents=True)
        try:
            _run(source, place, temporary, environ, lock)
            argv = source.entry(place)
            shutil.rmtree(temporary)
            _write_marker(place, source, argv)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
    return argv


def _run(source: Source, place: Path, temporary: Path, environ: dict[str, str], lock: int) -> None:
    env = {**environ, **source.variables(temporary), "TMPDIR": str(temporary)}
    try:
        for step in source.steps(place):
            run_installer(step, temporary, env, lock, source.complaint)
    except InstallerError as reason:
        expected = f"expected a package that {source.installer} can install {reason}"
        raise StartError(f"MCP_PACKAGE={source.spec}: {expected}") from None


def _remove(place: Path) -> None:
    (place / _MARKER).unlink(missing_ok=True)  # first, or half of it would pass for all of it
    if place.exists():
        shutil.rmtree(place)


def _write_marker(place: Path, source: Source, argv: list[str]) -> None:
    written = place / f"{_MARKER}.new"
    written.write_text(json.dumps({"package": source.spec, "argv": argv}, indent=2) + "\n", encoding="utf-8")
    written.replace(place / _MARKER)


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Keep other processes from installing the same; yield the descriptor that holds the lock."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("Waiting for another process that installs the same")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle
    finally:
        os.close(handle)
