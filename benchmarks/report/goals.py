"""Goals: a number beside another one, and whether it is what it should be."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.report.tables import Table


@dataclass(frozen=True)
class Number:
    """Where one stands: in which table, of whom, which."""

    measurement: str
    case: str
    contender: str
    metric: str

    def of(self, tables: Sequence[Table]) -> float | None:
        """Return its median; None where it was not measured."""
        for table in tables:
            if (table.measurement, table.case) == (self.measurement, self.case) and (row := table.row(self.contender)):
                return row.median(self.metric)
        return None


@dataclass(frozen=True)
class Goal:
    """`one` shall be at least, or at most, so many times `other`."""

    name: str
    one: Number
    other: Number
    at_least: float | None = None
    at_most: float | None = None


@dataclass(frozen=True)
class Judgement:
    """What came of a goal; without a ratio it was not measured."""

    goal: Goal
    ratio: float | None

    @property
    def met(self) -> bool | None:
        """Whether it is met; None where it was not measured."""
        if self.ratio is None:
            return None
        if self.goal.at_least is not None:
            return self.ratio >= self.goal.at_least
        return self.goal.at_most is None or self.ratio <= self.goal.at_most

    @property
    def wanted(self) -> str:
        """Say what was wanted."""
        goal = self.goal
        return f">= {goal.at_least:g}x" if goal.at_least is not None else f"<= {goal.at_most:g}x"

    @property
    def verdict(self) -> str:
        """Say what came of it."""
        return {True: "met", False: "NOT MET", None: "not measured"}[self.met]

    def as_json(self) -> dict[str, Any]:
        """Return it for a program to read."""
        return {"name": self.goal.name, "ratio": self.ratio, "wanted": self.wanted, "met": self.met}


def judge(goals: Sequence[Goal], tables: Sequence[Table]) -> list[Judgement]:
    """Compare each goal with what was measured."""
    return [Judgement(goal, _ratio(goal.one.of(tables), goal.other.of(tables))) for goal in goals]


def _ratio(one: float | None, other: float | None) -> float | None:
    return one / other if one is not None and other else None
