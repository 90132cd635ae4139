"""Whether a package and its version exist, and what may be meant if not; no guessed name is asked for."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version

from serving.errors import StartError
from ship.adapter.packages.lookups import Known, look_up, needs_on_pypi, npm_view
from ship.adapter.packages.names import (
    MISSES,
    REGISTRY,
    RUNTIMES,
    SDKS,
    Package,
    Runtime,
    parse,
    resembling,
)


@dataclass(frozen=True)
class Report:
    """Whether a package exists in the version that was asked for (None: any), and if not, what may be meant.

    `runtime` is where it was found or looked for, empty if that is still open.
    """

    runtime: Literal["npm", "python", ""]
    package: str
    version: str | None
    exists: bool
    latest: str | None
    near_misses: list[str]
    why: str


def check(package: str, runtime: str = "") -> Report:
    """Look `package` up where it belongs, which is in both registries if neither its syntax nor `runtime` says.

    Raises:
        StartError: it cannot be a package, npm or pip is missing, or a registry does not answer.
    """
    asked = parse(package, runtime)
    places = [place for place in RUNTIMES if place in (runtime or asked.runtime or place,)]
    with ThreadPoolExecutor(len(places)) as pool:
        reports = list(pool.map(lambda place: _report(asked, place), places))
    report = _merge(reports)
    if report.exists or report.near_misses:
        return report
    near = _existing(resembling(asked.name))
    named = ", ".join(f"{name} ({REGISTRY[place]})" for place, name in near)
    return replace(
        report, near_misses=[name for _, name in near], why=report.why + (f"; near: {named}" if near else "")
    )


def is_server(package: Package, runtime: Runtime) -> bool | None:
    """Say whether a package depends on an MCP SDK and has something to run; None if its registry does not tell.

    PyPI does not tell for a package that would have to be built, which runs its code, nor what there is to run.

    Raises:
        StartError: npm or pip is missing, or its registry does not answer.
    """
    if runtime == "python":
        needed = needs_on_pypi(package)
        return None if needed is None else not SDKS["python"].isdisjoint(needed)
    said = npm_view(package.text, "bin", "dependencies", "peerDependencies")
    newest = said[-1] if isinstance(said, list) and said else said
    if not isinstance(newest, dict):
        return False
    needs = {*(newest.get("dependencies") or {}), *(newest.get("peerDependencies") or {})}
    return bool(newest.get("bin")) and not SDKS["npm"].isdisjoint(needs)


def _report(asked: Package, runtime: Runtime) -> Report:
    known, where = look_up(asked.name, runtime), REGISTRY[runtime]
    if known is None:
        return Report(runtime, asked.name, asked.version, False, None, [], f"{where} has no package {asked.name}")
    why = f"{where} has {asked.name} (latest: {known.latest})" if known.latest else f"{where} has {asked.name}"
    report = Report(runtime, asked.name, asked.version, True, known.latest, [], why)
    if _has(known, asked, runtime):
        return report
    if not known.versions:
        return replace(report, exists=False, why=f"{why}, but none for this Python and machine")
    joint = "@" if runtime == "npm" else "=="
    near = [f"{asked.name}{joint}{version}" for version in _nearest(asked.version or "", known)]
    return replace(
        report, exists=False, near_misses=near, why=f"{why}, but not {asked.version}; near: {', '.join(near)}"
    )


def _merge(reports: list[Report]) -> Report:
    """Make one of them: of the only registry that has it, or else of the only one that knows its name."""
    why = "; ".join(report.why for report in reports)
    for candidates in ([r for r in reports if r.exists], [r for r in reports if r.latest]):
        if len(candidates) == 1:
            return replace(candidates[0], why=why)
        if candidates:
            near = [] if candidates[0].exists else [name for report in candidates for name in report.near_misses]
            open_yet = f"{why}: MCP_RUNTIME=npm or python says which is meant"
            return replace(candidates[0], runtime="", latest=None, near_misses=near, why=open_yet)
    return replace(reports[0], runtime=reports[0].runtime if len(reports) == 1 else "", why=why)


def _existing(names: list[tuple[Runtime, str]]) -> list[tuple[Runtime, str]]:
    def exists(candidate: tuple[Runtime, str]) -> bool:
        with suppress(StartError):  # a hint that cannot be checked is none
            return look_up(candidate[1], candidate[0]) is not None
        return False

    with ThreadPoolExecutor(MISSES) as pool:
        return [name for name, there in zip(names, pool.map(exists, names), strict=True) if there]


def _has(known: Known, asked: Package, runtime: Runtime) -> bool:
    if asked.version is None:
        return bool(known.versions)
    if asked.version in known.versions:
        return True
    if runtime == "npm":
        return asked.version in known.tags or bool(npm_view(asked.text, "version"))
    return any(Requirement(asked.requirement).specifier.filter(known.versions, prereleases=True))


def _nearest(wanted: str, known: Known) -> list[str]:
    """Return the version before the wanted one, the one after it, and the latest."""
    numbered = {}
    for text in known.versions:
        with suppress(InvalidVersion):
            numbered[Version(text)] = text
    near = []
    with suppress(InvalidVersion):
        target = Version(wanted.lstrip("~=!<>^").partition(",")[0])
        near = sorted(version for version in numbered if version < target)[-1:]
        near += sorted(version for version in numbered if version > target)[:1]
    return list(dict.fromkeys([*(numbered[version] for version in near), *([known.latest] if known.latest else [])]))
