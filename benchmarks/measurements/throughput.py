"""How many calls a second, and how long one takes: all contenders, in both eras, by few clients and by many."""

from collections.abc import Sequence
from typing import Final

from benchmarks.contenders import ADD, ADD_IN_THREAD, ALL, BARE, CHASSIS, LOWLEVEL, NODE, PLAIN, Contender
from benchmarks.load.driven import drive
from benchmarks.load.messages import HANDSHAKE, MODERN, Question
from benchmarks.plan import Plan
from benchmarks.report.tables import Table
from benchmarks.running import Running, all_running

NAME: Final = "throughput"
ERAS: Final = (MODERN, HANDSHAKE)
METRICS: Final = ("calls_per_second", "p50_ms", "p99_ms")
QUICK: Final = (BARE, CHASSIS, PLAIN, LOWLEVEL)
IN_THREADS: Final = (BARE, CHASSIS, PLAIN)
THREAD_CLIENTS: Final = 8


def case(tool: str, era: str, clients: int) -> str:
    """Return what a table of this is called."""
    return f"{tool}, {era}, clients: {clients}"


def measure(plan: Plan) -> list[Table]:
    """Let all contenders run, and call one after the other.

    Raises:
        StartError: a server does not start, or the load fails.
    """
    some = [one for one in (QUICK if plan.quick else ALL) if one is not NODE or plan.environments.node]
    with all_running(some, plan) as servers:
        tables = [
            _table(plan, servers, [one for one in some if era in one.eras], ADD, era, clients)
            for era in ERAS
            for clients in plan.clients
        ]
        if not plan.quick:
            tables += [_table(plan, servers, IN_THREADS, ADD_IN_THREAD, era, THREAD_CLIENTS) for era in ERAS]
    return tables


def _table(
    plan: Plan,
    servers: dict[Contender, Running],
    contenders: Sequence[Contender],
    question: Question,
    era: str,
    clients: int,
) -> Table:
    called = case(question.params["name"], era, clients)
    table = Table.of(NAME, called, METRICS, *(contender.name for contender in contenders))
    for contender in plan.turns(f"{NAME}: {called}", plan.rounds, contenders, lambda one: one.name):
        server = servers[contender]
        table.take(contender.name, drive(plan.job(server.url, era, question, clients), plan.logs, server.pid))
    return table
