"""What a person sees of long work, and how it ends: one line a step, and on a terminal what the programs say."""

import signal
import subprocess
import sys
from pathlib import Path

from k8s.cluster import ClusterError


def say(line: str) -> None:
    """Say what comes now, on stderr."""
    print(f"→ {line}", file=sys.stderr, flush=True)


def clean_up_when_ended() -> None:
    """Let SIGTERM and SIGHUP unwind the stack as Ctrl-C does, so that nothing is left running."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))


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
