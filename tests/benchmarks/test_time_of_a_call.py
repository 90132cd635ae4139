"""The picture of where the time of a call goes."""

from benchmarks.contenders import BARE, CHASSIS, RAW
from benchmarks.load.messages import MODERN
from benchmarks.measurements import throughput
from benchmarks.picture import where_the_time_goes
from benchmarks.report.tables import Table
from tests.benchmarks.svg import texts


def test_a_bar_is_the_microseconds_of_a_call_from_the_least_to_the_most():
    table = Table.of(throughput.NAME, throughput.case("add", MODERN, 8), (), BARE.name, CHASSIS.name, RAW.name)
    for contender, speed in ((BARE, 500), (CHASSIS, 1000), (RAW, 5000)):
        table.add(contender.name, {"calls_per_second": speed})
    assert texts(where_the_time_goes([table]))[1:] == [
        *("Starlette alone, a fixed answer", "200 µs"),
        *("FastMCP on this chassis", "1000 µs"),
        *("FastMCP as its guide has it", "2000 µs"),
    ]
