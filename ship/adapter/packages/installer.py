"""Run npm or pip in a process group that ends in time, and with us; and repeat what it says is wrong."""

import os
import re
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Final

from ship.adapter.packages.names import one_line

INSTALL_SECONDS: Final = 600
"""How long an installer may run, each of its steps; then it is killed."""
MOST_WORDS: Final = 500
"""Characters that an error repeats of what the installer has written."""


class InstallerError(Exception):
    """An installer has failed, or takes too long; the message says so in a few words of one line."""


def run_installer(
    argv: Sequence[str], folder: Path, env: Mapping[str, str], lock: int, complaint: re.Pattern[str]
) -> None:
    """Run one step of an installation in an empty folder; it inherits `lock`, which is free only after its end.

    `complaint` is what its lines begin with that say what is wrong.

    Raises:
        InstallerError: it fails, or takes too long.
    """
    with tempfile.TemporaryFile(dir=folder) as output:  # a pipe would have to wait for whoever else holds it
        with _group(argv, folder, env, output.fileno(), lock) as process:
            try:
                status = process.wait(INSTALL_SECONDS)
            except subprocess.TimeoutExpired:
                raise InstallerError(f"within {INSTALL_SECONDS} seconds") from None
        output.seek(0)
        if status:
            raise InstallerError(f"(status {status}: {_last_words(output.read(), complaint)})")


@contextmanager
def _group(
    argv: Sequence[str], cwd: Path, env: Mapping[str, str], output: int, lock: int
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program in a process group of its own, which ends with the block and when a signal ends us."""
    process = None

    def end() -> None:
        if process:
            with suppress(ProcessLookupError, PermissionError):  # macOS: a group of which only zombies are left
                os.killpg(process.pid, signal.SIGKILL)

    with _before_leaving(end):
        try:
            process = subprocess.Popen(
                argv,
                cwd=cwd,  # empty: nothing there is taken for a module, a project or a package
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                pass_fds=[lock],  # if we are killed, nobody else starts before it has ended
            )
            yield process
        finally:
            end()
            if process:
                process.wait()


@contextmanager
def _before_leaving(end: Callable[[], None]) -> Iterator[None]:
    """Call `end` before a signal does what it would have done; `serving.run` leaves without running any `finally`."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)}
    handlers = {number: handler for number, handler in handlers.items() if handler not in (None, signal.SIG_IGN)}

    def leave(number: int, _: FrameType | None) -> None:
        end()
        signal.signal(number, handlers[signal.Signals(number)])
        signal.raise_signal(number)

    for number in handlers:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _last_words(output: bytes, complaint: re.Pattern[str]) -> str:
    """Return what the installer says is wrong, in one line."""
    lines = [line for line in output.decode("utf-8", "replace").splitlines() if line.strip()]
    found = [line[match.end() :] for line in lines if (match := complaint.match(line))]
    text = one_line(" ".join(dict.fromkeys(line.strip() for line in found or lines[-5:])))
    return text if len(text) <= MOST_WORDS else f"{text[: MOST_WORDS // 2 - 2]} ... {text[3 - MOST_WORDS // 2 :]}"
