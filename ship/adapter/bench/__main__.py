"""`make bench-adapter`: the adapter beside mcp-proxy and supergateway around the same stdio servers, in one run.

They take turns, round by round, so that a noisy moment hits all alike; what counts are the ratios.
"""

import argparse
import json
import math
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from serving.errors import StartError
from serving.identity import ROOT
from ship.adapter.bench.installed import Installed, install, versions
from ship.adapter.bench.measure import Plan, measure
from ship.adapter.bench.report import compare, heading, table


def main(argv: Sequence[str] | None = None) -> int:
    """Install, measure, print the table; status 1 when something cannot run, 130 when it is interrupted."""
    options = _options(argv)
    for number in (signal.SIGINT, signal.SIGTERM):  # whoever ends us, what we have started ends first
        signal.signal(number, signal.default_int_handler)
    try:
        _progress("installing")
        installed = install(options.folder.absolute())
        report: dict[str, Any] = {
            "machine": _machine(installed),
            "versions": {**versions(), "fastmcp": version("fastmcp")},
        }
        plan = Plan(options.clients, options.rounds, options.seconds, options.folder.absolute() / "logs", _progress)
        rows = measure(installed, plan)
    except StartError as error:
        _progress("")
        print(f"bench: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        _progress("")
        return 128 + signal.SIGINT
    _progress("")
    compare(rows)
    print(heading(**report, rounds=options.rounds, seconds=options.seconds), table(rows), sep="\n")
    if options.json:
        report |= {"rounds": options.rounds, "seconds": options.seconds, "rows": rows}
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m ship.adapter.bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=_seconds, default=3.0, help="how long a round is (default: 3)")
    parser.add_argument("--clients", type=_counts, default=[1, 8, 32], help="how many at a time (default: 1,8,32)")
    parser.add_argument("--rounds", type=_count, default=3, help="how many; medians are shown (default: 3)")
    parser.add_argument("--json", type=_file, metavar="FILE", help="write the numbers there, too")
    folder = ROOT / "dist" / "bench"
    parser.add_argument("--folder", type=Path, default=folder, help="for packages and logs (default: dist/bench)")
    return parser.parse_args(argv)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0.1 <= seconds <= 600:
        raise argparse.ArgumentTypeError(f"{text}: expected a number from 0.1 to 600")
    return seconds


def _count(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= 200):
        raise argparse.ArgumentTypeError(f"{text}: expected a whole number from 1 to 200")
    return int(text)


def _counts(text: str) -> list[int]:
    return sorted({_count(part.strip()) for part in text.split(",")})


def _file(text: str) -> Path:
    if Path(text).is_dir() or not Path(text).absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text}: expected a file in a folder that exists")
    return Path(text)


def _machine(installed: Installed) -> dict[str, str]:
    node = subprocess.run([installed.supergateway[0], "--version"], capture_output=True, text=True, check=False)
    return {
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "node": node.stdout.strip().removeprefix("v"),
    }


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
