"""When log lines reach stderr, and whose they are then."""

import asyncio
import logging
import sys
from contextlib import nullcontext, suppress
from typing import Final, TextIO

GATHERED: Final = "serving.calls"
"""The logger whose lines may wait."""
GATHER_SECONDS: Final = 0.05
KNOWING: Final = {"request_id": f"{__package__}.request_id", "trace_id": f"{__package__}.tracing"}
"""What belongs to each record, and who knows it."""


class StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to stderr, and never fails whoever logs.

    The lines about calls are written together, up to `GATHER_SECONDS` later, because one by one they take a tenth of
    a call's time. Everything else is written at once, behind those that wait. Whoever ends the process without
    Python's own end says so (`serving.stop.leave`); a SIGKILL loses what has waited.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._gathered: list[str] = []
        self._waker: asyncio.AbstractEventLoop | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, or keep it for a moment."""
        may_wait = record.name == GATHERED and record.levelno <= logging.INFO
        loop = asyncio._get_running_loop() if may_wait else None
        if loop is None:
            self.flush()
            super().emit(record)
            return
        self._gathered.append(self._line(record))  # now: later it would be another request's turn
        if self._waker is not loop:
            self._waker = loop
            loop.call_later(GATHER_SECONDS, self.flush)

    def flush(self) -> None:
        """Write what has been gathered."""
        with self.lock or nullcontext():
            self._waker = None
            gathered, self._gathered = self._gathered, []
            with suppress(OSError, ValueError):  # stderr is gone
                self.stream.write("".join(gathered))
                super().flush()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  logging's name
        """Say in one line which record could not be written, unless it is stderr itself that is gone."""
        with suppress(Exception):
            self.stream.write(self._broken(record))
            self.flush()

    def _line(self, record: logging.LogRecord) -> str:
        try:
            return self.format(record) + self.terminator
        except Exception:
            return self._broken(record)

    def _broken(self, record: logging.LogRecord) -> str:
        broken = logging.makeLogRecord(
            {
                "name": record.name,
                "levelname": "ERROR",
                "msg": "a log record that cannot be written",
                "written_at": f"{record.pathname}:{record.lineno}",
                "exc_info": sys.exc_info(),
            }
        )
        return self.format(broken) + self.terminator


def whose(record: logging.LogRecord) -> dict[str, str]:
    """Return the request and the trace in which a record is made, unless it says so itself."""
    whose = {}
    for key, module in KNOWING.items():
        if key not in vars(record) and (current := _ask(module, f"current_{key}")):
            whose[key] = current
    return whose


def _ask(module: str, function: str) -> str | None:
    """Ask a module that need not be imported yet: this one comes before FastMCP and must not take its time."""
    ask = getattr(sys.modules.get(module), function, None)
    return ask() if ask else None
