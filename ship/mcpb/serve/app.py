"""A bundle's ASGI app, in a process of its own: its start, its signals, its end."""

import json
import logging
import math
import os
import secrets
import select
import signal
import socket
import subprocess
import sysconfig
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from serving.stop import CLEANUP_SECONDS
from ship.adapter.children import guardian
from ship.archive.errors import one_line
from ship.mcpb.errors import BundleError
from ship.mcpb.load.manifest import Bundle
from ship.mcpb.serve import launch
from ship.mcpb.settings import BundleSettings

log: Final = logging.getLogger("ship.mcpb")

END_SECONDS: Final = 5.0
"""How long a process may take to end that has closed its end of the pipe."""
_MOST_SAID_BYTES: Final = 4096


class AppProcess:
    """The process that serves a bundle's app, with all that it starts."""

    def __init__(self, bundle: Bundle, settings: BundleSettings) -> None:
        self._bundle, self._settings = bundle, settings
        self._mark = f"{secrets.token_hex(8)}."
        self._process: subprocess.Popen[bytes] | None = None
        self._word: socket.socket | None = None

    def start(self, python: Sequence[str], module: str, env: Mapping[str, str], listener: socket.socket) -> bool:
        """Run a module with this Python, and wait until it could serve on `listener`; False if it has no ASGI app.

        Raises:
            BundleError: it does not start, or not in time.
        """
        self._word, theirs = socket.socketpair()
        with theirs:
            self._process = self._run(python, module, env, (listener.fileno(), theirs.fileno()))
        status, _, reason = self._read_status(self._word).partition(": ")
        if status == launch.STARTED:
            return True
        if status == launch.NO_APP:
            log.info("The bundle's app is none: %s", one_line(reason))
            return False
        raise self._failed(reason if status == launch.FAILED else self._why_silent(self._process))

    def _run(
        self, python: Sequence[str], module: str, env: Mapping[str, str], descriptors: tuple[int, int]
    ) -> subprocess.Popen[bytes]:
        options = {
            "parent": os.getpid(),
            "site": sysconfig.get_path("purelib"),
            "debug": self._settings.log_level == "debug",
            "drain_seconds": math.ceil(self._settings.drain_seconds) + CLEANUP_SECONDS,
        }
        try:
            return subprocess.Popen(
                [*python, launch.__file__, module, *map(str, descriptors), json.dumps(options)],
                cwd=self._bundle.folder,
                env={**env, guardian.MARK: self._mark},
                stdin=subprocess.DEVNULL,
                pass_fds=descriptors,
                start_new_session=True,  # a Ctrl-C in the terminal is for us, and passed on
            )
        except OSError as error:
            raise self._failed(f"its server cannot be started: {error.strerror}") from None

    def _read_status(self, word: socket.socket) -> str:
        """Return the line that it says; nothing if it says none."""
        seconds, said = self._settings.bundle_start_seconds, b""
        end = time.monotonic() + seconds
        poll = select.poll()
        poll.register(word, select.POLLIN)
        while not said.endswith(b"\n") and len(said) < _MOST_SAID_BYTES:
            if (left := end - time.monotonic()) <= 0:
                raise self._failed(f"its server did not start within {seconds:g} s (BUNDLE_START_SECONDS)")
            if poll.poll(min(left, 1) * 1000):
                piece = word.recv(_MOST_SAID_BYTES)
                if not piece:
                    return ""
                said += piece
        return said.decode("utf-8", "replace").rstrip("\n")

    def _why_silent(self, process: subprocess.Popen[bytes]) -> str:
        try:
            return f"its server ended before it served ({_ended(process.wait(END_SECONDS))})"
        except subprocess.TimeoutExpired:
            return "its server cannot say any more whether it serves"

    def serve(self, *, delay: float, announce: Callable[[], None]) -> None:
        """Let it serve until SIGTERM or SIGINT, which it gets after `delay` more seconds.

        `announce` is called as soon as these signals are waited for, and before it accepts connections.

        Raises:
            BundleError: it ends by itself.
        """
        assert self._process and self._word  # noqa: S101, PT018  it has been started
        numbers = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
        signal.pthread_sigmask(signal.SIG_BLOCK, numbers)  # they are waited for, and so none is lost
        announce()
        self._word.close()
        stopping = False
        while self._process.poll() is None:
            number = signal.sigwait(numbers)
            if number == signal.SIGCHLD:
                continue
            if stopping:
                self._signal(signal.SIGKILL)
                continue
            stopping = True
            most = self._settings.drain_delay + self._settings.drain_seconds + 2 * CLEANUP_SECONDS
            for seconds, then in ((delay, number), (most, signal.SIGKILL)):
                timer = threading.Timer(seconds, self._signal, (then,))
                timer.daemon = True
                timer.start()
        if not stopping:
            raise self._failed(f"its server has ended by itself ({_ended(self._process.returncode)})")

    def end(self) -> None:
        """End it and what it has started, at once, also what has left its process group."""
        guardian.kill(self._mark, [self._process.pid] if self._process else [])
        if self._process:
            self._process.wait()
        if self._word:
            self._word.close()

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            if self._process:
                os.killpg(self._process.pid, number)

    def _failed(self, reason: str) -> BundleError:
        return BundleError(f"bundle {self._bundle.called}: {one_line(reason)}")


def _ended(status: int) -> str:
    known = {int(one): one.name for one in signal.Signals}
    return f"status {status}" if status >= 0 else f"signal {known.get(-status, -status)}"
