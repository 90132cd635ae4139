"""Logs: one line a record on stderr, JSON for machines and text on a terminal; stdout belongs to the protocol."""

import json
import logging
import re
import sys
import threading
import traceback
import warnings
from datetime import UTC, datetime
from traceback import walk_tb
from types import TracebackType
from typing import Any, Final, TextIO

from serving.log_stream import StderrHandler, whose
from serving.settings import Settings

log: Final = logging.getLogger("serving.logs")

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "color_message"}
_OURS: Final = ("serving", "server", "tools", "ship")
_UVICORN: Final = ("uvicorn", "uvicorn.error", "uvicorn.access")
_TELLING: Final = re.compile(
    "(Error reading resource|Could not serialize structured content|Error during [a-z_]+|Exception in callback"
    "|Received invalid session ID|Could not find session|Rejecting (?:message|request) for session"
    r"|Session(?= \S+ crashed)).*",
    re.DOTALL,
)
"""How lines of FastMCP, the SDK and asyncio begin that go on with what nobody else may read: a URI with its
arguments, a result, a session's id, which is as good as a password."""
_NOISE: Final = (
    "Traceback",
    "  + Exception Group Traceback",
    "Application startup failed",
    "Invalid HTTP request",
    "Unsupported upgrade",
    "No supported WebS",
)
_QUERY: Final = re.compile(r"\?[^\s\"]*")
_encode: Final = json.JSONEncoder(default=str).encode  # `json.dumps` would build one for each line


def configure_logs(settings: Settings) -> None:
    """Send every record, warning and uncaught exception of this process to stderr in one shape, whoever it is from.

    `log_level` is ours and uvicorn's. Other libraries are heard from warnings on: below that, HTTP clients write
    addresses, and FastMCP and the SDK write whole messages, arguments included.
    """
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    text = settings.log_format == "text" or (settings.log_format == "auto" and sys.stderr and sys.stderr.isatty())
    handler = StderrHandler(sys.stderr)
    handler.setFormatter((TextFormatter if text else JsonFormatter)(tracebacks=settings.log_level == "debug"))
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False  # not in our lines
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)
    for name in _OURS:
        logging.getLogger(name).setLevel(level)
    for name in (*_UVICORN, "fastmcp"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for name in _UVICORN:
        logging.getLogger(name).setLevel(max(level, logging.INFO))
    logging.getLogger("uvicorn.error").addFilter(_no_noise)
    warnings.showwarning = _log_warning
    sys.excepthook = _log_uncaught
    threading.excepthook = sys.unraisablehook = _log_unhandled


class JsonFormatter(logging.Formatter):
    """`{"time", "level", "logger", "message", ...}`: RFC 3339 time in UTC, what `extra=` carried, whose request it is.

    An exception adds `error` (its type) and `where` (file, line and function); its message and traceback can quote
    arguments, so they are added only when `tracebacks` is set.
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
            "message": self.message(record),
            **self.details(record),
        }
        return _encode(line)

    def message(self, record: logging.LogRecord) -> str:
        """Return what `record` says, without what others quote in it: only we keep arguments out of it."""
        message = record.getMessage()
        if record.name.partition(".")[0] in _OURS:
            return message
        if record.name == "uvicorn.access":
            return _QUERY.sub("", message)
        message = _TELLING.sub(r"\1", message).rstrip()
        return message if self.tracebacks else message.partition("\n")[0]  # asyncio quotes tasks on further lines

    def details(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return what `extra=`, `exc_info=` and the request in which it was made give to `record`."""
        details = {key: value for key, value in vars(record).items() if key not in _STANDARD} | whose(record)
        if record.exc_info and record.exc_info[0]:
            kind, error, trace = record.exc_info
            details |= {"error": kind.__name__, "where": _where(trace)}
            if self.tracebacks:
                details["traceback"] = "".join(traceback.format_exception(kind, error, trace))
        return details


class TextFormatter(JsonFormatter):
    """`12:00:00 info  message  key=value ...` for people; a traceback follows on indented lines of its own.

    What is not printable is escaped: it could forge lines or drive the terminal.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return `record` as text."""
        details = self.details(record)
        trace = details.pop("traceback", "").rstrip()
        pairs = "".join(f"  {key}={_quoted(str(value))}" for key, value in details.items())
        time = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        line = f"{time} {record.levelname.lower():8} {_printable(self.message(record) + pairs)}"
        return "\n    ".join([line, *map(_printable, trace.split("\n"))] if trace else [line])


def _quoted(value: str) -> str:
    """Quote what could pass for further pairs; a file's name and line, ours, may stay as they are."""
    return json.dumps(value, ensure_ascii=False) if "=" in value or "  " in value else value


def _printable(text: str) -> str:
    return text if text.isprintable() else "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def _log_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Log a warning as an exception is logged: it can quote arguments just as well."""
    quoted = {"warning": str(message)} if log.isEnabledFor(logging.DEBUG) else {}
    where = {"error": category.__name__, "where": f"{filename}:{lineno}"}
    logging.getLogger("py.warnings").warning("a warning (MCP_LOG_LEVEL=debug says more)", extra=where | quoted)


def _log_uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if not issubclass(kind, SystemExit):  # in a thread it ends that thread, and is no error
        log.critical("uncaught exception (MCP_LOG_LEVEL=debug says more)", exc_info=(kind, error or kind(), trace))


def _log_unhandled(args: Any) -> None:
    _log_uncaught(*args[:3])


def _no_noise(record: logging.LogRecord) -> bool:
    """Drop what we have logged ourselves, a lifespan that failed, and what anybody can make uvicorn say."""
    return not str(record.msg).startswith(_NOISE)


def _where(trace: TracebackType | None) -> str:
    """Return the place that raised; and before it the last one in `tools/`, where the reason is."""
    frames = [(frame, f"{frame.f_code.co_filename}:{line} in {frame.f_code.co_name}") for frame, line in walk_tb(trace)]
    raised = frames[-1][1] if frames else "unknown"
    own = [place for frame, place in frames if frame.f_globals.get("__name__", "").partition(".")[0] == "tools"]
    return raised if own[-1:] in ([], [raised]) else f"{own[-1]} (raised by {raised})"
