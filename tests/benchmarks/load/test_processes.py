"""Programs end with all that they have started."""

import subprocess
import sys

from benchmarks.load.processes import memory, program, tree
from tests.support import environment

FAMILY = """
import subprocess, sys
sleeper = "import time; time.sleep(600)"
print(subprocess.Popen([sys.executable, "-c", sleeper], start_new_session=True).pid, flush=True)
sys.stdin.read()
"""
"""A program that starts another one in a group of its own."""


def test_a_program_ends_with_what_it_has_started_in_another_group(tmp_path):
    with program([sys.executable, "-c", FAMILY], environment(), tmp_path / "log", stdout=subprocess.PIPE) as process:
        child = int(process.stdout.readline())
        assert {one.pid for one in tree(process.pid)} == {process.pid, child}
        sizes = memory(process.pid)
        assert sizes["Rss"] >= sizes["Pss"] > 0
    assert not any(one.resident for one in tree(child))  # a zombie has nothing
    assert memory(child) == {}
