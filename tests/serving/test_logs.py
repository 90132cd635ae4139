"""Logs: one line a record, in one shape, on stderr."""

import asyncio
import gc
import json
import logging
import re
import subprocess
import sys
import threading
import warnings
from typing import Any

import httpx2
import pytest
from fastmcp import Client, FastMCP

from serving.logs import JsonFormatter, TextFormatter, configure_logs
from serving.request_id import IdentifyRequests
from serving.settings import Settings
from serving.tracing import ContinueTrace
from tests.support import ROOT, environment, serving

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture(autouse=True)
def restore_hooks(monkeypatch):
    for module, name in ((sys, "excepthook"), (sys, "unraisablehook"), (threading, "excepthook")):
        monkeypatch.setattr(module, name, getattr(module, name))


@pytest.fixture(params=["json", "text"])
def log_format(request, restore_logging):
    return request.param


async def receive() -> dict[str, Any]:
    return {"type": "http.disconnect"}


def only_line(capsys) -> str:
    out, err = capsys.readouterr()
    (line,) = err.splitlines()
    assert out == ""
    return line


def record(
    message: str = "hello", *, error: Exception | None = None, name: str = "tools.x", **extra
) -> logging.LogRecord:
    log = logging.getLogger("test")
    exc_info = None
    if error:
        try:
            raise error
        except Exception:
            exc_info = sys.exc_info()
    return log.makeRecord(name, logging.INFO, __file__, 1, message, (), exc_info, extra=extra)


def test_a_record_is_one_line_of_json_with_what_extra_carried():
    line = JsonFormatter().format(record("two\nlines", tool="echo", duration_ms=1.5))
    assert "\n" not in line
    fields = json.loads(line)
    assert fields.pop("time").endswith("Z")
    assert fields == {"level": "info", "logger": "tools.x", "message": "two\nlines", "tool": "echo", "duration_ms": 1.5}


def test_an_exception_says_its_type_and_place_and_keeps_its_message_to_itself():
    line = JsonFormatter().format(record(error=ValueError("hunter2")))
    fields = json.loads(line)
    assert fields["error"] == "ValueError"
    assert fields["where"].startswith(__file__)
    assert "hunter2" not in line


def test_an_exception_deep_in_a_library_says_which_line_of_a_tool_led_there():
    source = "import subprocess\n\ndef tool():\n    subprocess.run(['no-such-program'])"
    namespace: dict[str, Any] = {"__name__": "tools.mine"}
    exec(compile(source, "/app/tools/mine.py", "exec"), namespace)  # noqa: S102
    try:
        namespace["tool"]()
    except OSError:
        failed = logging.LogRecord("x", logging.INFO, __file__, 1, "failed", (), sys.exc_info())
    where = json.loads(JsonFormatter().format(failed))["where"]
    assert re.fullmatch(r"/app/tools/mine\.py:4 in tool \(raised by .*/subprocess\.py:\d+ in _execute_child\)", where)


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
    assert all(json.loads(line)["logger"].startswith("serving.") for line in server.log)


async def test_every_line_of_a_request_says_which_request_and_trace_it_is_of():
    lines: list[str] = []

    async def app(*_):
        lines.append(JsonFormatter().format(record()))
        lines.append(JsonFormatter().format(record(request_id="its own")))

    headers = [(b"x-request-id", b"abc"), (b"traceparent", f"00-{TRACE}-b7ad6b7169203331-01".encode())]
    await IdentifyRequests(ContinueTrace(app))({"type": "http", "headers": headers}, receive, app)
    first, second, outside = map(json.loads, (*lines, JsonFormatter().format(record())))
    assert (first["request_id"], first["trace_id"]) == ("abc", TRACE)
    assert second["request_id"] == "its own"
    assert not {"request_id", "trace_id"} & outside.keys()


def test_whoever_logs_first_imports_neither_starlette_nor_opentelemetry():
    code = (
        "import sys, logging, serving.logs as logs, serving.settings as settings\n"
        "logs.configure_logs(settings.Settings()); logging.error('x')\n"
        "print({'starlette', 'opentelemetry', 'fastmcp'} & set(sys.modules))"
    )
    variables = environment(PYTHONPATH=str(ROOT))
    ended = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=True)
    assert ended.stdout == "set()\n"


@pytest.mark.parametrize("nasty", ["a\nforged", "\x1b[31mred", "\r\x00\x7f\x9b", "\u2028\u202e", "\ud800"])
def test_nothing_in_a_value_forges_a_line_or_drives_the_terminal(log_format, capsys, nasty):
    configure_logs(Settings(log_format=log_format))
    logging.getLogger("tools.x").error("said %s", nasty, extra={"tool": nasty})
    line = only_line(capsys)
    assert line.isprintable()
    if log_format == "json":
        assert json.loads(line)["tool"] == nasty
    else:
        assert line.endswith(f"said {ascii(nasty)[1:-1]}  tool={ascii(nasty)[1:-1]}")


def test_letters_of_any_language_stay_readable_in_text():
    assert TextFormatter().format(record("Grüße, 世界 🎉")).endswith("Grüße, 世界 🎉")


