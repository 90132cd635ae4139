"""The measurements: contenders take turns, round by round, around one stdio server after the other."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from serving.errors import StartError
from serving.identity import ROOT
from ship.adapter.bench.contenders import CONTENDERS, Contender, Wrapper, environment, wrapping
from ship.adapter.bench.installed import Installed
from ship.adapter.bench.load import Job, Result
from ship.adapter.bench.processes import program, settle, tree
from ship.adapter.bench.report import Round, row

ECHO: Final = Path(__file__).with_name("echo.py")
MOST_WARM_UP_SECONDS: Final = 1.0
SAMPLE_SECONDS: Final = 0.5
"""How often memory is looked at."""


@dataclass(frozen=True)
class Plan:
    """How much is measured, where logs go, and who hears of the progress."""

    clients: Sequence[int]
    rounds: int
    seconds: float
    logs: Path
    progress: Callable[[str], None]


def measure(installed: Installed, plan: Plan) -> list[dict[str, Any]]:
    """Return the rows of all servers.

    Raises:
        StartError: a wrapper does not start, or the load fails.
    """
    servers = {
        "Python (FastMCP)": [sys.executable, "-I", str(ECHO)],
        "Node.js (server-everything)": installed.everything,
    }
    plan.logs.mkdir(parents=True, exist_ok=True)
    return [found for name, server in servers.items() for found in _around(name, server, installed, plan)]


def _around(name: str, server: Sequence[str], installed: Installed, plan: Plan) -> list[dict[str, Any]]:
    rows = []
    with ExitStack() as stack:
        wrappers: dict[str, Wrapper] = {}
        for wrapper in dict.fromkeys(contender.wrapper for contender in CONTENDERS if contender.wrapper):
            plan.progress(f"{name}: starting {wrapper}")
            wrappers[wrapper] = stack.enter_context(wrapping(wrapper, server, installed, plan.logs))
        for clients in plan.clients:
            found: dict[Contender, list[Round]] = {contender: [] for contender in CONTENDERS}
            for number in range(plan.rounds):
                for contender in [each for each in CONTENDERS if number == 0 or not each.slow]:
                    plan.progress(f"{name}, clients: {clients}, round {number + 1} of {plan.rounds}: {contender.name}")
                    job = _job(contender, wrappers.get(contender.wrapper), server, clients, plan.seconds)
                    found[contender].append(_round(job, wrappers.get(contender.wrapper), plan.logs))
            rows += [row(name, clients, contender.name, rounds) for contender, rounds in found.items()]
    return rows


def _job(contender: Contender, wrapper: Wrapper | None, server: Sequence[str], clients: int, seconds: float) -> Job:
    return Job(
        url=wrapper.url if wrapper else "",
        argv=() if wrapper else tuple(server),
        protocol=contender.protocol,
        greets=not contender.slow,
        clients=clients,
        warm_up=0 if contender.slow else min(seconds, MOST_WARM_UP_SECONDS),
        seconds=seconds,
        calls=1 if contender.slow else 0,
    )


def _round(job: Job, wrapper: Wrapper | None, logs: Path) -> Round:
    argv = [sys.executable, "-m", "ship.adapter.bench.load", json.dumps(asdict(job))]
    log, memory = logs / "load.log", 0
    before = len(tree(wrapper.pid)) if wrapper else 0
    with program(argv, environment(PYTHONPATH=str(ROOT)), log, stdout=subprocess.PIPE) as process:
        while True:
            members = tree(wrapper.pid) if wrapper else tree(process.pid)[1:]
            memory = max(memory, sum(one.resident for one in members))
            try:
                said, _ = process.communicate(timeout=SAMPLE_SECONDS)
                break
            except subprocess.TimeoutExpired:
                continue
    if process.returncode:
        raise StartError(f"the load: expected it to end with 0, not {process.returncode} ({log} says more)")
    if wrapper:
        settle(wrapper.pid, before)
    return Round(Result(**json.loads(said)), memory)
