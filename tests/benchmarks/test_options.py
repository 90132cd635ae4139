"""The command line of the benchmark: what does not fit is refused before anything is installed or measured."""

import subprocess
import sys

import pytest

from benchmarks.__main__ import MEASUREMENTS, _options
from tests.support import ROOT, environment


def bench(*arguments):
    argv = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(argv, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--seconds", "0", "0: expected a number from 0.1 to 600"),
        ("--seconds", "nan", "nan: expected a number from 0.1 to 600"),
        ("--clients", "1,two", "two: expected a whole number from 1 to 200"),
        ("--rounds", "0", "0: expected a whole number from 1 to 200"),
        ("--json", "/nowhere/bench.json", "expected a file in a folder that exists"),
        ("--picture", "/nowhere/bench.svg", "expected a file in a folder that exists"),
        ("--only", "start,stop", "start,stop: expected some of throughput, workers, start, growth"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(capsys, option, value, expected):
    with pytest.raises(SystemExit) as ended:
        _options([option, value])
    assert ended.value.code == 2
    assert expected in capsys.readouterr().err.splitlines()[-1]


def test_a_folder_that_cannot_be_one_is_one_line():
    done = bench("--folder", "/dev/null/bench")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "bench: --folder=/dev/null/bench: cannot install into it (Not a directory)\n"


def test_everything_is_measured_unless_somebody_says_what():
    everything = _options([])
    assert (everything.only, everything.rounds, everything.starts) == (list(MEASUREMENTS), 3, 9)
    assert _options(["--only", "growth,start"]).only == ["start", "growth"]


def test_quick_is_less_of_everything_but_what_is_said():
    quick = _options(["--quick", "--rounds", "3", "--clients", "1,32"])
    assert (quick.only, quick.rounds, quick.starts, quick.seconds) == (["throughput", "start"], 3, 3, 0.7)
    assert quick.clients == [1, 32]
