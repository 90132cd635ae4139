"""One round: a process of the load, and what the server has used meanwhile."""

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from benchmarks.load.job import Job, Result
from benchmarks.load.processes import program, settle, tree
from benchmarks.load.started import environment
from serving.errors import StartError
from serving.identity import ROOT

SAMPLE_SECONDS: Final = 0.5
"""How often memory is looked at."""


@dataclass(frozen=True)
class Round:
    """What the load has measured, and what the server has used; 0 where nobody can say."""

    result: Result
    memory: int = 0
    """The most bytes that all its processes had meanwhile."""
    busiest: float = 0.0
    """How much of what its processes have computed was done by the one that did most; 1 is all of it."""


def drive(job: Job, logs: Path, server: int | None = None) -> Round:
    """Do a job, and watch the processes of the server with this id, or those that the load starts itself.

    Raises:
        StartError: the load fails.
    """
    argv = [sys.executable, "-m", "benchmarks.load", json.dumps(asdict(job))]
    log, memory = logs / "load.log", 0
    before = tree(server) if server else []
    with program(argv, environment(PYTHONPATH=str(ROOT)), log, stdout=subprocess.PIPE) as process:
        while True:
            members = tree(server) if server else tree(process.pid)[1:]
            memory = max(memory, sum(one.resident for one in members))
            try:
                said, _ = process.communicate(timeout=SAMPLE_SECONDS)
                break
            except subprocess.TimeoutExpired:
                continue
    if process.returncode:
        raise StartError(f"the load: expected it to end with 0, not {process.returncode} ({log} says more)")
    used = {one.pid: one.computed for one in before}
    shares = [one.computed - used.get(one.pid, 0) for one in (tree(server) if server else [])]
    if server:
        settle(server, len(before))
    return Round(Result(**json.loads(said)), memory, max(shares) / sum(shares) if any(shares) else 0.0)
