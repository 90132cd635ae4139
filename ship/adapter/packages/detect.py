"""Find out what a package, a checked-out repository or a file in one is run with, without running any of it."""

import os
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from serving.errors import StartError
from ship.adapter.packages.evidence import Evidence, script_command
from ship.adapter.packages.folder import Folder, UnusableError
from ship.adapter.packages.names import REGISTRY, RUNTIMES, parse, registry_command, shown
from ship.adapter.packages.registries import check, is_server
from ship.adapter.packages.repository import READERS, look

CONFIDENCE: Final[dict[int, Literal["low", "medium", "high"]]] = {1: "low", 2: "medium", 3: "high"}
_SCRIPT: Final = re.compile(r".*\.(py|js|mjs|cjs|ts|mts)")
_FILE: Final = re.compile(r".*\.(py|js|mjs|cjs|ts|mts|json|toml|cfg|txt|sh)")
"""What is taken for a file even without a separator; a package could have that name, and be a squatter's."""
_MCP: Final = re.compile(r"\b(fast)?mcp\b|@modelcontextprotocol/")


@dataclass(frozen=True)
class Detection:
    """What something is run with, what a person types to start it over stdio, how sure that is and why.

    A folder's `command` is for inside that folder, a file's for where its name was typed. `package` is what its
    registry calls it; None for what is in none, like a repository marked as private.
    """

    runtime: Literal["npm", "python", "custom"]
    package: str | None
    command: list[str]
    confidence: Literal["high", "medium", "low"]
    why: str


def detect(target: str) -> Detection:
    """Say how a package, a folder, one of the files that describe it, a script or a program is run.

    What has a separator or the suffix of a file is a path (`./name`), all else a package.

    Raises:
        StartError: it is none of them, there is no such thing, or it is not clear which package is meant.
    """
    if not target.strip() or not target.isprintable() or re.match(r"-|\s|[\w.+-]{2,}:|git@", target):
        raise StartError(f"TARGET={shown(target)}: expected a package, a folder or a file")
    path = Path(target)
    if target in (".", "..") or (re.search(r"[/\\]", target) and not target.startswith("@")) or _FILE.fullmatch(target):
        return _detect_folder(path) if _kind(path) == "folder" else _detect_file(path)
    try:
        return detect_package(target)
    except StartError as error:
        if _kind(path):
            raise StartError(f"{error}; the one here is ./{shown(target)}") from None
        raise


def detect_package(package: str) -> Detection:
    """Say where a package belongs, by its syntax, or else by which registry has it; a path is never meant.

    Raises:
        StartError: it is no package's name, no registry has it, both do, or one of them cannot be asked.
    """
    asked = parse(package)
    if asked.runtime:
        why = f"only {REGISTRY[asked.runtime]} has names or versions of that form"
        return Detection(asked.runtime, package, registry_command(package, asked.runtime), "high", why)
    report = check(package)
    if not report.exists:
        raise StartError(f"MCP_PACKAGE={package}: expected a package that there is ({report.why})")
    if report.runtime:
        return Detection(report.runtime, package, registry_command(package, report.runtime), "high", report.why)
    with ThreadPoolExecutor(len(RUNTIMES)) as pool:
        servers = dict(zip(RUNTIMES, pool.map(lambda runtime: is_server(asked, runtime), RUNTIMES), strict=True))
    likely = [runtime for runtime in RUNTIMES if servers[runtime]]
    if len(likely) != 1 or None in servers.values():  # one of the two may be a squatter's
        raise StartError(f"MCP_PACKAGE={package}: expected a name that is clear: {report.why}")
    why = f"both registries have it, but only that of {REGISTRY[likely[0]]} depends on an MCP SDK"
    return Detection(likely[0], package, registry_command(package, likely[0]), "medium", why)


def _kind(path: Path) -> Literal["folder", "file", ""]:
    with suppress(OSError):  # of a name that is too long
        return "folder" if path.is_dir() else "file" if path.is_file() else ""
    return ""


def _detect_folder(path: Path) -> Detection:
    evidence, ignored = look(path)
    if not evidence:
        raise StartError(
            f"TARGET={shown(str(path))}: expected {', '.join(READERS)} to say how it starts{_also(ignored)}"
        )
    return _conclude(evidence, ignored)


def _detect_file(path: Path) -> Detection:
    if _kind(path) != "file":
        raise StartError(f"TARGET={shown(str(path))}: expected a package, or a folder or file that there is")
    if path.name in READERS:
        evidence, ignored = look(path.parent, [path.name])
        if not evidence:
            raise StartError(f"TARGET={shown(str(path))}: expected it to say how its server starts{_also(ignored)}")
        return _conclude(evidence, ignored)
    if _SCRIPT.fullmatch(path.name):
        return _detect_script(path)
    if os.access(path, os.X_OK):
        command = str(path) if path.is_absolute() else f"./{path}"
        return Detection("custom", None, [command], "medium", "it is a program")
    raise StartError(f"TARGET={shown(str(path))}: expected a script, a program or one of {', '.join(READERS)}")


def _detect_script(path: Path) -> Detection:
    folder, name = Folder(path.parent), path.name
    try:
        speaks = _MCP.search(folder.read(name)) is not None
    except UnusableError as reason:
        raise StartError(f"TARGET={shown(str(path))}: expected a script, but {reason}") from None
    *command, _ = script_command(folder, name)
    why = f"its suffix is {path.suffix}, and it {'names' if speaks else 'does not name'} an MCP SDK"
    runtime: Literal["npm", "python"] = "python" if path.suffix == ".py" else "npm"
    return Detection(runtime, None, [*command, str(path)], "high" if speaks else "medium", why)


def _conclude(evidence: list[Evidence], ignored: list[str]) -> Detection:
    """Decide by the weightiest; others of some weight that agree make it surer, and those that do not less so."""
    decisive = max(evidence, key=lambda one: one.weight)
    others = [one for one in evidence if one is not decisive and one.weight >= min(2, decisive.weight)]
    against = [one for one in others if _contradicts(one, decisive)]
    agreeing = [one for one in others if one not in against]
    package = next((one.package for one in (decisive, *agreeing) if one.package), None)
    doubt = max((2 if one.weight == decisive.weight else 1 for one in against), default=0)
    sure = min(max(decisive.weight + bool(agreeing) - doubt, 1), 3)
    said = [f"{decisive.file}: {decisive.why}", *(f"{one.file} agrees" for one in agreeing)]
    said += [f"{one.file} contradicts it ({_shortly(one)})" for one in against]
    return Detection(decisive.runtime, package, decisive.command, CONFIDENCE[sure], "; ".join(said + ignored))


def _shortly(one: Evidence) -> str:
    return f"{one.runtime}, {one.package}" if one.package else one.runtime


def _contradicts(one: Evidence, other: Evidence) -> bool:
    """Say whether they are of different runtimes, or of the same with different packages."""
    names = [parse(package).name.lower().replace("_", "-") for package in (one.package, other.package) if package]
    return one.runtime != other.runtime or len(set(names)) == 2


def _also(ignored: list[str]) -> str:
    return f" ({'; '.join(ignored)})" if ignored else ""
