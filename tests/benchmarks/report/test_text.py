"""Tables as text."""

import pytest

from benchmarks.report.goals import Goal, Judgement, Number
from benchmarks.report.tables import Table
from benchmarks.report.text import as_text, goals_as_text, heading, load_of, short


@pytest.fixture
def table():
    table = Table.of("start", "to the first answer", ("health_ms",), "bare", "ours")
    for bare, ours in ((1000, 800), (1100, 700)):
        table.add("bare", {"health_ms": bare})
        table.add("ours", {"health_ms": ours})
    return table


def words(line):
    return line.split()


def test_each_number_stands_beside_its_ratio_and_its_ends(table):
    title, above, bare, ours = as_text(table).splitlines()
    assert title == "start: to the first answer"
    assert words(above) == ["health,", "ms", "x", "spread", "errors"]
    assert words(bare) == ["bare", "1050", "1", "1000-1100", "0"]
    assert words(ours) == ["ours", "750", "0.714", "700-800", "0"]


def test_the_ends_can_be_left_out(table):
    assert words(as_text(table, spread=False).splitlines()[-1]) == ["ours", "750", "0.714", "0"]


def test_errors_are_said_loudly(table):
    row = table.row("ours")
    row.errors, row.error = 3, "503 Service Unavailable"
    assert as_text(table).splitlines()[-1] == "ERRORS of ours: 3, the first: 503 Service Unavailable"


def test_a_goal_is_one_line():
    number = Number("start", "to the first answer", "ours", "health_ms")
    goal = Goal("start to /health, to bare", number, number, at_most=0.85)
    met, missing = goals_as_text([Judgement(goal, 0.8), Judgement(goal, None)]).splitlines()[1:]
    assert words(met)[-4:] == ["0.8", "<=", "0.85x", "met"]
    assert words(missing)[-5:] == ["-", "<=", "0.85x", "not", "measured"]


def test_what_is_missing_is_a_dash():
    text = as_text(Table.of("start", "to the first answer", ("health_ms",), "bare"))
    assert words(text.splitlines()[-1]) == ["bare", "-", "-", "-", "0"]


@pytest.mark.parametrize(
    ("number", "text"), [(None, "-"), (1234.5, "1234"), (99.94, "99.9"), (0.12345, "0.123"), (2.0, "2")]
)
def test_a_number_is_short(number, text):
    assert short(number) == text


def test_the_heading_says_where_with_what_and_how():
    machine = {"cores": "2", "system": "Linux x86_64", "python": "3.13.1", "node": ""}
    assert heading(machine, {"fastmcp": "4.0", "mcp": "2.0"}, "3 rounds").splitlines() == [
        "2 cores, Linux x86_64, Python 3.13.1",
        "fastmcp 4.0, mcp 2.0",
        "3 rounds",
    ]
    assert "Node.js 22.1.0" in heading(machine | {"node": "22.1.0"}, {}, "")


def test_the_load_says_what_it_has_taken_itself(table):
    assert load_of([table]) == ""
    table.row("ours").load_busy = 0.3
    assert load_of([table]) == "The load itself took at most 30% of a core."
