"""Bundles that tests make by hand, good ones and others, and what it takes to run them."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.ship.archive.support import zipped
from tests.support import ROOT, SECONDS, Server, environment, serving

RUNNER = "-mship.mcpb"
"""Python's argument that runs a bundle."""

APP = '''
import json


async def app(scope, receive, send):
    """An ASGI app that needs no packages: it says where it is asked, and what it sees."""
    assert scope["type"] == "http"
    status = 200 if scope["path"] == "/mcp" else 404
    import os, sys
    body = json.dumps({"env": dict(os.environ), "path": sys.path, "modules": sorted(sys.modules)}).encode()
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": body})
'''
"""A server whose entry point exports an app. It fails where its lifespan is asked for, as such apps may."""


def manifest(kind: str = "python", entry_point: str = "server.py", **changes: Any) -> dict[str, Any]:
    """A manifest as packers write it."""
    config = {"command": "python", "args": [f"${{__dirname}}/{entry_point}"]}
    return {
        "manifest_version": "0.3",
        "name": "toy",
        "version": "1.0.0",
        "description": "A toy.",
        "author": {"name": "Ann"},
        "server": {"type": kind, "entry_point": entry_point, "mcp_config": config},
        **changes,
    }


def bundle(files: Mapping[str, str | bytes], **changes: Any) -> bytes:
    """A bundle of these files, with a manifest."""
    return zipped({"manifest.json": json.dumps(manifest(**changes)), **files})


def pack(*arguments: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run what `make bundle` runs, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "ship.mcpb", "pack", *arguments],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def wait_until(condition: Callable[[], object]) -> None:
    """Wait for what another process makes true."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@contextmanager
def running(content: bytes, folder: Path, *arguments: str, **variables: str) -> Iterator[Server]:
    """Run a bundle from a file in `folder`; yield when it serves."""
    file = folder / "x.mcpb"
    file.write_bytes(content)
    given = {"BUNDLE_URL": file.as_uri(), "BUNDLE_DIR": str(folder / "bundle"), "MCP_LOG_FORMAT": "text", **variables}
    with serving(*arguments, script=RUNNER, **given) as server:
        yield server
