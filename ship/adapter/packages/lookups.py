"""What npm and pip say of a package, of which they ask the registries that this machine is configured for.

Both honour their files, variables, proxies and credentials. No code of a package is run.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any, Final

from packaging.utils import canonicalize_name
from packaging.version import Version

from serving.errors import StartError
from ship.adapter.packages.environment import passed_on
from ship.adapter.packages.names import REGISTRY, Package, Runtime, one_line, requirement_names

SECONDS: Final = 60
"""How long npm or pip may take for one answer."""


@dataclass(frozen=True)
class Known:
    """The versions that can be installed here, and what else npm calls them (`latest`)."""

    versions: list[str]
    latest: str | None
    tags: frozenset[str] = field(default=frozenset({"latest"}))


def look_up(name: str, runtime: Runtime) -> Known | None:
    """Return what a registry knows of a name; None if it does not know it.

    Raises:
        StartError: npm or pip is missing, or the registry does not answer.
    """
    return _look_up_on_npm(name) if runtime == "npm" else _look_up_on_pypi(name)


def _look_up_on_npm(name: str) -> Known | None:
    said = npm_view(name, "versions", "dist-tags")
    if not isinstance(said, dict):
        return None
    versions = said.get("versions") or []
    tags = said.get("dist-tags") or {}
    return Known(versions if isinstance(versions, list) else [versions], tags.get("latest"), frozenset(tags))


def _look_up_on_pypi(name: str) -> Known | None:
    done = _ask(_pip("-vv", "index", "versions", "--pre", "--", name), name, "python")
    if found := re.search(r"^Available versions: (.+)$", done.stdout, re.MULTILINE):
        versions = found[1].split(", ")
        stable = [version for version in versions if not Version(version).is_prerelease]
        return Known(versions, (stable or versions)[0])
    for reason in re.findall(r"^\s*Could not fetch URL \S+: (.*) - skipping$", done.stdout, re.MULTILINE):
        if not reason.startswith("404 "):  # pip itself goes on as if the package did not exist
            raise _no_answer(name, "python", reason)
    if "No matching distribution found" not in done.stderr:
        raise _no_answer(name, "python", _last_line(done.stderr))
    page = rf"Fetched page \S+/{re.escape(canonicalize_name(name))}/? as "
    return Known([], None) if re.search(page, done.stdout) else None


def needs_on_pypi(package: Package) -> set[str] | None:
    """Return what the newest fitting release depends on; None if it would have to be built, which runs its code.

    Raises:
        StartError: pip is missing, or the registry does not answer.
    """
    options = ("--dry-run", "--no-deps", "--ignore-installed", "--only-binary=:all:", "--quiet", "--report=-")
    done = _ask(_pip("install", *options, "--", package.requirement), package.name, "python")
    if done.returncode:
        return None
    metadata = json.loads(done.stdout)["install"][0]["metadata"]
    return requirement_names(metadata.get("requires_dist", []))


def npm_view(package: str, *fields: str) -> Any:
    """Return what npm says of the fields, None if there is no such package or version.

    Raises:
        StartError: npm is missing, or the registry does not answer.
    """
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
