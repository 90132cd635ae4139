"""Outlives the adapter for a moment, however that ends, and kills what its children have left running.

Python ends without any cleanup on SIGKILL, when memory runs out, and where a stop takes too long; a child that ignores
the end of its input, or a browser that a child has started, would then stay. Run as a script, with the adapter's end of
a pipe as its input. Standard library only, and few modules: it waits in 8 MB.
"""

import os
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

MARK = "MCP_ADAPTER_MARK"
"""The variable by which a process is known to descend from a child; it survives `setsid` and a double fork."""


def kill(mark: str, groups: Iterable[int]) -> None:
    """Kill process groups, and on Linux every process that carries `mark`, until none is left."""
    for group in groups:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
    for _ in range(5):  # one could fork while it is looked for
        found = list(_marked(mark))
        for process in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        if not found:
            return


def _marked(mark: str) -> Iterator[int]:
    wanted = f"{MARK}={mark}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is somebody else's
            named = any(entry.startswith(wanted) for entry in (folder / "environ").read_bytes().split(b"\0"))
            if named and int(folder.name) != os.getpid():
                yield int(folder.name)


def main() -> None:
    """Read `+PID` and `-PID`, a line each, of children that begin and end; at the end of input, kill what is left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
    kill(sys.argv[1], groups)


if __name__ == "__main__":
    main()
