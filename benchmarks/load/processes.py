"""Programs that are measured: started, all that they start counted, ended with all of it."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

END_SECONDS: Final = 10
"""How long a program may take to end after SIGTERM; then comes SIGKILL."""
PROC: Final = Path("/proc")


@dataclass(frozen=True)
class Process:
    """One of /proc: its id and its parent's, how long it has computed and when it has started (clock ticks, the latter
    since boot), its resident bytes.
    """

    pid: int
    parent: int
    computed: int
    started: int
    resident: int


def tree(root: int) -> list[Process]:
    """Return a process and all that it has started and they have, itself first; nothing where there is no /proc."""
    running = {process.pid: process for process in _all()}
    found = [running[root]] if root in running else []
    for parent in found:  # grows meanwhile
        found += [process for process in running.values() if process.parent == parent.pid]
    return found


def memory(pid: int) -> dict[str, int]:
    """Return the bytes of a process as Linux counts them: `Rss` is all, `Pss` its share of what others have, too."""
    try:
        said = (PROC / str(pid) / "smaps_rollup").read_text()
    except OSError:
        return {}
    return {name: int(size) * 1024 for name, size in re.findall(r"^(Rss|Pss): +(\d+) kB$", said, re.MULTILINE)}


def settle(root: int, most: int) -> None:
    """Wait until a process and all that it has started are no more than `most`, or for `END_SECONDS`."""
    until = time.monotonic() + END_SECONDS
    while len(tree(root)) > most and time.monotonic() < until:
        time.sleep(0.05)


@contextmanager
def program(
    argv: Sequence[str], env: Mapping[str, str], log: Path, stdout: int | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run a program in the folder of its log; end it with the block, and what it has started in whatever group."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv,
            cwd=log.parent,
            env=env,
            stdin=subprocess.PIPE,  # open as long as we live: supergateway ends with it
            stdout=output if stdout is None else stdout,
            stderr=output,
            start_new_session=True,  # a Ctrl-C in the terminal is for us, and we end it
            text=True,
        )
    with process:
        try:
            yield process
        finally:
            _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    family = tree(process.pid)
    try:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(END_SECONDS)
    finally:
        for one in _still(family):
            with suppress(ProcessLookupError):
                os.kill(one.pid, signal.SIGKILL)
        process.kill()
        until = time.monotonic() + END_SECONDS
        while _still(family) and time.monotonic() < until:
            time.sleep(0.01)


def _still(family: Sequence[Process]) -> list[Process]:
    """Those of a family that run: not another process that has got an id of theirs, nor a zombie, which has nothing."""
    running = {(one.pid, one.started) for one in _all() if one.resident}
    return [one for one in family if (one.pid, one.started) in running]


def _all() -> Iterator[Process]:
    page = os.sysconf("SC_PAGE_SIZE")
    for entry in PROC.glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            fields = entry.read_text(errors="replace").rpartition(")")[2].split()
            parent, user, system, started, pages = (int(fields[place]) for place in (1, 11, 12, 19, 21))
            yield Process(int(entry.parent.name), parent, user + system, started, pages * page)
