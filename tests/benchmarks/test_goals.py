"""The goals fit what is measured."""

from benchmarks.goals import GOALS
from benchmarks.report.goals import judge


def test_every_goal_has_a_name_of_its_own_and_one_bound():
    assert len({goal.name for goal in GOALS}) == len(GOALS)
    assert all((goal.at_least is None) != (goal.at_most is None) for goal in GOALS)


def test_what_nobody_has_measured_is_neither_met_nor_missed():
    assert {judgement.met for judgement in judge(GOALS, [])} == {None}
