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
_LIBRARIES: Final = {
    "fastmcp": logging.WARNING,
    "mcp": logging.WARNING,
    "uvicorn": logging.INFO,
    "uvicorn.error": logging.INFO,
    "uvicorn.access": logging.INFO,
}


def configure_logs(settings: Settings) -> None:
    """Send every record of this process to stderr in one shape, whoever writes it.

    FastMCP and the SDK are heard from warnings on, and with `log_level` debug from info on. Their debug records
    are never shown: they print whole messages, arguments included.
    """
    debug = settings.log_level == "debug"
    text = settings.log_format == "text" or (settings.log_format == "auto" and sys.stderr.isatty())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter((TextFormatter if text else JsonFormatter)(tracebacks=debug))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    for name, least in _LIBRARIES.items():
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
        library.setLevel(max(logging.INFO if debug else least, logging.getLogger().level))


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
        return json.dumps(line, ensure_ascii=False, default=str)

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


def _where(trace: TracebackType | None) -> str:
    frames = traceback.extract_tb(trace)
    return f"{frames[-1].filename}:{frames[-1].lineno} in {frames[-1].name}" if frames else "unknown"
