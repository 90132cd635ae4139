"""Where the time of a call goes: from what Starlette alone takes to what a bare FastMCP server takes."""

from collections.abc import Sequence
from typing import Final

from benchmarks.contenders import BARE, CHASSIS, LOWLEVEL, PLAIN, RAW
from benchmarks.load.messages import MODERN
from benchmarks.measurements import throughput
from benchmarks.report.goals import Number
from benchmarks.report.picture import Bar, picture
from benchmarks.report.tables import Table

TITLE: Final = "Where the time of a call goes"
CLIENTS: Final = 8
LABELS: Final = {
    RAW: "Starlette alone, a fixed answer",
    LOWLEVEL: "the MCP SDK",
    PLAIN: "FastMCP, under our uvicorn",
    CHASSIS: "FastMCP on this chassis",
    BARE: "FastMCP as its guide has it",
}


def where_the_time_goes(tables: Sequence[Table]) -> str:
    """Return an SVG of the microseconds that a call takes, of those contenders that were measured."""
    case, bars = throughput.case("add", MODERN, CLIENTS), []
    for contender, label in LABELS.items():
        speed = Number(throughput.NAME, case, contender.name, "calls_per_second").of(tables)
        if speed:
            bars.append(Bar(label, 1e6 / speed, highlighted=contender is CHASSIS))
    return picture(f"{TITLE} ({MODERN}, {CLIENTS} clients)", "µs", bars)
