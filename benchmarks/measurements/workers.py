"""What a second process brings: `uvicorn --workers 2` beside one, with asyncio's own loop and with uvloop.

The kernel spreads connections over the processes, and not evenly: "busiest" is how much of the work one of them did.
On a machine of two cores the load takes its part of them, too; "processor" is what all of them compute for a call, and
says how many there would be if each process had a core.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

from benchmarks.contenders import ADD, CHASSIS, CHASSIS_UVLOOP, Contender
from benchmarks.load.driven import drive
from benchmarks.load.messages import MODERN
from benchmarks.plan import Plan
from benchmarks.report.tables import Table
from benchmarks.running import Running, workers

NAME: Final = "workers"
METRICS: Final = ("calls_per_second", "p99_ms", "busiest_percent", "processor_ms")
COUNTS: Final = (1, 2)


def case(contender: Contender, clients: int) -> str:
    """Return what a table of this is called."""
    return f"{contender.name}, clients: {clients}"


def row(count: int) -> str:
    """Return what a row is called."""
    return f"workers: {count}"


def measure(plan: Plan) -> list[Table]:
    """Compare two processes with one, for each number of clients.

    Raises:
        StartError: a server does not start, or the load fails.
    """
    contenders = (CHASSIS, CHASSIS_UVLOOP)
    return [table for one in contenders for table in compare(plan, NAME, one, COUNTS, plan.clients)]


def compare(
    plan: Plan, measurement: str, contender: Contender, counts: Sequence[int], clients: Sequence[int]
) -> list[Table]:
    """Run so many processes of a contender, and so many; return a table for each number of clients.

    Raises:
        StartError: a server does not start, or the load fails.
    """
    with ExitStack() as stack:
        servers: dict[int, Running] = {}
        for count in counts:
            plan.progress(f"starting {contender.name}, {row(count)}")
            servers[count] = stack.enter_context(workers(contender, count, plan))
        return [_table(plan, measurement, case(contender, number), servers, number) for number in clients]


def _table(plan: Plan, measurement: str, called: str, servers: dict[int, Running], clients: int) -> Table:
    table = Table.of(measurement, called, METRICS, *map(row, servers))
    for count in plan.turns(f"{measurement}: {called}", plan.rounds, list(servers), row):
        server = servers[count]
        table.take(row(count), drive(plan.job(server.url, MODERN, ADD, clients), plan.logs, server.pid))
    return table
