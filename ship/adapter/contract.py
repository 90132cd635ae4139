"""What the settings say is to be run, checked together; and what the child may see of our environment."""

import ctypes
import logging
import os
import shlex
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from serving.errors import StartError
from serving.identity import ROOT
from ship.adapter.children.program import Program
from ship.adapter.packages.detect import detect_package
from ship.adapter.packages.install import install, runtime_of_installed
from ship.adapter.settings import AdapterSettings, ChildSettings

if TYPE_CHECKING:
    from ship.adapter.packages.names import Runtime

log: Final = logging.getLogger("ship.adapter")

BAKED: Final = ROOT / "packages"
"""Where an image has what was installed when it was built."""
CHILD_ENV: Final = "MCP_CHILD_ENV_"
"""`MCP_CHILD_ENV_X=value` is `X=value` for the child."""
EVERYBODYS: Final = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TZ", "LANG", "LC_ALL", "LC_CTYPE", "TERM"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"),
)
"""What a child sees of our environment without further ado: no secrets, but for the password of a proxy."""
_PR_SET_DUMPABLE: Final = 4
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


def hide_environment() -> None:
    """Keep other processes of this user, children and installers, from reading our variables (prctl(2), Linux).

    Whoever runs as root can read them all the same.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def child_environment(settings: ChildSettings, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what the child sees: what everybody may, what is allowed by name, and `MCP_CHILD_ENV_X` as `X`.

    Raises:
        StartError: a variable of ours is allowed by name.
    """
    for name in settings.child_env:
        if name.startswith(("MCP_", "FASTMCP_")):
            instead = f"{CHILD_ENV}{name}=value gives it one of that name"
            raise StartError(f"MCP_CHILD_ENV={name}: expected a variable that is not one of ours ({instead})")
        if name not in environ:
            log.warning("MCP_CHILD_ENV=%s: there is no such variable", name)
    allowed = {name: environ[name] for name in (*EVERYBODYS, *settings.child_env) if name in environ}
    given = {name.removeprefix(CHILD_ENV): value for name, value in environ.items() if name.startswith(CHILD_ENV)}
    return allowed | {name: value for name, value in given.items() if name}


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


def refuse_unused_children(settings: ChildSettings) -> None:
    """See that who wants children for sessions has sessions.

    Raises:
        StartError: there are none.
    """
    if settings.session_children and settings.stateless:
        count = settings.session_children
        raise StartError(
            f"MCP_SESSION_CHILDREN={count}: expected MCP_STATELESS=false, without which there are no sessions"
        )


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
