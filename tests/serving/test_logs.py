"""Logs: one line a record, in one shape, on stderr."""

import json
import logging
import sys

import pytest

from serving.logs import JsonFormatter, TextFormatter, configure_logs
from serving.settings import Settings
from tests.support import serving


def record(message: str = "hello", *, error: Exception | None = None, **extra) -> logging.LogRecord:
    log = logging.getLogger("test")
    exc_info = None
    if error:
        try:
            raise error
        except Exception:
            exc_info = sys.exc_info()
    return log.makeRecord("test", logging.INFO, __file__, 1, message, (), exc_info, extra=extra)


def test_a_record_is_one_line_of_json_with_what_extra_carried():
    line = JsonFormatter().format(record("two\nlines", tool="echo", duration_ms=1.5))
    assert "\n" not in line
    fields = json.loads(line)
    assert fields.pop("time").endswith("Z")
    assert fields == {"level": "info", "logger": "test", "message": "two\nlines", "tool": "echo", "duration_ms": 1.5}


def test_an_exception_says_its_type_and_place_and_keeps_its_message_to_itself():
    line = JsonFormatter().format(record(error=ValueError("hunter2")))
    fields = json.loads(line)
    assert fields["error"] == "ValueError"
    assert fields["where"].startswith(__file__)
    assert "hunter2" not in line


def test_a_traceback_is_shown_when_asked_for():
    fields = json.loads(JsonFormatter(tracebacks=True).format(record(error=ValueError("hunter2"))))
    assert fields["traceback"].startswith("Traceback")
    text = TextFormatter(tracebacks=True).format(record(error=ValueError("hunter2")))
    assert text.endswith("ValueError: hunter2")


def test_text_is_for_people():
    line = TextFormatter().format(record(tool="echo"))
    assert line[8:] == " info     hello  tool=echo"


def test_our_own_uvicorn_and_fastmcp_records_come_out_in_one_shape(capsys, restore_logging):
    configure_logs(Settings(log_format="json"))
    names = ("serving.x", "tools.x", "uvicorn.error", "fastmcp.server", "mcp.server", "somebody.else")
    for name in names:
        logging.getLogger(name).warning("from %s", name)
    out, err = capsys.readouterr()
    assert out == ""
    assert [json.loads(line)["message"] for line in err.splitlines()] == [f"from {name}" for name in names]


@pytest.mark.parametrize("level", ["info", "debug"])
def test_libraries_are_quiet_below_warnings_because_they_print_arguments_there(capsys, restore_logging, level):
    configure_logs(Settings(log_level=level, log_format="json"))
    logging.getLogger("httpx2").info("HTTP Request: GET https://api.example.com/?city=hunter2")
    logging.getLogger("mcp.server.sse").debug("Received JSON: hunter2")
    logging.getLogger("tools.weather").info("a tool's own")
    assert [json.loads(line)["message"] for line in capsys.readouterr().err.splitlines()] == ["a tool's own"]


def test_a_server_logs_json_where_there_is_no_terminal_and_shows_no_banner():
    with serving() as server:
        assert server.stop() == 0
    assert [json.loads(line)["logger"] for line in server.log] == ["serving.http"]
