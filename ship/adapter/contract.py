"""What the settings say is to be run, checked together."""

import logging
import os
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from serving.errors import StartError
from serving.identity import ROOT
from ship.adapter.children.environment import child_environment, hide_environment
from ship.adapter.children.program import Program
from ship.adapter.packages.detect import detect_package
from ship.adapter.packages.install import install, runtime_of_installed
from ship.adapter.settings import AdapterSettings, refuse_unused_children

if TYPE_CHECKING:
    from ship.adapter.packages.names import Runtime

log: Final = logging.getLogger("ship.adapter")

BAKED: Final = ROOT / "packages"
"""Where an image has what was installed when it was built."""
_STARTING: Final = {"npm": "Starting npm package: %s", "python": "Starting Python package: %s"}


def read_program(settings: AdapterSettings, environ: Mapping[str, str]) -> Program:
    """Return what is to be run, installed if it is a package; say so before.

    Raises:
        StartError: a setting is missing, does not fit, or the package cannot be installed.
    """
    hide_environment()
    runtime, package, command = _choose(settings)
    if package:
        folders = [BAKED, Path(settings.install_dir).expanduser()]
        chosen = runtime or runtime_of_installed(package, folders, environ) or detect_package(package).runtime
        log.info(_STARTING[chosen], package)
        argv = install(cast("Runtime", chosen), package, folders, environ)
    else:
        chosen, argv = "custom", command
        log.info("Starting custom command: %s", shown(command))
    env = child_environment(settings, environ)
    if "/" not in argv[0] and not shutil.which(argv[0], path=env.get("PATH")):
        raise StartError(f"MCP_COMMAND={argv[0]}: expected a program that can be found")
    arguments = _split("MCP_ARGS", settings.args.get_secret_value())
    return Program(chosen, package or Path(argv[0]).name, (*argv, *arguments), _folder(settings.cwd), env)


def shown(command: list[str]) -> str:
    """Return the program of a command, and its script if that is a file here: all else could be a secret."""
    plain = command[: 2 if len(command) > 1 and Path(command[1]).is_file() else 1]
    return shlex.join(plain) + (" ..." if len(command) > len(plain) else "")


def _choose(settings: AdapterSettings) -> tuple[str, str, list[str]]:
    runtime, package = settings.runtime.lower(), settings.package
    command = _split("MCP_COMMAND", settings.command)
    if runtime not in ("", "npm", "python", "custom"):
        raise StartError(f"MCP_RUNTIME={settings.runtime}: expected npm, python or custom")
    refuse_unused_children(settings)
    if package and command:
        raise StartError(f"MCP_PACKAGE={package}: expected no package beside MCP_COMMAND, or no command beside it")
    if runtime == "custom" and not command:
        raise StartError("MCP_COMMAND is not set: expected the command to run, because of MCP_RUNTIME=custom")
    if runtime in ("npm", "python") and not package:
        kind = "npm" if runtime == "npm" else "PyPI"
        raise StartError(f"MCP_PACKAGE is not set: expected the name of the {kind} package to run")
    if not package and not command:
        raise StartError("MCP_PACKAGE is not set: expected the name of an npm or PyPI package, or MCP_COMMAND instead")
    if command:
        return "custom", "", command
    return runtime, package, []


def _split(key: str, value: str) -> list[str]:
    try:
        return shlex.split(value)
    except ValueError as error:
        raise StartError(f"{key}: expected words as for a shell ({str(error).lower()})") from None


def _folder(cwd: str) -> Path | None:
    if not cwd:
        return None
    folder = Path(cwd).expanduser()
    if not folder.is_dir() or not os.access(folder, os.X_OK):
        raise StartError(f"MCP_CWD={cwd}: expected a folder that exists")
    return folder
