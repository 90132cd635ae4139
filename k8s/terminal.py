"""What a person sees of long work: one line a step, and on a terminal what the programs say that do it."""

import subprocess
import sys
from pathlib import Path

from k8s.cluster import ClusterError


def say(line: str) -> None:
    """Say what comes now, on stderr."""
    print(f"→ {line}", file=sys.stderr, flush=True)


def run(*command: str, cwd: Path | None = None) -> None:
    """Run a program that takes long: seen on a terminal, and elsewhere only if it fails.

    Raises:
        ClusterError: it is not there, or fails.
    """
    seen = sys.stderr.isatty()
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr if seen else subprocess.PIPE,
            stderr=None if seen else subprocess.STDOUT,
            check=False,
        )
    except FileNotFoundError:
        raise ClusterError(f"{command[0]} was not found") from None
    if done.returncode:
        if not seen:
            sys.stderr.buffer.write(done.stdout)
        raise ClusterError(f"{' '.join(command)} ended with status {done.returncode}")
