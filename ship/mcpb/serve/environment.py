"""What a bundle's server sees of our environment, and which Python runs it."""

import sys
from collections.abc import Mapping
from typing import Final

from ship.adapter.children.environment import EVERYBODYS, child_environment
from ship.mcpb.load.config import PREFIX
from ship.mcpb.load.manifest import Bundle
from ship.mcpb.settings import BundleSettings

OURS: Final = ("BUNDLE_", "MCP_BUNDLE_", PREFIX)
"""How variables begin that are for us: the address may have a password in it."""


def environment_of_app(bundle: Bundle, filled: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of an app, which is the server here: all that is not for us alone.

    What is set here wins over what the manifest says (`filled`), but for what every process has, like PATH.
    """
    own = {name: value for name, value in environ.items() if not name.startswith(OURS)}
    return _with_path(bundle, filled, own | _where_unset(filled, own))


def environment_of_child(
    bundle: Bundle, filled: Mapping[str, str], settings: BundleSettings, environ: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of a stdio server: that of any child of an adapter, and what the manifest says."""
    own = child_environment(settings, environ)
    return _with_path(bundle, filled, own | _where_unset(filled, own))


def base_python() -> str:
    """Return the Python on which ours is based: it has none of our packages."""
    return str(getattr(sys, "_base_executable", sys.executable))


def _where_unset(filled: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in filled.items() if not own.get(name) or name in EVERYBODYS}


def _with_path(bundle: Bundle, filled: Mapping[str, str], env: dict[str, str]) -> dict[str, str]:
    """Let Python find what is in the bundle, and below its `deps`, before anything else."""
    if bundle.manifest.server.type == "python":
        paths = [str(bundle.folder), str(bundle.folder / "deps"), *filled.get("PYTHONPATH", "").split(":")]
        env["PYTHONPATH"] = ":".join(dict.fromkeys(filter(None, paths)))
    return env
