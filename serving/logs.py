"""Logs: one line a record on stderr, JSON for machines and text on a terminal; stdout belongs to the protocol."""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final

from serving.settings import Settings

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "color_message"}
_OURS: Final = ("serving", "server", "tools")
_UVICORN: Final = ("uvicorn", "uvicorn.error", "uvicorn.access")


def configure_logs(settings: Settings) -> None:
    """Send every record of this process to stderr in one shape, whoever writes it.

    `log_level` is ours and uvicorn's. Other libraries are heard from warnings on: below that, HTTP clients write
    addresses, and FastMCP and the SDK write whole messages, arguments included.
    """
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    text = settings.log_format == "text" or (settings.log_format == "auto" and sys.stderr.isatty())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter((TextFormatter if text else JsonFormatter)(tracebacks=settings.log_level == "debug"))
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)
    for name in _OURS:
        logging.getLogger(name).setLevel(level)
    for name in (*_UVICORN, "fastmcp"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for name in _UVICORN:
        logging.getLogger(name).setLevel(max(level, logging.INFO))
    logging.getLogger("uvicorn.error").addFilter(_no_text_of_a_traceback)


class JsonFormatter(logging.Formatter):
    """`{"time", "level", "logger", "message", ...}`: RFC 3339 time in UTC, then what `extra=` carried.

    An exception adds `error` (its type) and `where` (file, line and function that raised it); its message
    and traceback can quote arguments, so they are added only when `tracebacks` is set.
    """

    def __init__(self, *, tracebacks: bool = False) -> None:
        super().__init__()
        self.tracebacks = tracebacks

    def format(self, record: logging.LogRecord) -> str:
        """Return `record` as one line of JSON."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **self.details(record),
        }
        return json.dumps(line, default=str)

    def details(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return what `extra=` and `exc_info=` gave to `record`."""
        details = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        if record.exc_info and record.exc_info[0]:
            kind, error, trace = record.exc_info
            details |= {"error": kind.__name__, "where": _where(trace)}
            if self.tracebacks:
                details["traceback"] = "".join(traceback.format_exception(kind, error, trace))
        return details


class TextFormatter(JsonFormatter):
    """`12:00:00 info  message  key=value ...` for people; a traceback follows on lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """Return `record` as text."""
        details = self.details(record)
        trace = details.pop("traceback", "")
        pairs = "".join(f"  {key}={value}" for key, value in details.items())
        time = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        line = f"{time} {record.levelname.lower():8} {record.getMessage()}{pairs}"
        return f"{line}\n{trace.rstrip()}" if trace else line


def _no_text_of_a_traceback(record: logging.LogRecord) -> bool:
    """Drop what Starlette makes of a failed lifespan: a message with a traceback in it; `serving.app` has logged it."""
    return not str(record.msg).startswith("Traceback")


def _where(trace: TracebackType | None) -> str:
    frames = traceback.extract_tb(trace)
    return f"{frames[-1].filename}:{frames[-1].lineno} in {frames[-1].name}" if frames else "unknown"
