"""Rows, and their ratios to one of them."""

import json

import pytest

from benchmarks.load.driven import Round
from benchmarks.load.job import Result
from benchmarks.report.tables import Table


def speed(calls_per_second, p99=10.0, errors=0):
    return Round(Result(int(calls_per_second), errors, "it broke" if errors else "", calls_per_second, 5.0, p99, 0.25))


@pytest.fixture
def table():
    table = Table.of("throughput", "add", ("calls_per_second", "p99_ms"), "bare", "ours", "absent")
    for bare, ours in ((90, 210), (100, 190), (130, 200)):
        table.take("bare", speed(bare))
        table.take("ours", speed(ours, p99=2.5))
    return table


def test_a_ratio_is_that_of_the_medians(table):
    ours = table.row("ours")
    assert (ours.median("calls_per_second"), table.ratio(ours, "calls_per_second")) == (200, 2.0)
    assert table.ratio(ours, "p99_ms") == 0.25
    assert table.ratio(table.row("bare"), "calls_per_second") == 1


def test_who_was_not_measured_has_no_number_and_no_ratio(table):
    absent = table.row("absent")
    assert (absent.median("p99_ms"), table.ratio(absent, "p99_ms")) == (None, None)
    assert table.row("nobody") is None


def test_what_nothing_was_compared_with_has_no_ratio():
    table = Table.of("throughput", "add", ("calls_per_second",), "bare", "ours")
    table.take("ours", speed(100))
    [_, ours] = table.rows
    assert table.ratio(ours, "calls_per_second") is None


def test_a_round_without_an_answer_is_an_error_and_no_number(table):
    table.take("ours", speed(0, errors=8))
    ours = table.row("ours")
    assert (ours.errors, ours.error, ours.median("calls_per_second")) == (8, "it broke", 200)


def test_what_the_processes_have_used_is_a_number_where_it_is_known(table):
    table.take("absent", Round(Result(10, calls_per_second=10.0), 5_000_000, 0.75, 2.5))
    absent = table.row("absent")
    assert [absent.median(name) for name in ("memory_mb", "busiest_percent", "processor_ms")] == [5, 75, 2.5]
    assert table.row("ours").median("processor_ms") is None


def test_a_program_gets_each_round(table):
    said = json.loads(json.dumps(table.as_json()))
    ours = said["rows"][1]
    assert (said["measurement"], said["case"], said["baseline"]) == ("throughput", "add", "bare")
    assert (ours["median"]["calls_per_second"], ours["spread"]["calls_per_second"]) == (200, [190, 210])
    assert [numbers["calls_per_second"] for numbers in ours["rounds"]] == [210, 190, 200]
    assert (ours["ratio"]["p99_ms"], ours["load_busy"]) == (0.25, 0.25)