def test_the_lines_of_a_traceback_cannot_be_taken_for_records():
    text = TextFormatter(tracebacks=True).format(record(error=ValueError("x\n12:00:00 error    forged\x1b")))
    assert all(line.startswith("    ") for line in text.splitlines()[1:])
    assert "\x1b" not in text


def test_a_warning_says_its_kind_and_place(log_format, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        configure_logs(Settings(log_format=log_format))
        warnings.warn("about hunter2\nand more", UserWarning, stacklevel=1)
    line = only_line(capsys)
    assert "UserWarning" in line
    assert __file__ in line
    assert "hunter2" not in line


def test_a_warning_is_quoted_at_log_level_debug(restore_logging, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        configure_logs(Settings(log_format="json", log_level="debug"))
        warnings.warn("about hunter2", UserWarning, stacklevel=1)
    assert json.loads(only_line(capsys))["warning"] == "about hunter2"


def test_an_uncaught_exception_is_one_line(log_format, capsys):
    configure_logs(Settings(log_format=log_format))
    try:
        raise ValueError("hunter2")
    except ValueError:
        sys.excepthook(*sys.exc_info())
    line = only_line(capsys)
    assert "uncaught exception" in line
    assert "ValueError" in line
    assert "hunter2" not in line


def test_an_exception_in_a_thread_or_a_finalizer_is_one_line(log_format, capsys):
    configure_logs(Settings(log_format=log_format))

    class Broken:
        def __del__(self):
            raise ValueError("hunter2")

    def fail():
        raise ValueError("hunter2")

    for work in (fail, sys.exit):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert "hunter2" not in (line := only_line(capsys))
    assert "ValueError" in line
    Broken()
    assert "hunter2" not in (line := only_line(capsys))
    assert "ValueError" in line


def test_what_asyncio_finds_unhandled_quotes_no_argument(log_format, capsys):
    configure_logs(Settings(log_format=log_format))

    async def fail(secret):
        raise ValueError(secret)

    async def forget():
        loop = asyncio.get_running_loop()
        task = loop.create_task(fail("hunter2"), name="hunter2")
        await asyncio.wait([task])
        del task
        gc.collect()
        loop.call_soon(int, "hunter2")
        await asyncio.sleep(0)

    asyncio.run(forget())
    out, err = capsys.readouterr()
    never_retrieved, callback = err.splitlines()
    assert "Task exception was never retrieved" in never_retrieved
    assert "Exception in callback" in callback
    assert "hunter2" not in out + err


def test_a_record_that_cannot_be_written_is_one_line_that_says_where_it_comes_from(log_format, capsys):
    configure_logs(Settings(log_format=log_format))

    class Unspeakable:
        def __str__(self):
            raise ValueError("hunter2")

    logging.getLogger("tools.x").error("%d apples", "hunter2")
    assert "hunter2" not in (line := only_line(capsys))
    assert "TypeError" in line
    assert __file__ in line
    logging.getLogger("tools.x").error("x", extra={"tool": Unspeakable()})
    assert "hunter2" not in (line := only_line(capsys))
    assert "ValueError" in line


@pytest.mark.parametrize(
    ("logger", "message", "said"),
    [
        ("uvicorn.access", '127.0.0.1:1 - "GET /x?token=hunter2 HTTP/1.1" 200', '127.0.0.1:1 - "GET /x HTTP/1.1" 200'),
        ("fastmcp.server.server", "Error reading resource 'sample://hunter2/data'", "Error reading resource"),
        ("fastmcp.server.server", "Error rendering prompt 'describe'", "Error rendering prompt 'describe'"),
        ("fastmcp.server.providers.aggregate", "Error during get_tool('x') from provider P: hunter2", None),
        ("fastmcp.tools.base", "Could not serialize structured content. If: hunter2", None),
        ("mcp.server.sse", "Received invalid session ID: hunter2", "Received invalid session ID"),
        ("mcp.server.sse", "Could not find session for ID: hunter2", "Could not find session"),
        ("mcp.server.streamable_http_manager", "Rejecting request for session hunter2: credential", None),
        ("mcp.server.streamable_http_manager", "Session hunter2 crashed", "Session"),
        ("somebody.else", "first line\nhunter2", "first line"),
        ("tools.x", "Error reading resource of my own", "Error reading resource of my own"),
    ],
)
def test_what_others_quote_that_nobody_else_may_read_is_cut(logger, message, said):
    text = json.loads(JsonFormatter().format(record(message, name=logger)))["message"]
    assert "hunter2" not in text
    assert said is None or text == said


async def test_a_resource_that_fails_is_logged_without_its_arguments(log_format, capsys):
    configure_logs(Settings(log_format=log_format))
    mcp = FastMCP("x", mask_error_details=True)

    @mcp.resource("sample://{secret}/data")
    def data(secret: str) -> str:
        raise ValueError(secret)

    async with Client(mcp) as client:
        with pytest.raises(Exception, match="Error reading resource"):
            await client.read_resource("sample://hunter2/data")
    line = only_line(capsys)
    assert "ValueError" in line
    assert "hunter2" not in line


def test_the_access_lines_of_uvicorn_have_no_query():
    """Under somebody else's runner they are on; under ours at log level debug."""
    with serving("--log-level", "debug") as server:
        httpx2.get(f"{server.base}/health?token=hunter2")
        assert "/health HTTP" in server.wait_for("/health")
