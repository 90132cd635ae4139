"""Goals that are met, that are not, and that nobody has looked at."""

import pytest

from benchmarks.report.goals import Goal, Number, judge
from benchmarks.report.tables import Table

OURS, BARE = (Number("throughput", "add", name, "calls_per_second") for name in ("ours", "bare"))


def tables(ours):
    table = Table.of("throughput", "add", ("calls_per_second",), "bare", "ours")
    table.add("bare", {"calls_per_second": 100})
    if ours is not None:
        table.add("ours", {"calls_per_second": ours})
    return [Table.of("start", "add", (), "bare"), table]


@pytest.mark.parametrize(
    ("ours", "bounds", "verdict"),
    [
        (200, {"at_least": 2.0}, "met"),
        (199, {"at_least": 2.0}, "NOT MET"),
        (25, {"at_most": 0.25}, "met"),
        (26, {"at_most": 0.25}, "NOT MET"),
        (None, {"at_least": 2.0}, "not measured"),
    ],
)
def test_a_goal_is_met_up_to_its_bound(ours, bounds, verdict):
    [judgement] = judge([Goal("calls/s, to bare", OURS, BARE, **bounds)], tables(ours))
    assert judgement.verdict == verdict
    assert judgement.ratio == (None if ours is None else ours / 100)


def test_a_goal_says_what_is_wanted():
    goals = [Goal("more", OURS, BARE, at_least=1.6), Goal("less", OURS, BARE, at_most=0.25)]
    assert [judgement.wanted for judgement in judge(goals, [])] == [">= 1.6x", "<= 0.25x"]
