"""What more of something costs: clients, tools, bytes of an answer, processes; our chassis beside a bare server."""

from collections.abc import Iterator
from typing import Final

from benchmarks.contenders import ADD, BARE, CHASSIS, Contender
from benchmarks.load.driven import drive
from benchmarks.load.messages import MODERN, Question
from benchmarks.measurements import workers
from benchmarks.measurements.start import until_it_answers
from benchmarks.plan import Plan
from benchmarks.report.tables import Table
from benchmarks.running import all_running
from benchmarks.servers.tools import tools as tools_of_all

NAME: Final = "growth"
CONTENDERS: Final = (BARE, CHASSIS)
CLIENTS: Final = (1, 4, 16, 64, 256)
TOOLS: Final = (10, 100, 1000)
BYTES: Final = (1024, 32 * 1024, 1024**2, 5 * 1024**2)
PROCESSES: Final = (1, 2, 3, 4)
PROCESSES_CLIENTS: Final = 32
LIST: Final = Question("tools/list", {}, '"add_in_thread"')
HEAVIEST: Final = {"MCP_MAX_RESULT_BYTES": str(64 * 1024**2)}
"""What the chassis must be told to give such answers."""


def tools_case(count: int) -> str:
    """Return what the table of a server with so many tools is called."""
    return f"tools: {count}"


def measure(plan: Plan) -> list[Table]:
    """Let each grow on its own.

    Raises:
        StartError: a server does not start, or the load fails.
    """
    processes = workers.compare(plan, NAME, CHASSIS, PROCESSES, [PROCESSES_CLIENTS])
    return [*_clients(plan), *(_tools(plan, count) for count in TOOLS), *_bytes(plan), *processes]


def _clients(plan: Plan) -> Iterator[Table]:
    with all_running(CONTENDERS, plan) as servers:
        for clients in CLIENTS:
            table = _table(f"clients: {clients}", "calls_per_second", "p99_ms")
            for contender in _turns(plan, table):
                server = servers[contender]
                table.take(contender.name, drive(plan.job(server.url, MODERN, ADD, clients), plan.logs, server.pid))
            yield table


def _tools(plan: Plan, count: int) -> Table:
    table = _table(tools_case(count), "list_ms", "call_ms", "health_ms")
    more = str(count - len(tools_of_all()))
    with all_running(CONTENDERS, plan, BENCH_TOOLS=more) as servers:
        for contender in _turns(plan, table):
            server = servers[contender]
            listed, called = (
                drive(plan.job(server.url, MODERN, question, 1), plan.logs, server.pid) for question in (LIST, ADD)
            )
            started = until_it_answers(plan, contender, BENCH_TOOLS=more)["health_ms"]
            table.take(
                contender.name, called, call_ms=called.result.p50_ms, list_ms=listed.result.p50_ms, health_ms=started
            )
    return table


def _bytes(plan: Plan) -> Iterator[Table]:
    with all_running(CONTENDERS, plan, **HEAVIEST) as servers:
        for size in BYTES:
            table = _table(f"an answer of {size // 1024} KiB", "p50_ms", "mb_per_second")
            question = Question.call("text", {"size": size}, '"text":"' + "x" * 100)
            for contender in _turns(plan, table):
                server = servers[contender]
                found = drive(plan.job(server.url, MODERN, question, 1), plan.logs, server.pid)
                table.take(contender.name, found, mb_per_second=found.result.calls_per_second * size / 1e6)
            yield table


def _table(case: str, *metrics: str) -> Table:
    return Table.of(NAME, case, metrics, *(contender.name for contender in CONTENDERS))


def _turns(plan: Plan, table: Table) -> Iterator[Contender]:
    return plan.turns(f"{NAME}: {table.case}", plan.rounds, CONTENDERS, lambda one: one.name)
