"""What was measured: tables of rows, each with the numbers of all its rounds, compared with one row of its table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

from benchmarks.load.driven import Round

TITLES: Final = {
    "calls_per_second": "calls/s",
    "p50_ms": "p50, ms",
    "p99_ms": "p99, ms",
    "memory_mb": "memory, MB",
    "busiest_percent": "busiest, %",
    "processor_ms": "processor, ms",
    "health_ms": "health, ms",
    "call_ms": "call, ms",
    "stdio_ms": "stdio, ms",
    "rss_mb": "RSS, MB",
    "pss_mb": "PSS, MB",
    "first_ms": "first, ms",
    "second_ms": "second, ms",
    "list_ms": "list, ms",
    "mb_per_second": "MB/s",
}
"""Each number that can be measured, and what stands above it."""


@dataclass
class Row:
    """One contender: the numbers of each round by name, and what went wrong."""

    contender: str
    rounds: list[dict[str, float]] = field(default_factory=list)
    errors: int = 0
    error: str = ""
    load_busy: float = 0.0
    """The most of one core that the load itself has used."""

    def add(self, numbers: Mapping[str, float]) -> None:
        """Take the numbers of a round."""
        self.rounds.append(dict(numbers))

    def take(self, measured: Round, **more: float) -> None:
        """Take what the load has measured in a round; where nothing was answered, its errors only."""
        result = measured.result
        self.errors += result.errors
        self.error = self.error or result.error
        self.load_busy = max(self.load_busy, round(result.busy, 2))
        if result.calls:
            speed = {name: getattr(result, name) for name in ("calls_per_second", "p50_ms", "p99_ms")}
            also = {
                "memory_mb": measured.memory / 1e6,
                "busiest_percent": measured.busiest * 100,
                "processor_ms": measured.processor_ms,
            }
            self.add(speed | {name: number for name, number in also.items() if number} | more)

    def all_of(self, name: str) -> list[float]:
        """Return a number of each round that has it."""
        return [numbers[name] for numbers in self.rounds if name in numbers]

    def median(self, name: str) -> float | None:
        """Return the median of the rounds; None where there are none."""
        found = self.all_of(name)
        return median(found) if found else None


@dataclass
class Table:
    """Contenders in the same case, and the name of the one that the others are compared with."""

    measurement: str
    case: str
    baseline: str
    metrics: tuple[str, ...]
    """What is shown, in this order."""
    rows: list[Row]

    @classmethod
    def of(cls, measurement: str, case: str, metrics: tuple[str, ...], *contenders: str) -> "Table":
        """Return an empty one; the first contender is what the others are compared with."""
        return cls(measurement, case, contenders[0], metrics, [Row(name) for name in contenders])

    def row(self, contender: str) -> Row | None:
        """Return the row of a contender, if it takes part."""
        return next((row for row in self.rows if row.contender == contender), None)

    def add(self, contender: str, numbers: Mapping[str, float]) -> None:
        """Take the numbers of a contender's round."""
        self._row(contender).add(numbers)

    def take(self, contender: str, measured: Round, **more: float) -> None:
        """Take what the load has measured of a contender in a round."""
        self._row(contender).take(measured, **more)

    def _row(self, contender: str) -> Row:
        row = self.row(contender)
        if row is None:
            raise KeyError(contender)
        return row

    def ratio(self, row: Row, name: str) -> float | None:
        """Return how many times the baseline's median this one is; None where either is missing."""
        base = self.row(self.baseline)
        one, other = row.median(name), base.median(name) if base else None
        return one / other if one is not None and other else None

    def as_json(self) -> dict[str, Any]:
        """Return everything, for a program to read."""
        return {
            "measurement": self.measurement,
            "case": self.case,
            "baseline": self.baseline,
            "rows": [self._row_as_json(row) for row in self.rows],
        }

    def _row_as_json(self, row: Row) -> dict[str, Any]:
        names = [name for name in TITLES if row.all_of(name)]
        return {
            "contender": row.contender,
            "median": {name: row.median(name) for name in names},
            "spread": {name: [min(row.all_of(name)), max(row.all_of(name))] for name in names},
            "ratio": {name: self.ratio(row, name) for name in names},
            "errors": row.errors,
            "error": row.error,
            "load_busy": row.load_busy,
            "rounds": row.rounds,
        }
