"""The adapter's benchmark, with as little as it can measure. What it compares with comes from npm and PyPI."""

import json
import shutil

import pytest

from benchmarks.adapter.contenders import CONTENDERS
from benchmarks.adapter.measure import METRICS
from tests.support import make

pytestmark = pytest.mark.thorough

SECONDS = 600
"""How long it may take to install everything and measure a little."""


def test_a_small_run_measures_all_contenders_around_both_servers_without_errors(tmp_path):
    if not shutil.which("npm"):
        pytest.skip("there is no npm")
    file = tmp_path / "bench.json"
    done = make("bench-adapter", f"ARGS=--seconds 0.3 --clients 2 --rounds 1 --json {file}", seconds=SECONDS)
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(file.read_text())
    assert set(report) == {"machine", "versions", "rounds", "seconds", "tables"}
    assert [table["case"] for table in report["tables"]] == ["clients: 2"] * 2
    for table in report["tables"]:
        assert [row["contender"] for row in table["rows"]] == [contender.name for contender in CONTENDERS]
        for row in table["rows"]:
            assert (row["error"], row["errors"]) == ("", 0)
            assert all(row["median"][name] > 0 and row["ratio"][name] > 0 for name in METRICS), row
            assert row["contender"] in done.stdout
    assert report["machine"]["node"] in done.stdout
