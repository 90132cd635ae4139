"""How a benchmark ends, whoever ends it."""

import subprocess
import sys

import pytest

from tests.support import ROOT, environment

INTERRUPTED = "import os, signal; os.kill(os.getpid(), signal.{}); signal.pause()"
FAILED = "from serving.errors import StartError; raise StartError('PATH: expected Node.js')"


def end(work):
    program = f"""
import sys
from benchmarks.report.command import status_of
def work():
    {work}
sys.exit(status_of(work))
"""
    argv = [sys.executable, "-c", program]
    return subprocess.run(argv, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("signal", ["SIGINT", "SIGTERM"])
def test_an_interruption_is_no_traceback(signal):
    done = end(INTERRUPTED.format(signal))
    assert (done.returncode, done.stderr) == (130, "")


def test_what_cannot_start_is_one_line():
    done = end(FAILED)
    assert (done.returncode, done.stderr) == (1, "bench: PATH: expected Node.js\n")
