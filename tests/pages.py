"""README.md and docs/ as tests read them."""

import json
import re
from typing import Any

from serving.identity import read_identity
from tests.support import ROOT

PAGES = [
    path
    for name in (
        *("README.md", "docs/add-a-tool.md", "docs/connect.md", "docs/settings.md", "docs/security.md", "docs/ship.md"),
        *("docs/kubernetes.md", "docs/scale.md", "docs/update.md", "docs/from-older-fastmcp.md"),
        *(
            "ship/adapter/README.md",
            "ship/mcpb/README.md",
            "ship/aws_lambda/README.md",
            "k8s/operators/README.md",
            "docs/performance.md",
            "benchmarks/adapter/README.md",
            "tests/conformance/README.md",
        ),
    )
    if (path := ROOT / name).exists() and (name != "README.md" or (ROOT / "copier.yml").exists())
]
"""What the template tells people. The README of what was made of it, and pages of its own, are its owner's."""


def blocks(language: str) -> str:
    """What the pages show as code in a language, one block a paragraph, with this server's name and version."""
    who = read_identity()
    text = "".join(page.read_text() for page in PAGES)
    found = re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return re.sub(r"\bVERSION\b", who.version, re.sub(r"\bNAME\b(?!=)", who.name, "\n".join(found)))


def client_configuration(command: str) -> dict[str, Any]:
    """The configuration that docs/connect.md has for a client that starts the server in this folder with `command`."""
    shown = blocks("json").replace("/path/to/this/folder", str(ROOT)).split("\n\n")
    [config] = [found for found in map(json.loads, shown) if f'"{command}"' in json.dumps(found)]
    return dict(config)
