"""The benchmark itself, with as little as it can measure; what it runs in comes from PyPI and npm."""

import json
import shutil
import subprocess

import pytest

from benchmarks.contenders import ALL
from benchmarks.environments import install
from benchmarks.measurements.throughput import QUICK
from tests.benchmarks.svg import texts
from tests.support import ROOT, make

pytestmark = pytest.mark.thorough

SECONDS = 600
"""How long it may take to install everything and measure a little."""


@pytest.mark.parametrize(
    ("verb", "told", "contenders"),
    [("bench", "--only throughput", ALL), ("bench-quick", "--only throughput,start", QUICK)],
)
def test_a_small_run_measures_what_it_is_told_without_errors(tmp_path, verb, told, contenders):
    if not shutil.which("npm"):
        pytest.skip("there is no npm")
    file, picture = tmp_path / "bench.json", tmp_path / "bench.svg"
    told += f" --seconds 0.2 --rounds 1 --clients 8 --json {file} --picture {picture}"
    done = make(verb, f"ARGS={told}", seconds=SECONDS)
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(file.read_text())
    rows = [row for table in report["tables"] for row in table["rows"]]
    assert {row["contender"] for row in rows} == {contender.name for contender in contenders}
    for row in rows:
        assert (row["error"], row["errors"]) == ("", 0)
        assert row["rounds"]
        assert all(number > 0 for number in row["median"].values()), row
        assert f"\n{row['contender']} " in done.stdout
    assert any(goal["met"] is not None for goal in report["goals"])
    assert report["versions"]["fastmcp"] in done.stdout
    assert "FastMCP on this chassis" in texts(picture.read_text())


def test_servers_run_with_what_ships_and_with_nothing_that_tests_bring():
    environments = install(ROOT / "dist" / "bench")
    locked = {line.partition("==")[0] for line in (ROOT / "requirements.txt").read_text().splitlines() if "==" in line}
    more: set[str]
    for python, more in ((environments.python, set()), (environments.uvloop, {"uvloop"})):
        listing = [str(python), "-m", "pip", "list", "--format", "json"]
        said = subprocess.run(listing, capture_output=True, text=True, check=True).stdout
        found = {package["name"].lower().replace("_", "-").replace(".", "-") for package in json.loads(said)}
        assert found - {"pip", "setuptools"} - more <= locked
        assert more <= found
        assert not found & {"sniffio", "pytest"}
