"""The benchmark, with as little as it can measure. What it compares with comes from npm and PyPI."""

import json
import shutil
import subprocess
import sys

import pytest

from ship.adapter.bench.contenders import CONTENDERS
from ship.adapter.bench.processes import program, tree
from ship.adapter.bench.report import COLUMNS
from tests.support import ROOT, environment

pytestmark = pytest.mark.thorough

BENCH = "-mship.adapter.bench"
SECONDS = 600
"""How long it may take to install everything and measure a little."""
FAMILY = """
import subprocess, sys
sleeper = "import time; time.sleep(600)"
print(subprocess.Popen([sys.executable, "-c", sleeper], start_new_session=True).pid, flush=True)
sys.stdin.read()
"""
"""A program that starts another one in a group of its own."""


def bench(*arguments):
    return subprocess.run(
        [sys.executable, BENCH, *arguments],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def test_a_small_run_measures_all_contenders_around_both_servers_without_errors(tmp_path):
    if not shutil.which("npm"):
        pytest.skip("there is no npm")
    file = tmp_path / "bench.json"
    done = bench("--seconds", "0.3", "--clients", "2", "--rounds", "1", "--json", str(file))
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(file.read_text())
    assert set(report) == {"machine", "versions", "rounds", "seconds", "rows"}
    names = [contender.name for contender in CONTENDERS]
    assert [row["contender"] for row in report["rows"]] == 2 * names
    for row in report["rows"]:
        assert (row["error"], row["errors"]) == ("", 0)
        assert all(row[name] > 0 and row["to_mcp_proxy"][name] > 0 for name in COLUMNS), row
        assert row["contender"] in done.stdout
    assert report["machine"]["node"] in done.stdout


def test_a_program_ends_with_what_it_has_started_in_another_group(tmp_path):
    with program([sys.executable, "-c", FAMILY], environment(), tmp_path / "log", stdout=subprocess.PIPE) as process:
        child = int(process.stdout.readline())
        assert {one.pid for one in tree(process.pid)} == {process.pid, child}
    assert not any(one.resident for one in tree(child))  # a zombie has nothing


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--seconds", "0", "expected a number from 0.1 to 600"),
        ("--clients", "1,two", "two: expected a whole number from 1 to 200"),
        ("--json", "/nowhere/bench.json", "expected a file in a folder that exists"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_before_anything_is_measured(option, value, expected):
    done = bench(option, value)
    assert done.returncode == 2
    assert expected in done.stderr.splitlines()[-1]
