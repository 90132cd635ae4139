"""Where the servers run: what ships and nothing else, because what tests bring along changes what a call takes."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.load.installed import node_modules_of, python_with, run
from serving.identity import ROOT

RUNTIME: Final = ROOT / "requirements.txt"
UVLOOP: Final = Path(__file__).with_name("requirements-uvloop.txt")
NODE: Final = Path(__file__).parent / "servers" / "node"


@dataclass(frozen=True)
class Environments:
    """The Python of the runtime's lock, the same with uvloop, and Node.js with the server's copy; or None of that."""

    python: Path
    uvloop: Path
    node: tuple[str, ...] | None


def install(folder: Path) -> Environments:
    """Install what is locked into `folder`, unless it is there, and compile what is ours.

    Raises:
        StartError: pip or npm fails.
    """
    python = python_with(folder / "python", RUNTIME)
    for name in ("serving", "benchmarks/servers"):
        run(folder / "python", str(python), "-m", "compileall", "-q", str(ROOT / name))
    return Environments(python, python_with(folder / "uvloop", RUNTIME, UVLOOP), _node(folder / "node"))


def _node(place: Path) -> tuple[str, ...] | None:
    """Return the server's command line: its file stands beside its packages, which is where Node.js looks for them."""
    node = shutil.which("node")
    if not node or not shutil.which("npm"):
        return None
    node_modules_of(place, NODE / "package.json")
    return (node, str(shutil.copy(NODE / "server.mjs", place)))


def versions() -> dict[str, str]:
    """Return the versions that are locked of what matters, by name."""
    python = re.findall(r"^(fastmcp|mcp|starlette|uvicorn|uvloop)==(\S+)", _text(RUNTIME) + _text(UVLOOP), re.MULTILINE)
    node = re.findall(r'"@modelcontextprotocol/(sdk)": "(.+)"', _text(NODE / "package.json"))
    return {**dict(python), **{f"Node.js {name}": version for name, version in node}}


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8")
