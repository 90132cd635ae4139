"""A bundle's stdio server, of any type, as a child of the adapter."""

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ship.adapter.children.program import Program
from ship.archive.errors import one_line
from ship.mcpb.errors import BundleError
from ship.mcpb.load.config import fill_in
from ship.mcpb.load.manifest import Bundle, Command, is_file
from ship.mcpb.serve.environment import base_python, environment_of_child
from ship.mcpb.settings import BundleSettings

_HERE: Final = "${__dirname}/"
_STARTED_BY: Final = {"python": ("python",), "node": ("node",), "uv": ("uv", "run", "--directory", _HERE), "binary": ()}
"""How an entry point is started where the manifest has no command."""


def start_of(bundle: Bundle) -> Command:
    """Return the command that the manifest has for this platform, or the one that its type means."""
    server = bundle.manifest.server
    if server.mcp_config:
        return server.mcp_config.here()
    command, *args = (*_STARTED_BY[server.type], _HERE + server.entry_point)
    return Command(command, tuple(args), {})


def program_of(bundle: Bundle, settings: BundleSettings, environ: Mapping[str, str]) -> Program:
    """Return what is run, with the placeholders filled in.

    Raises:
        BundleError: something is missing: what the user should have configured, or the program itself.
    """
    filled = fill_in(bundle, start_of(bundle), environ)
    env = environment_of_child(bundle, filled.env, settings, environ)
    if bundle.manifest.server.type == "binary" and is_file(bundle.entry_point):
        bundle.entry_point.chmod(0o755)  # not every packer remembers that
    command = filled.program
    if bundle.manifest.server.type == "python" and re.fullmatch(r"python(3(\.\d+)?)?", command):
        command = base_python()
    elif not _is_program(command, bundle.folder, env.get("PATH")):
        missing = repr(one_line(command, 60))
        raise BundleError(f"bundle {bundle.called}: expected the program {missing}, and it is not there")
    runtime = "npm" if bundle.manifest.server.type == "node" else bundle.manifest.server.type
    argv, patience = (command, *filled.args), settings.bundle_start_seconds
    return Program(runtime, bundle.manifest.name, argv, bundle.folder, env, patience)


def _is_program(command: str, folder: Path, path: str | None) -> bool:
    if "/" in command:
        return is_file(folder / command) and os.access(folder / command, os.X_OK)
    return shutil.which(command, path=path) is not None
