"""Tables as text: each median beside its ratio to the baseline and, where there is room, the least and the most."""

from collections.abc import Mapping, Sequence

from benchmarks.report.goals import Judgement
from benchmarks.report.tables import TITLES, Row, Table


def heading(machine: Mapping[str, str], versions: Mapping[str, str], how: str) -> str:
    """Return where, with what and how it was measured."""
    node = f", Node.js {machine['node']}" if machine.get("node") else ""
    where = f"{machine['cores']} cores, {machine['system']}, Python {machine['python']}{node}"
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    return f"{where}\n{named}\n{how}"


def goals_as_text(judgements: Sequence[Judgement]) -> str:
    """Return what came of the goals, one a line."""
    lines = [f"  {one.goal.name:<56} {short(one.ratio):>6}  {one.wanted:<9} {one.verdict}" for one in judgements]
    return "\n".join(["Goals", *lines])


def as_text(table: Table, *, spread: bool = True) -> str:
    """Return a table, its title above it and what went wrong below it."""
    above = [f"{TITLES[name]:>11} {'x':>6}{_wide('spread') if spread else ''}" for name in table.metrics]
    lines = [f"{table.measurement}: {table.case}", _line("", *above, "errors")]
    for row in table.rows:
        cells = [_cell(table, row, name, spread=spread) for name in table.metrics]
        lines.append(_line(row.contender, *cells, f"{row.errors:>6}"))
    wrong = [f"ERRORS of {row.contender}: {row.errors}, the first: {row.error}" for row in table.rows if row.errors]
    return "\n".join([*lines, *wrong])


def short(number: float | None) -> str:
    """Return a number with three digits, or all of those before the point."""
    if number is None:
        return "-"
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"


def load_of(tables: Sequence[Table]) -> str:
    """Return what the load has used of the machine that it shares."""
    most = max((row.load_busy for table in tables for row in table.rows), default=0.0)
    return f"The load itself took at most {most:.0%} of a core." if most else ""


def _cell(table: Table, row: Row, name: str, *, spread: bool) -> str:
    found = row.all_of(name)
    ends = f"{short(min(found))}-{short(max(found))}" if found else "-"
    return f"{short(row.median(name)):>11} {short(table.ratio(row, name)):>6}{_wide(ends) if spread else ''}"


def _wide(text: str) -> str:
    return f" {text:>13}"


def _line(name: str, *cells: str) -> str:
    return f"{name:<24}{' '.join(cells)}"
