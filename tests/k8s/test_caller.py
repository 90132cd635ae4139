"""The program that calls all the time, against real servers."""

import json
import signal
import subprocess
import sys

import httpx2
import pytest

from k8s.rollout import caller
from tests.support import program, serving


def told(process):
    """Its lines, as they come."""
    return map(json.loads, process.stdout)


def end(process):
    """Stop it as Kubernetes would; return its summary."""
    process.send_signal(signal.SIGTERM)
    *_, last = told(process)
    assert process.wait(10) == 0
    return last["summary"]


def calling(url, **variables):
    return program(sys.executable, caller.__file__, URL=url, CLIENTS="4", **variables)


def test_calls_are_counted_until_it_is_stopped():
    with serving() as server, calling(server.url) as process:
        next(line for line in told(process) if line["calls"] > 10)
        summary = end(process)
    assert (summary["failures"], summary["calls"] > 10) == (0, True)
    assert 0 < summary["p50_ms"] <= summary["p99_ms"]


def test_calls_that_fail_are_counted_and_the_first_are_told():
    with serving() as server, calling(server.url) as process:
        lines = told(process)
        next(line for line in lines if line.get("calls"))
        server.kill()
        failure = next(line for line in lines if "failure" in line)
        summary = end(process)
    assert summary["failures"] > 0
    assert failure["failure"].split(":")[0].endswith("Error")


def test_failures_without_end_are_not_all_told(capsys):
    counts = caller.Counts()
    for _ in range(caller.SHOWN + 5):
        counts.failed(ValueError("no"))
    assert (counts.failures, len(capsys.readouterr().out.splitlines())) == (caller.SHOWN + 5, caller.SHOWN)


def test_a_tool_can_be_named():
    with serving() as server, calling(server.url, TOOL="refuse") as process:
        failure = next(line for line in told(process) if "failure" in line)
        end(process)
    assert failure["failure"] == "ValueError: the tool failed"


def test_it_needs_nothing_but_httpx2():
    refused = "import sys; sys.modules.update(dict.fromkeys(['fastmcp', 'mcp', 'yaml', 'k8s', 'serving']))"
    code = f"{refused}; exec(open({caller.__file__!r}).read(), {{'__name__': 'caller'}})"
    subprocess.run([sys.executable, "-I", "-c", code], check=True)


def reply(status=200, content_type="application/json", text='{"result": {}}'):
    return httpx2.Response(status, headers={"content-type": content_type}, text=text)


def test_an_answer_may_be_json_or_a_stream():
    stream = 'event: message\ndata: {"method": "notifications/message"}\n\ndata: {"result": {"content": []}}\n\n'
    assert caller.result(reply()) == {}
    assert caller.result(reply(content_type="text/event-stream", text=stream)) == {"content": []}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (reply(status=503), "status 503"),
        (reply(text='{"error": {"code": -32601, "message": "x"}}'), "error -32601"),
        (reply(text='{"result": {"isError": true}}'), "the tool failed"),
        (reply(content_type="text/event-stream", text=": ping\n\n"), "no answer"),
        (reply(text="<html>"), "Expecting value"),
    ],
)
def test_an_answer_that_is_none_is_a_failure(answer, reason):
    with pytest.raises(ValueError, match=reason):
        caller.result(answer)
