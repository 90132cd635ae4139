"""The measurements: contenders take turns, round by round, around one stdio server after the other."""

import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.adapter.contenders import BASELINE, CONTENDERS, Contender, Wrapper, wrapping
from benchmarks.adapter.installed import Installed
from benchmarks.load.driven import drive
from benchmarks.load.job import Job
from benchmarks.load.messages import Question
from benchmarks.report.tables import Row, Table

ECHO: Final = Path(__file__).with_name("echo.py")
QUESTION: Final = Question.call("echo", {"message": "hi"}, "Echo: hi")
METRICS: Final = ("calls_per_second", "p50_ms", "p99_ms", "memory_mb")
MOST_WARM_UP_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Plan:
    """How much is measured, where logs go, and who hears of the progress."""

    clients: Sequence[int]
    rounds: int
    seconds: float
    logs: Path
    progress: Callable[[str], None]


def measure(installed: Installed, plan: Plan) -> list[Table]:
    """Return the tables of all servers.

    Raises:
        StartError: a wrapper does not start, or the load fails.
    """
    servers = {
        "Python (FastMCP)": [sys.executable, "-I", str(ECHO)],
        "Node.js (server-everything)": installed.everything,
    }
    plan.logs.mkdir(parents=True, exist_ok=True)
    return [table for name, server in servers.items() for table in _around(name, server, installed, plan)]


def _around(name: str, server: Sequence[str], installed: Installed, plan: Plan) -> list[Table]:
    tables = []
    with ExitStack() as stack:
        wrappers: dict[str, Wrapper] = {}
        for kind in dict.fromkeys(contender.wrapper for contender in CONTENDERS if contender.wrapper):
            plan.progress(f"{name}: starting {kind}")
            wrappers[kind] = stack.enter_context(wrapping(kind, server, installed, plan.logs))
        for clients in plan.clients:
            rows = {contender: Row(contender.name) for contender in CONTENDERS}
            for number in range(plan.rounds):
                for contender in [each for each in CONTENDERS if number == 0 or not each.slow]:
                    plan.progress(f"{name}, clients: {clients}, round {number + 1} of {plan.rounds}: {contender.name}")
                    wrapper = wrappers.get(contender.wrapper)
                    job = _job(contender, wrapper, server, clients, plan.seconds)
                    rows[contender].take(drive(job, plan.logs, wrapper.pid if wrapper else None))
            tables.append(Table(name, f"clients: {clients}", BASELINE, METRICS, list(rows.values())))
    return tables


def _job(contender: Contender, wrapper: Wrapper | None, server: Sequence[str], clients: int, seconds: float) -> Job:
    return Job(
        url=wrapper.url if wrapper else "",
        argv=() if wrapper else tuple(server),
        protocol=contender.protocol,
        question=QUESTION,
        greets=not contender.slow,
        clients=clients,
        warm_up=0 if contender.slow else min(seconds, MOST_WARM_UP_SECONDS),
        seconds=seconds,
        calls=1 if contender.slow else 0,
    )
