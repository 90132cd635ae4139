"""An npm package: what npm is told, and what npx would run.

`npx` itself asks the registry at every start, and stays as a process of 60 MB and more around every child.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Final

from serving.errors import StartError
from ship.adapter.packages.names import Package

NODE_SECONDS: Final = 10
"""How long Node.js may take to say which version it is; by itself it takes milliseconds."""
_NODE: Final = re.compile(r"#!.*[\s/]node(?P<options>\s.*)?")


class Npm:
    """A package on npm."""

    installer: ClassVar[str] = "npm"
    complaint: ClassVar[re.Pattern[str]] = re.compile(
        r"npm (error|ERR!)( (\d{3}|notarget)\b)?(?!.*(complete log|Log files|Note that you can|tarball, folder))"
    )

    def __init__(self, package: Package, environ: Mapping[str, str]) -> None:
        self.name, self.spec = package.name, package.text
        self._path, self._environ = environ.get("PATH", os.defpath), environ

    @property
    def key(self) -> str:
        """What an installation is for: its native modules load in no other major version of Node.js."""
        return f"{self.spec} node {self._node_major()}"

    def steps(self, folder: Path) -> list[list[str]]:
        """Return the command that installs it into `folder`.

        Raises:
            StartError: there is no npm.
        """
        options = ["--no-audit", "--no-fund", "--no-update-notifier", "--no-color", "--loglevel=error", "--omit=dev"]
        return [[self._program("npm"), "install", "--prefix", str(folder), *options, "--", self.spec]]

    def variables(self, temporary: Path) -> dict[str, str]:
        """Return where npm may write: HOME may be read-only."""
        configured = {name.lower() for name in self._environ}
        return {} if "npm_config_cache" in configured else {"npm_config_cache": str(temporary / "npm")}

    def entry(self, folder: Path) -> list[str]:
        """Return the argv of the server that is installed in `folder`.

        Raises:
            StartError: the package has no program, or several and none of its name, or there is no Node.
        """
        package = (folder / "node_modules" / self.name).resolve()
        manifest = json.loads((package / "package.json").read_text(encoding="utf-8"))
        file = (package / self._bin(manifest.get("bin"))).resolve()
        if not (file.is_file() and file.is_relative_to(package)):
            raise StartError(f"MCP_PACKAGE={self.spec}: expected the program of its package.json, {file}, to be there")
        return self._start(file)

    def _bin(self, programs: Any) -> str:
        """Choose as npx does: the only program, under however many names, or the one of the package's name."""
        if isinstance(programs, str):
            return programs
        if not isinstance(programs, dict):
            programs = {}
        if len(set(programs.values())) == 1:
            return str(next(iter(programs.values())))
        own = self.name.rpartition("/")[2]
        if own not in programs:
            there = ", ".join(sorted(programs)) or "none"
            raise StartError(f"MCP_PACKAGE={self.spec}: expected a single program, or one named {own}; it has {there}")
        return str(programs[own])

    def _start(self, file: Path) -> list[str]:
        with file.open("rb") as opened:
            first = opened.readline(200).decode("utf-8", "replace").strip()
        if match := _NODE.fullmatch(first):
            return [self._program("node"), *(match["options"] or "").split(), str(file)]
        if file.suffix in (".js", ".mjs", ".cjs") and not first.startswith("#!"):
            return [self._program("node"), str(file)]
        return [str(file)]

    def _node_major(self) -> str:
        """Return the major version of Node.js that is on the PATH; none if there is no Node.js, or it cannot be run."""
        said = ""
        with suppress(OSError, subprocess.SubprocessError):
            said = subprocess.run(
                [shutil.which("node", path=self._path) or "", "--version"],
                env=self._environ,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=NODE_SECONDS,
                check=False,
            ).stdout
        return said.partition(".")[0].strip()

    def _program(self, name: str) -> str:
        found = shutil.which(name, path=self._path)
        if not found:
            raise StartError(f"MCP_RUNTIME=npm: expected Node.js and npm on the PATH; there is no {name}")
        return str(Path(found).absolute())
