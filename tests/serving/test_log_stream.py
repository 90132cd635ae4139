"""Log lines reach stderr: those about calls together, all others at once, none in another's name."""

import io
import json
import logging
import os
import subprocess
import sys
from contextlib import suppress

import anyio
import pytest

from serving import log_stream
from serving.log_stream import GATHERED, StderrHandler
from serving.logs import JsonFormatter
from serving.request_id import IdentifyRequests
from tests.support import ROOT, SECONDS, environment, program


async def receive():
    return {"type": "http.disconnect"}


async def send(_):
    pass


def test_a_stderr_that_is_gone_is_nobodys_problem(tmp_path):
    closed = (tmp_path / "log").open("w")
    closed.close()
    reader, writer = os.pipe()
    os.close(reader)
    broken = os.fdopen(writer, "w", buffering=1)
    for stream in (closed, broken):
        handler = StderrHandler(stream)
        handler.setFormatter(JsonFormatter())
        handler.emit(about_a_call("hello", logging.ERROR))
        handler.close()
    with suppress(BrokenPipeError):
        broken.close()


def gathering():
    stream = io.StringIO()
    handler = StderrHandler(stream)
    handler.setFormatter(JsonFormatter())
    return handler, stream


def about_a_call(message, level=logging.INFO):
    return logging.LogRecord(GATHERED, level, __file__, 1, message, None, None)


async def test_lines_about_calls_are_written_together_a_moment_later(monkeypatch):
    monkeypatch.setattr(log_stream, "GATHER_SECONDS", 0)
    handler, stream = gathering()
    handler.emit(about_a_call("one"))
    handler.emit(about_a_call("two"))
    assert not stream.getvalue()
    with anyio.fail_after(10):
        while not stream.getvalue():
            await anyio.lowlevel.checkpoint()
    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == ["one", "two"]


async def test_any_other_line_is_written_at_once_behind_those_that_wait():
    handler, stream = gathering()
    handler.emit(about_a_call("one"))
    handler.emit(about_a_call("two", logging.WARNING))
    handler.emit(about_a_call("three"))
    handler.emit(about_a_call("a bug", logging.ERROR))
    messages = [json.loads(line)["message"] for line in stream.getvalue().splitlines()]
    assert messages == ["one", "two", "three", "a bug"]


async def test_a_line_that_waits_belongs_to_the_request_in_which_it_was_made():
    handler, stream = gathering()

    async def app(*_):
        handler.emit(about_a_call("one"))

    await IdentifyRequests(app)({"type": "http", "headers": [(b"x-request-id", b"mine")]}, receive, send)
    handler.flush()
    assert json.loads(stream.getvalue())["request_id"] == "mine"


async def test_a_line_that_waits_takes_nobody_elses_trace():
    handler, stream = gathering()
    handler.emit(about_a_call("one"))

    async def app(*_):
        handler.flush()

    await IdentifyRequests(app)({"type": "http", "headers": [(b"x-request-id", b"another")]}, receive, send)
    assert "request_id" not in json.loads(stream.getvalue())


async def test_a_line_that_cannot_be_written_costs_no_other(capsys):
    handler, stream = gathering()
    odd = about_a_call("%d apples")
    odd.args = ("hunter2",)
    handler.emit(about_a_call("one"))
    handler.emit(odd)
    handler.emit(about_a_call("two"))
    handler.flush()
    messages = [json.loads(line)["message"] for line in stream.getvalue().splitlines()]
    assert messages == ["one", "a log record that cannot be written", "two"]


def test_without_an_event_loop_nothing_waits():
    handler, stream = gathering()
    handler.emit(about_a_call("one"))
    assert "one" in stream.getvalue()


@pytest.mark.parametrize("way", ["sys.exit(0)", "leave()", "leave_within(0); time.sleep(60)"])
def test_lines_that_wait_are_written_before_the_end(way):
    code = (
        "import asyncio, logging, sys, time, serving.logs as logs, serving.settings as settings\n"
        "from serving.stop import leave, leave_within\n"
        "logs.configure_logs(settings.Settings())\n"
        f"async def main(): logging.getLogger('serving.calls').info('one'); {way}\n"
        "asyncio.run(main())\n"
    )
    with program(sys.executable, "-c", code) as process:
        assert '"message": "one"' in process.communicate()[1]
        assert process.returncode == 0


def test_a_process_whose_stderr_is_gone_ends_well():
    code = (
        "import logging, serving.logs as logs, serving.settings as settings\n"
        "logs.configure_logs(settings.Settings())\n"
        "for _ in range(99): logging.error('x' * 9999)\n"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, env=environment(PYTHONPATH=str(ROOT)), stderr=subprocess.PIPE) as process:
        process.stderr.close()
        assert process.wait(SECONDS) == 0
