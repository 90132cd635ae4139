"""What MCP's own descriptors say of how a server is started: a bundle's manifest.json, the registry's server.json."""

import os
import re
from typing import Final, Literal

from ship.adapter.packages.evidence import Evidence, package_name, script_command
from ship.adapter.packages.folder import Folder, UnusableError, as_list, as_table, as_text
from ship.adapter.packages.names import Runtime, registry_command, shown

_KINDS: Final[dict[str, tuple[Literal["npm", "python", "custom"], tuple[str, ...]]]] = {
    "node": ("npm", ("node",)),
    "python": ("python", ("python", "python3")),
    "uv": ("python", ("uv", "python", "python3")),
    "binary": ("custom", ()),
}
"""What the type of a bundle's server means to us, and which programs may start it; none of them fetches a package."""
_HERE: Final = "${__dirname}/"


def read_manifest(folder: Folder, name: str) -> Evidence:
    """Read the manifest of a bundle.

    Source: https://github.com/modelcontextprotocol/mcpb, MANIFEST.md

    Raises:
        UnusableError: it says no start, or one of something that is not in the bundle.
    """
    server = as_table(folder.json(name).get("server"))
    kind, config = as_text(server.get("type")), as_table(server.get("mcp_config"))
    if kind not in _KINDS:
        raise UnusableError(f"its server.type is none of {', '.join(_KINDS)}")
    runtime, programs = _KINDS[kind]
    if config:
        command = [_program(folder, as_text(config.get("command")), programs)]
        command += [_argument(folder, as_text(word)) for word in as_list(config.get("args"))]
    else:
        file = folder.inside(server.get("entry_point"))
        command = [f"./{file}"] if kind == "binary" else script_command(folder, file)
    if kind == "uv" and any("://" in word for word in command):
        raise UnusableError("it has uv fetch something from a URL")
    blanks = sorted({blank for word in command for blank in re.findall(r"\$\{[\w.]+\}", word)})
    why = f"its server is of type {kind}" + (f"; to be filled in: {', '.join(blanks)}" if blanks else "")
    return Evidence(name, runtime, None, command, 2 if blanks else 3, why)


def _program(folder: Folder, word: str, programs: tuple[str, ...]) -> str:
    if word in programs:
        return word
    if word.startswith(_HERE):
        return f"./{folder.inside(word.removeprefix(_HERE))}"
    raise UnusableError(f"its command {shown(word)} is neither in the folder nor what its server.type says")


def _argument(folder: Folder, word: str) -> str:
    """Return an argument with the folder filled in, unless it is a path that leads out of it."""
    if word.startswith(_HERE):
        return folder.inside(word.removeprefix(_HERE))
    text = word.replace("${__dirname}", ".")
    value = text.rpartition("=")[2]
    if ".." in re.split(r"[/\\=]", text) or re.match(r"[/~\\]|[A-Za-z]:|(\S+ *@ *)?(git\+|file:)", value):
        raise UnusableError(f"{shown(text)} leads out of the folder")
    if not text.isprintable():
        raise UnusableError(f"{shown(text)} is no argument")
    if value and os.path.lexists(folder.root / value):
        folder.inside(value)
    return text


def read_server_json(folder: Folder, name: str) -> Evidence:
    """Read what the MCP registry has of a server: the first package that runs over stdio.

    Raises:
        UnusableError: it names none on npm or PyPI.
    """
    others = set()
    for entry in map(as_table, as_list(folder.json(name).get("packages"))):
        kind, identifier, version = (as_text(entry.get(key)) for key in ("registryType", "identifier", "version"))
        transport = as_text(as_table(entry.get("transport")).get("type")) or "stdio"
        runtime: Runtime = "npm" if kind == "npm" else "python"
        joint = "@" if runtime == "npm" else "=="
        package = package_name(f"{identifier}{joint}{version}" if version else identifier, runtime)
        if kind in ("npm", "pypi") and transport == "stdio" and package:
            command = registry_command(package, runtime)
            return Evidence(name, runtime, package, command, 3, f"it names {package} on {kind}")
        others.add(f"{kind} {identifier} over {transport}")
    there = shown(", ".join(sorted(others))) or "none at all"
    raise UnusableError(f"it names no npm or pypi package over stdio, but {there}")
