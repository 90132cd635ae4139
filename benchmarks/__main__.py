"""`make bench`: our chassis beside a bare FastMCP server and others with the same tools, in one run.

They take turns, round by round, so that a noisy moment hits all alike; what counts are the ratios.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any, Final

from benchmarks.environments import Environments, install, versions
from benchmarks.goals import GOALS
from benchmarks.measurements import growth, start, throughput, workers
from benchmarks.picture import where_the_time_goes
from benchmarks.plan import Plan
from benchmarks.report.command import add_options, count, file, machine, progress, status_of, write_json
from benchmarks.report.goals import Judgement, judge
from benchmarks.report.tables import Table
from benchmarks.report.text import as_text, goals_as_text, heading, load_of
from serving.identity import ROOT

MEASUREMENTS: Final = {module.NAME: module.measure for module in (throughput, workers, start, growth)}
DEFAULTS: Final = {"only": list(MEASUREMENTS), "clients": [1, 8, 32], "rounds": 3, "starts": 9, "seconds": 3.0}
QUICK: Final = {"only": [throughput.NAME, start.NAME], "clients": [8], "rounds": 2, "starts": 3, "seconds": 0.7}
REST_SECONDS: Final = 2.0
QUICK_REST_SECONDS: Final = 0.3


def main(argv: Sequence[str] | None = None) -> int:
    """Install, measure, print; status 1 when something cannot run, 130 when it is interrupted."""
    options = _options(argv)
    return status_of(lambda: _bench(options))


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the most important in less than a minute")
    parser.add_argument("--only", type=_measurements, metavar="NAME,NAME", help=f"some of {', '.join(MEASUREMENTS)}")
    parser.add_argument("--rounds", type=count, help="how many; medians are shown (default: 3, and 9 starts)")
    add_options(parser, ROOT / "dist" / "bench")
    parser.add_argument("--picture", type=file, metavar="FILE", help="write an SVG of where the time of a call goes")
    options = parser.parse_args(argv)
    options.starts = options.rounds
    for name, value in (QUICK if options.quick else DEFAULTS).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    return options


def _measurements(text: str) -> list[str]:
    names = {part.strip() for part in text.split(",")}
    if not names <= set(MEASUREMENTS):
        raise argparse.ArgumentTypeError(f"{text}: expected some of {', '.join(MEASUREMENTS)}")
    return [name for name in MEASUREMENTS if name in names]


def _bench(options: argparse.Namespace) -> None:
    progress("installing")
    environments = install(options.folder.absolute())
    plan = _plan(options, environments)
    plan.logs.mkdir(parents=True, exist_ok=True)
    tables = [table for name in options.only for table in MEASUREMENTS[name](plan)]
    progress("")
    judgements = judge(GOALS, tables)
    how = f"rounds: {plan.rounds} of {plan.seconds:g} s, starts: {plan.starts}; medians, x: as much as the first row"
    node = "" if environments.node else "There is no Node.js here, so its server was left out."
    above = heading(machine(), versions(), "\n".join(filter(None, [how, node])))
    print(above, goals_as_text(judgements), *map(as_text, tables), load_of(tables), sep="\n\n")
    if options.json:
        write_json(options.json, _report(plan, tables, judgements))
    if options.picture:
        options.picture.write_text(where_the_time_goes(tables), encoding="utf-8")


def _plan(options: argparse.Namespace, environments: Environments) -> Plan:
    return Plan(
        clients=options.clients,
        rounds=options.rounds,
        starts=options.starts,
        seconds=options.seconds,
        rest=QUICK_REST_SECONDS if options.quick else REST_SECONDS,
        quick=options.quick,
        environments=environments,
        logs=options.folder.absolute() / "logs",
        progress=progress,
    )


def _report(plan: Plan, tables: Sequence[Table], judgements: Sequence[Judgement]) -> dict[str, Any]:
    return {
        "machine": machine(),
        "versions": versions(),
        "rounds": plan.rounds,
        "starts": plan.starts,
        "seconds": plan.seconds,
        "goals": [judgement.as_json() for judgement in judgements],
        "tables": [table.as_json() for table in tables],
    }


if __name__ == "__main__":
    sys.exit(main())
