"""What the adapter is compared with, as locked beside this file, in a folder of its own: mcp-proxy needs another SDK.

Newer ones are locked with `npm install --package-lock-only` and
`echo mcp-proxy | uv pip compile - --universal --python-version 3.11 --generate-hashes --no-annotate --no-header`.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.load.installed import find, node_modules_of, python_with

HERE: Final = Path(__file__).parent
REQUIREMENTS: Final = HERE / "requirements.txt"
PACKAGE: Final = HERE / "package.json"


@dataclass(frozen=True)
class Installed:
    """The start of each program's command line."""

    mcp_proxy: list[str]
    supergateway: list[str]
    everything: list[str]


def install(folder: Path) -> Installed:
    """Install both locks into `folder`, unless they are there.

    Raises:
        StartError: there is no Node.js, or pip or npm fails.
    """
    node = find("node")
    python = python_with(folder / "python", REQUIREMENTS)
    modules = node_modules_of(folder / "node", PACKAGE)
    everything = modules / "@modelcontextprotocol" / "server-everything"
    return Installed(
        mcp_proxy=[str(python), "-m", "mcp_proxy"],
        supergateway=[node, str(modules / "supergateway" / "dist" / "index.js")],
        everything=[node, str(everything / "dist" / "index.js"), "stdio"],
    )


def versions() -> dict[str, str]:
    """Return the versions that are locked, by name."""
    packages = json.loads(PACKAGE.read_text(encoding="utf-8"))["dependencies"]
    proxy = re.findall(r"^(mcp-proxy)==(\S+)", REQUIREMENTS.read_text(encoding="utf-8"), re.MULTILINE)
    return {**dict(proxy), **{name.rpartition("/")[2]: version for name, version in packages.items()}}
