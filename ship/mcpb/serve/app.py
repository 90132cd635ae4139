"""A bundle's ASGI app, in a process of its own: whether there is one, and what becomes of it."""

import ast
import json
import logging
import math
import os
import select
import signal
import socket
import subprocess
import sysconfig
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import PurePosixPath
from types import FrameType
from typing import Final

from serving.stop import CLEANUP_SECONDS
from ship.mcpb.errors import BundleError, one_line
from ship.mcpb.load.manifest import Bundle
from ship.mcpb.serve import launch
from ship.mcpb.settings import BundleSettings

log: Final = logging.getLogger("ship.mcpb")

_MOST_SOURCE_BYTES: Final = 1024**2
_MOST_SAID_BYTES: Final = 4096


def module_of_app(bundle: Bundle) -> str | None:
    """Return the module that exports `app`, by its entry point (`src/server.py` is `src.server`); None if none does.

    It is read, and not run.
    """
    if bundle.manifest.server.type != "python":
        return None
    parts = PurePosixPath(bundle.manifest.server.entry_point).with_suffix("").parts
    if bundle.entry_point.suffix != ".py" or not all(part.isidentifier() for part in parts):
        return None
    try:
        if bundle.entry_point.stat().st_size > _MOST_SOURCE_BYTES:
            return None
        tree = ast.parse(bundle.entry_point.read_bytes())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    bound = set(_bound(tree.body))
    return ".".join(parts) if "app" in bound or {"app:", "__getattr__"} <= bound else None


def _bound(body: list[ast.stmt]) -> Iterator[str]:
    """Yield what a module's statements bind; and what they only declare, with a colon."""
    for node in body:
        match node:
            case ast.Assign(targets=targets):
                names = [one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)]
                yield from names
            case ast.AnnAssign(target=ast.Name(id=name), value=value):
                yield name if value else f"{name}:"
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                yield from (alias.asname or alias.name for alias in aliases)
            case ast.If() | ast.Try() | ast.With():
                for part in ("body", "orelse", "handlers", "finalbody"):
                    for inner in getattr(node, part, []):
                        yield from _bound(inner.body if isinstance(inner, ast.ExceptHandler) else [inner])


class AppProcess:
    """The process that serves a bundle's app on `listener`, with all that it starts."""

    def __init__(
        self, bundle: Bundle, module: str, command: list[str], env: Mapping[str, str],
        listener: socket.socket, settings: BundleSettings,
    ) -> None:  # fmt: skip
        self._called, self._settings = bundle.called, settings
        self._stopping = False
        options = {
            "site": sysconfig.get_path("purelib"),
            "debug": settings.log_level == "debug",
            "drain_seconds": math.ceil(settings.drain_seconds) + CLEANUP_SECONDS,
        }
        self._words, word = os.pipe()
        numbers = (listener.fileno(), word)
        self._process = subprocess.Popen(
            [*command, launch.__file__, module, *map(str, numbers), json.dumps(options)],
            cwd=bundle.folder,
            env=env,
            stdin=subprocess.DEVNULL,
            pass_fds=numbers,
            start_new_session=True,  # a Ctrl-C in the terminal is for us, and passed on
        )
        os.close(word)

    def start(self) -> bool:
        """Wait until it serves; False says that it has no ASGI app.

        Raises:
            BundleError: it does not start, or not in time.
        """
        said = self._listen(self._settings.bundle_start_seconds)
        word, _, reason = said.partition(": ")
        if word == launch.SERVING:
            return True
        if word == launch.NO_APP:
            log.info("The bundle's app is none: %s", one_line(reason))
            return False
        if word == launch.FAILED:
            raise BundleError(f"bundle {self._called}: {one_line(reason)}")
        raise BundleError(f"bundle {self._called}: its server ended before it served ({_ended(self._process.wait())})")

    def _listen(self, seconds: float) -> str:
        end, said = time.monotonic() + seconds, b""
        while not said.endswith(b"\n") and len(said) < _MOST_SAID_BYTES:
            ready, _, _ = select.select([self._words], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise BundleError(
                    f"bundle {self._called}: its server did not start within {seconds:g} s (BUNDLE_START_SECONDS)"
                )
            piece = os.read(self._words, _MOST_SAID_BYTES)
            if not piece:
                return ""
            said += piece
        return said.decode("utf-8", "replace").rstrip("\n")

    def pass_signals_on(self, *, delay: float) -> None:
        """Let SIGTERM and SIGINT stop it: it gets them after `delay` seconds, in which it still serves."""

        def stop(number: int, _: FrameType | None) -> None:
            if self._stopping:
                self._signal(signal.SIGKILL)
            self._stopping = True
            most = self._settings.drain_delay + self._settings.drain_seconds + 2 * CLEANUP_SECONDS
            for seconds, then in ((delay, number), (most, signal.SIGKILL)):
                timer = threading.Timer(seconds, self._signal, (then,))
                timer.daemon = True
                timer.start()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)

    def wait(self) -> None:
        """Wait until it has been stopped.

        Raises:
            BundleError: it has ended by itself.
        """
        status = self._process.wait()
        if not self._stopping:
            raise BundleError(f"bundle {self._called}: its server has ended by itself ({_ended(status)})")

    def end(self) -> None:
        """End it and what it has started, at once."""
        self._signal(signal.SIGKILL)
        self._process.wait()
        os.close(self._words)

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


def _ended(status: int) -> str:
    return f"status {status}" if status >= 0 else f"signal {signal.Signals(-status).name}"
