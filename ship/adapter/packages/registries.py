"""What the npm and PyPI registries that this machine is configured for say of a package, asked through npm and pip.

Both honour their files, variables, proxies and credentials. No code of a package is run, and no guessed name asked for.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from serving.errors import StartError
from ship.adapter.packages.environment import passed_on
from ship.adapter.packages.names import (
    MISSES,
    REGISTRY,
    RUNTIMES,
    SDKS,
    Package,
    Runtime,
    one_line,
    parse,
    requirement_names,
    resembling,
)

SECONDS: Final = 60
"""How long npm or pip may take for one answer."""


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


@dataclass(frozen=True)
class _Known:
    """The versions that can be installed here, and what else npm calls them (`latest`)."""

    versions: list[str]
    latest: str | None
    tags: frozenset[str] = field(default=frozenset({"latest"}))


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
        return _python_is_server(package)
    said = _npm_view(package.text, "bin", "dependencies", "peerDependencies")
    newest = said[-1] if isinstance(said, list) and said else said
    if not isinstance(newest, dict):
        return False
    needs = {*(newest.get("dependencies") or {}), *(newest.get("peerDependencies") or {})}
    return bool(newest.get("bin")) and not SDKS["npm"].isdisjoint(needs)


def _report(asked: Package, runtime: Runtime) -> Report:
    known, where = _look_up(asked.name, runtime), REGISTRY[runtime]
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
            return _look_up(candidate[1], candidate[0]) is not None
        return False

    with ThreadPoolExecutor(MISSES) as pool:
        return [name for name, there in zip(names, pool.map(exists, names), strict=True) if there]


def _look_up(name: str, runtime: Runtime) -> _Known | None:
    return _look_up_on_npm(name) if runtime == "npm" else _look_up_on_pypi(name)


def _look_up_on_npm(name: str) -> _Known | None:
    said = _npm_view(name, "versions", "dist-tags")
    if not isinstance(said, dict):
        return None
    versions = said.get("versions") or []
    tags = said.get("dist-tags") or {}
    return _Known(versions if isinstance(versions, list) else [versions], tags.get("latest"), frozenset(tags))


def _look_up_on_pypi(name: str) -> _Known | None:
    done = _ask(_pip("-vv", "index", "versions", "--pre", "--", name), name, "python")
    if found := re.search(r"^Available versions: (.+)$", done.stdout, re.MULTILINE):
        versions = found[1].split(", ")
        stable = [version for version in versions if not Version(version).is_prerelease]
        return _Known(versions, (stable or versions)[0])
    for reason in re.findall(r"^\s*Could not fetch URL \S+: (.*) - skipping$", done.stdout, re.MULTILINE):
        if not reason.startswith("404 "):  # pip itself goes on as if the package did not exist
            raise _no_answer(name, "python", reason)
    if "No matching distribution found" not in done.stderr:
        raise _no_answer(name, "python", _last_line(done.stderr))
    page = rf"Fetched page \S+/{re.escape(canonicalize_name(name))}/? as "
    return _Known([], None) if re.search(page, done.stdout) else None


def _has(known: _Known, asked: Package, runtime: Runtime) -> bool:
    if asked.version is None:
        return bool(known.versions)
    if asked.version in known.versions:
        return True
    if runtime == "npm":
        return asked.version in known.tags or bool(_npm_view(asked.text, "version"))
    return any(Requirement(asked.requirement).specifier.filter(known.versions, prereleases=True))


def _nearest(wanted: str, known: _Known) -> list[str]:
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


def _python_is_server(package: Package) -> bool | None:
    options = ("--dry-run", "--no-deps", "--ignore-installed", "--only-binary=:all:", "--quiet", "--report=-")
    done = _ask(_pip("install", *options, "--", package.requirement), package.name, "python")
    if done.returncode:
        return None
    metadata = json.loads(done.stdout)["install"][0]["metadata"]
    return not SDKS["python"].isdisjoint(requirement_names(metadata.get("requires_dist", [])))


def _npm_view(package: str, *fields: str) -> Any:
    """Return what npm says of the fields, None if there is no such package or version."""
    npm = shutil.which("npm")
    if not npm:
        raise StartError(f"MCP_PACKAGE={package}: expected npm on the PATH (it comes with Node.js) to ask for it")
    patience = ("--fetch-retries=1", "--fetch-retry-mintimeout=500", "--no-update-notifier", "--loglevel=error")
    done = _ask([npm, "view", "--json", *patience, "--", package, *fields], package, "npm")
    try:
        said = json.loads(done.stdout or "null")
    except ValueError:
        raise _no_answer(package, "npm", _last_line(done.stderr)) from None
    error = said.get("error") if isinstance(said, dict) else None
    if isinstance(error, dict) and error.get("code") == "E404":
        return None
    if isinstance(error, dict):
        raise _no_answer(package, "npm", f"{error.get('code')} {error.get('summary')}")
    if done.returncode:
        raise _no_answer(package, "npm", _last_line(done.stderr))
    return said


def _pip(*arguments: str) -> list[str]:
    # -P, or a pip.py in the working directory would be run instead.
    return [sys.executable, "-P", "-m", "pip", "--no-input", "--disable-pip-version-check", "--retries=1", *arguments]


def _ask(command: list[str], package: str, runtime: Runtime) -> subprocess.CompletedProcess[str]:
    environ = passed_on(runtime, os.environ)
    environ |= {"PIP_REQUIRE_VIRTUALENV": "0", "PIP_USER": "0", "PIP_QUIET": "0"}  # nothing gets installed
    try:
        done = subprocess.run(
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _no_answer(package, runtime, f"nothing came within {SECONDS} s") from None
    except OSError as error:
        raise _no_answer(package, runtime, f"{command[0]}: {error.strerror}") from None
    if "No module named pip" in done.stderr:
        raise StartError(f"MCP_PACKAGE={package}: expected pip beside this Python to ask for it")
    return done


def _no_answer(package: str, runtime: Runtime, reason: str) -> StartError:
    said = one_line(" ".join(reason.split()))[:300]
    return StartError(f"MCP_PACKAGE={package}: expected an answer from {REGISTRY[runtime]}: {said}")


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next((line for line in reversed(lines) if "error" in line.lower()), lines[-1] if lines else "no word of why")
