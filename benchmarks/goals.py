"""What the chassis shall reach. Each number is a median of one run, beside another one of the same run."""

import os
from functools import partial
from typing import Final

from benchmarks.contenders import BARE, CHASSIS, PLAIN, Contender
from benchmarks.load.messages import HANDSHAKE, MODERN
from benchmarks.measurements import growth, start, throughput, workers
from benchmarks.report.goals import Goal, Number

ROOM: Final = (os.cpu_count() or 1) > 2
"""Whether there is a core for each of two workers beside the load's."""


def _add(contender: Contender, era: str, clients: int, metric: str = "calls_per_second") -> Number:
    return Number(throughput.NAME, throughput.case("add", era, clients), contender.name, metric)


def _two_workers(name: str, metric: str, at_least: float | None = None, at_most: float | None = None) -> Goal:
    two, one = (Number(workers.NAME, workers.case(CHASSIS, 32), workers.row(count), metric) for count in (2, 1))
    return Goal(f"{name} of two workers, 32 clients, to one", two, one, at_least, at_most)


def _start(case: str, metric: str, contender: Contender) -> Number:
    return Number(start.NAME, case, contender.name, metric)


def _first(era: str, at_most: float) -> Goal:
    first, second = (_start(start.rested(era), metric, CHASSIS) for metric in ("first_ms", "second_ms"))
    return Goal(f"first call after a rest, {era}, to the second", first, second, at_most=at_most)


def _to_bare(name: str, of: "partial[Number]", at_least: float | None = None, at_most: float | None = None) -> Goal:
    return Goal(f"{name}, to bare", of(contender=CHASSIS), of(contender=BARE), at_least, at_most)


def _tools(count: int) -> Number:
    return Number(growth.NAME, growth.tools_case(count), CHASSIS.name, "call_ms")


GOALS: Final = (
    _to_bare(f"calls/s, {MODERN}, 8 clients", partial(_add, era=MODERN, clients=8), at_least=2.0),
    _to_bare(f"calls/s, {HANDSHAKE}, 8 clients", partial(_add, era=HANDSHAKE, clients=8), at_least=1.6),
    _to_bare(f"p99, {MODERN}, 8 clients", partial(_add, era=MODERN, clients=8, metric="p99_ms"), at_most=0.25),
    _to_bare(f"p99, {MODERN}, 32 clients", partial(_add, era=MODERN, clients=32, metric="p99_ms"), at_most=0.25),
    Goal(f"calls/s, {MODERN}, 8 clients, to plain", _add(CHASSIS, MODERN, 8), _add(PLAIN, MODERN, 8), at_least=0.92),
    _two_workers("calls/s", "calls_per_second", at_least=1.9)
    if ROOM
    else _two_workers("processor time a call", "processor_ms", at_most=1.05),  # so twice as many, had they the cores
    _to_bare("start to /health", partial(_start, start.UNTIL, "health_ms"), at_most=0.85),
    _to_bare("start to the first call", partial(_start, start.UNTIL, "call_ms"), at_most=0.9),
    _to_bare("start over stdio", partial(_start, start.UNTIL, "stdio_ms"), at_most=0.85),
    _to_bare("memory at rest (PSS)", partial(_start, start.MEMORY, "pss_mb"), at_most=1.0),
    _first(MODERN, at_most=2.0),  # it builds its tool's own validator: a millisecond
    _first(HANDSHAKE, at_most=2.0),
    Goal("call with 1000 tools, to 10 tools", _tools(1000), _tools(10), at_most=1.1),
)
