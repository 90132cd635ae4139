"""Numbers of several rounds as one row, and rows as a table: each beside its ratio to mcp-proxy."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from ship.adapter.bench.contenders import BASELINE, CONTENDERS, DIRECT
from ship.adapter.bench.load import Result

COLUMNS: Final = {
    "calls_per_second": "calls/s",
    "p50_ms": "p50, ms",
    "p99_ms": "p99, ms",
    "memory_mb": "memory, MB",
}
"""What is compared, and its title."""


@dataclass(frozen=True)
class Round:
    """One measurement, and the most memory (bytes) that all processes had meanwhile; 0 where nobody can say."""

    result: Result
    memory: int


def row(server: str, clients: int, contender: str, rounds: Sequence[Round]) -> dict[str, Any]:
    """Sum up: medians of those rounds that have calls, the most memory, all errors."""
    results = [one.result for one in rounds]
    timed = [result for result in results if result.calls]

    def middle(name: str) -> float | None:
        return round(median(getattr(result, name) for result in timed), 2) if timed else None

    return {
        "server": server,
        "clients": clients,
        "contender": contender,
        **{name: middle(name) for name in ("calls_per_second", "p50_ms", "p99_ms")},
        "memory_mb": round(max(one.memory for one in rounds) / 1e6, 1) or None,
        "calls": sum(result.calls for result in results),
        "errors": sum(result.errors for result in results),
        "error": next((result.error for result in results if result.error), ""),
        "load_busy": round(max(result.busy for result in results), 2),
    }


def compare(rows: Sequence[dict[str, Any]]) -> None:
    """Add to each row its ratios to mcp-proxy, of the same server and as many clients."""
    base = {(one["server"], one["clients"]): one for one in rows if one["contender"] == BASELINE}
    for one in rows:
        other = base[one["server"], one["clients"]]
        one["to_mcp_proxy"] = {
            name: float(f"{one[name] / other[name]:.3g}") if one[name] and other[name] else None for name in COLUMNS
        }


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return the rows as text, by server and clients."""
    lines: list[str] = []
    for case in dict.fromkeys((one["server"], one["clients"]) for one in rows):
        titles = (f"{title:>11} {'x':>7}" for title in COLUMNS.values())
        lines += ["", _line(f"{case[0]}, clients: {case[1]}", *titles, "errors")]
        lines += [_line(*_cells(one)) for one in rows if (one["server"], one["clients"]) == case]
    wrapped, direct = (
        max(one["load_busy"] for one in rows if (one["contender"] == DIRECT) is is_direct)
        for is_direct in (False, True)
    )
    load = f"The load itself took at most {wrapped:.0%} of a core; {direct:.0%} for {DIRECT}."
    wrong = [f"{one['contender']}, clients: {one['clients']}: {one['error']}" for one in rows if one["error"]]
    return "\n".join([*lines, "", load, *wrong])


def _cells(one: dict[str, Any]) -> Iterator[str]:
    yield one["contender"]
    for name in COLUMNS:
        ratio = one["to_mcp_proxy"][name]
        yield f"{_short(one[name]):>11} {_short(ratio):>7}"
    yield f"{one['errors']:>6}"


def _short(number: float | None) -> str:
    if number is None:
        return "-"
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"


def _line(name: str, *cells: str) -> str:
    return f"{name:<40}" + " ".join(cells)


def heading(machine: Mapping[str, str], versions: Mapping[str, str], rounds: int, seconds: float) -> str:
    """Return what was measured, where and how."""
    where = f"{machine['cores']} cores, {machine['system']}, Python {machine['python']}, Node.js {machine['node']}"
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    slow = " and ".join(contender.name for contender in CONTENDERS if contender.slow)
    return f"{where}\n{named}\n{rounds} x {seconds:g} s, medians; x: as much as {BASELINE}; {slow}: one call a client"
