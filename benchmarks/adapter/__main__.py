"""`make bench-adapter`: the adapter beside mcp-proxy and supergateway around the same stdio servers, in one run.

They take turns, round by round, so that a noisy moment hits all alike; what counts are the ratios.
"""

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version

from benchmarks.adapter.installed import install, versions
from benchmarks.adapter.measure import Plan, measure
from benchmarks.adapter.report import how, load
from benchmarks.report.command import add_options, count, machine, progress, status_of, write_json
from benchmarks.report.text import as_text, heading
from serving.identity import ROOT


def main(argv: Sequence[str] | None = None) -> int:
    """Install, measure, print the tables; status 1 when something cannot run, 130 when it is interrupted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.adapter", description=(__doc__ or "").splitlines()[0])
    add_options(parser, ROOT / "dist" / "bench" / "adapter")
    parser.add_argument("--rounds", type=count, default=3, help="how many; medians are shown (default: 3)")
    parser.set_defaults(seconds=3.0, clients=[1, 8, 32])
    options = parser.parse_args(argv)
    return status_of(lambda: _bench(options))


def _bench(options: argparse.Namespace) -> None:
    progress("installing")
    folder = options.folder.absolute()
    installed = install(folder)
    where, what = machine(), {**versions(), "fastmcp": version("fastmcp")}
    tables = measure(installed, Plan(options.clients, options.rounds, options.seconds, folder / "logs", progress))
    progress("")
    texts = [as_text(table, spread=False) for table in tables]
    print(heading(where, what, how(options.rounds, options.seconds)), *texts, load(tables), sep="\n\n")
    if options.json:
        report = {"machine": where, "versions": what, "rounds": options.rounds, "seconds": options.seconds}
        write_json(options.json, report | {"tables": [table.as_json() for table in tables]})


if __name__ == "__main__":
    sys.exit(main())
