"""What is said beside the tables of the adapter's benchmark."""

from collections.abc import Sequence

from benchmarks.adapter.contenders import BASELINE, CONTENDERS, DIRECT
from benchmarks.report.tables import Table


def how(rounds: int, seconds: float) -> str:
    """Return how it was measured."""
    slow = " and ".join(contender.name for contender in CONTENDERS if contender.slow)
    return f"{rounds} x {seconds:g} s, medians; x: as much as {BASELINE}; {slow}: one call a client"


def load(tables: Sequence[Table]) -> str:
    """Return what the load has used of the machine that it shares."""
    rows = [row for table in tables for row in table.rows]
    wrapped, direct = (
        max(row.load_busy for row in rows if (row.contender == DIRECT) is is_direct) for is_direct in (False, True)
    )
    return f"The load itself took at most {wrapped:.0%} of a core; {direct:.0%} for {DIRECT}."
