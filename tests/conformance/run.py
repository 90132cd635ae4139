"""Run the official conformance suites, from the repository's root: `python -m tests.conformance.run [--suite NAME]`.

The official tool decides: a failure that the baseline file does not list ends the run with 1, and so does a listed one
that passes. `npm ci --prefix tests/node` installs the tool and the Node.js that it needs.
"""

import argparse
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.support import ROOT, SECONDS, serving

HERE: Final = ROOT / "tests" / "conformance"
NODE_MODULES: Final = ROOT / "tests" / "node" / "node_modules"
NODE: Final = NODE_MODULES / ".bin" / "node"
SUITE_SECONDS: Final = SECONDS - 5
"""How long a suite may take: it is given up before `serving` takes its server away."""


@dataclass(frozen=True)
class Suite:
    """One release of the official tool, and how it is used here."""

    name: str
    package: str
    options: tuple[str, ...]
    stateless: bool


SUITES: Final = (
    # The handshake era. Its server asks the client back, for which it has to keep sessions.
    Suite("stable", "conformance", ("--suite", "all"), stateless=False),
    # Every scenario of the revision: what `--requirements 2026-07-28` scores, and the three that are pending there.
    Suite("next", "conformance-next", ("--suite", "all", "--spec-version", "2026-07-28"), stateless=True),
)


def main() -> int:
    """Run the suites that the command line names; return the exit status."""
    parser = argparse.ArgumentParser("python -m tests.conformance.run", description="Run the conformance suites.")
    parser.add_argument("--suite", choices=[*(suite.name for suite in SUITES), "all"], default="all")
    wanted = parser.parse_args().suite
    if not NODE.exists():
        sys.exit(f"{NODE} is missing: npm ci --prefix tests/node")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))  # an exit ends the children, a signal does not
    passed = [run(suite) for suite in SUITES if wanted in (suite.name, "all")]
    return 0 if all(passed) else 1


def run(suite: Suite) -> bool:
    """Run one suite against a server of its own and show the tool's verdict; return whether it passed."""
    with TemporaryDirectory(prefix="conformance-") as folder:
        try:
            with serving("--stateless", str(suite.stateless), script=HERE / "server.py") as server:
                result = call_tool(suite, server.url, folder)
        except (AssertionError, subprocess.TimeoutExpired) as error:  # the server did not start, the tool did not end
            say(f"{suite.name}: {error}")
            return False
        if result.returncode:
            for reason in reasons(Path(folder)):
                say(f"{suite.name}: {reason}")
    verdict = result.stdout.rpartition("Total: ")[2]  # everything, when the tool crashed before it came to one
    say(f"{suite.name}: {verdict.strip() or 'the tool crashed'}")
    return result.returncode == 0


def call_tool(suite: Suite, url: str, folder: str) -> subprocess.CompletedProcess[str]:
    """Run the official tool, which leaves `server-SCENARIO-TIME/checks.json` in `folder`; its stderr is ours."""
    tool = NODE_MODULES / suite.package / "dist" / "index.js"  # by path: both packages have the same command
    baseline = HERE / f"baseline.{suite.name}.yml"
    command = [NODE, tool, "server", "--url", url, "--expected-failures", baseline, "--output-dir", folder]
    return subprocess.run(
        [*map(str, command), *suite.options],
        stdout=subprocess.PIPE,
        encoding="utf-8",
        timeout=SUITE_SECONDS,
        check=False,
    )


def reasons(folder: Path) -> Iterator[str]:
    """Say why each check failed, expected or not, which the tool only writes down; a warning counts as a failure."""
    for file in sorted(folder.glob("*/checks.json")):
        for check in json.loads(file.read_text(encoding="utf-8")):
            if check["status"] in ("FAILURE", "WARNING"):
                yield f"{check['id']}: {check.get('errorMessage') or check['description']}"


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
