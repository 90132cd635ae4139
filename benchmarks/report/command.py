"""What the command lines of the benchmarks share: values, progress, and how they end."""

import argparse
import json
import math
import os
import platform
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from serving.errors import StartError
from serving.identity import ROOT

MOST: Final = 200
"""Of clients and rounds."""


def seconds(text: str) -> float:
    """Read how long a round is."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0.1 <= number <= 600:
        raise argparse.ArgumentTypeError(f"{text}: expected a number from 0.1 to 600")
    return number


def count(text: str) -> int:
    """Read how many."""
    if not (text.isdecimal() and 1 <= int(text) <= MOST):
        raise argparse.ArgumentTypeError(f"{text}: expected a whole number from 1 to {MOST}")
    return int(text)


def counts(text: str) -> list[int]:
    """Read several numbers."""
    return sorted({count(part.strip()) for part in text.split(",")})


def file(text: str) -> Path:
    """Read where something shall be written."""
    if Path(text).is_dir() or not Path(text).absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text}: expected a file in a folder that exists")
    return Path(text)


def add_options(parser: argparse.ArgumentParser, folder: Path) -> None:
    """Add what all have; what is not given is None, but for the folder."""
    parser.add_argument("--seconds", type=seconds, help="how long a round is (default: 3)")
    parser.add_argument("--clients", type=counts, help="how many at a time (default: 1,8,32)")
    parser.add_argument("--json", type=file, metavar="FILE", help="write the numbers there, too")
    shown = f"for packages and logs (default: {folder.relative_to(ROOT)})"
    parser.add_argument("--folder", type=Path, default=folder, help=shown)


def machine() -> dict[str, str]:
    """Return what all of it ran on."""
    return {
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "node": _node(),
    }


def _node() -> str:
    if not (node := shutil.which("node")):
        return ""
    done = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    return done.stdout.strip().removeprefix("v")


def progress(text: str) -> None:
    """Say on a terminal what is going on, and nothing elsewhere."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def write_json(place: Path, report: dict[str, Any]) -> None:
    """Write a report for programs."""
    place.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def status_of(work: Callable[[], None]) -> int:
    """Do it; return 0, or 1 with one line when something cannot run, or 130 when it is interrupted."""
    for number in (signal.SIGINT, signal.SIGTERM):  # whoever ends us, what we have started ends first
        signal.signal(number, signal.default_int_handler)
    try:
        work()
    except StartError as error:
        progress("")
        print(f"bench: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        progress("")
        return 128 + signal.SIGINT
    return 0
