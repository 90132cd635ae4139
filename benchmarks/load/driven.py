"""One round: a process of the load, and what the server has used meanwhile."""

import json
import os
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
    processor_ms: float = 0.0
    """How long they have computed for a call, all together."""


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
    result = Result(**json.loads(said))
    if not any(shares):
        return Round(result, memory)
    computed_ms = sum(shares) * 1000 / os.sysconf("SC_CLK_TCK")
    return Round(result, memory, max(shares) / sum(shares), computed_ms / max(result.answered, 1))
