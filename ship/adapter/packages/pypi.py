"""A PyPI package: what pip is told, and which program of its own environment is the server, like uvx."""

import importlib.util
import re
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution
from pathlib import Path
from typing import ClassVar

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from serving.errors import StartError
from ship.adapter.packages.names import SDKS, Package


class PyPI:
    """A package on PyPI."""

    installer: ClassVar[str] = "pip"
    complaint: ClassVar[re.Pattern[str]] = re.compile(r"ERROR: |error: |\s*\u00d7 |\s*(?=\w*Error: )")

    def __init__(self, package: Package, environ: Mapping[str, str]) -> None:
        self.name, self.spec = canonicalize_name(package.name), package.requirement
        self.key = f"{self.spec} {sys.implementation.cache_tag} {sys.base_prefix}"  # it runs with no other Python

    def steps(self, folder: Path) -> Iterator[list[str]]:
        """Yield the commands that make an environment in `folder` and install it there.

        A package that asks for `mcp>=1.6` was written for MCP's SDK 1 and mostly fails with 2, so that it then gets 1.
        """
        options = ["--no-input", "--disable-pip-version-check", "--no-cache-dir", "--no-color", "--quiet", "--no-user"]
        if importlib.util.find_spec("pip"):
            create, pip = ["--without-pip"], [sys.executable, "-P", "-m", "pip", "--python", str(_python(folder))]
        else:  # as in an environment that uv has made; venv gets one from what Python brings
            create, pip = [], [str(_python(folder)), "-P", "-m", "pip"]
        yield [sys.executable, "-P", "-m", "venv", *create, str(folder / "venv")]
        yield [*pip, "install", *options, "--", self.spec]
        if older := list(self._older_sdks(folder)):
            yield [*pip, "install", *options, "--", self.spec, *older]

    def _older_sdks(self, folder: Path) -> Iterator[str]:
        found = _distribution(folder, self.name)
        for wanted in map(Requirement, (found and found.requires) or ()):
            sdk = _distribution(folder, wanted.name) if canonicalize_name(wanted.name) in SDKS["python"] else None
            open_above = all(bound.operator in (">=", ">", "!=") for bound in wanted.specifier)
            majors = [Version(bound.version).major for bound in wanted.specifier if bound.operator in (">=", ">")]
            if sdk and open_above and majors and Version(sdk.version).major > max(majors):
                yield f"{wanted.name}<{max(majors) + 1}"

    def variables(self, temporary: Path) -> dict[str, str]:
        """Return nothing: pip's options say it all."""
        return {}

    def entry(self, folder: Path) -> list[str]:
        """Return the argv of the server that is installed in `folder`.

        Raises:
            StartError: the package has no program, or several and none of its name.
        """
        found = _distribution(folder, self.name)
        if found is None:
            raise StartError(f"MCP_PACKAGE={self.spec}: expected pip to install it; it has not (a dry run?)")
        scripts = sorted({entry.name for entry in found.entry_points.select(group="console_scripts")})
        for name in scripts:
            if len(scripts) == 1 or canonicalize_name(name) == self.name:
                return [str(_python(folder).with_name(name))]
        return [str(_python(folder)), "-P", "-m", self._module(found, scripts)]

    def _module(self, found: Distribution, scripts: list[str]) -> str:
        """Choose a module that can be run: the one of the package's name, or the only one if there are no scripts."""
        paths = [file.parts for file in found.files or ()]
        modules = sorted({parts[0] for parts in paths if len(parts) == 2 and parts[1] == "__main__.py"})
        own = self.name.replace("-", "_")
        for module in modules:
            if module.lower() == own or (len(modules) == 1 and not scripts):
                return module
        there = ", ".join([*scripts, *(f"-m {module}" for module in modules)]) or "none"
        expected = f"expected a single program, or one named {self.name}; it has {there}"
        raise StartError(f"MCP_PACKAGE={self.spec}: {expected}")


def _distribution(folder: Path, name: str) -> Distribution | None:
    venv = str(folder / "venv")
    libraries = {sysconfig.get_path(kind, "venv", {"base": venv, "platbase": venv}) for kind in ("purelib", "platlib")}
    return next(iter(Distribution.discover(name=name, path=sorted(libraries))), None)


def _python(folder: Path) -> Path:
    return folder / "venv" / "bin" / "python"
