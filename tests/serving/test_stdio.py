"""Over stdio, descriptor 1 carries the protocol and nothing else, and every stop is prompt and clean."""

import json
import shlex
import signal
import subprocess
import sys

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from tests.support import HELLO, ROOT, SAMPLE, SECONDS, environment, program, run

INITIALIZE = {"method": "initialize", "params": HELLO}
INITIALIZED = {"method": "notifications/initialized"}


def call(name: str, **arguments) -> dict:
    return {"method": "tools/call", "params": {"name": name, "arguments": arguments}}


def lines(*messages: dict) -> str:
    """Number the requests from 1 and write one message a line."""
    numbered = [
        {"jsonrpc": "2.0", **message, **({} if message["method"].startswith("notifications/") else {"id": number})}
        for number, message in enumerate(messages, start=1)
    ]
    return "".join(json.dumps(message) + "\n" for message in numbered)


def answers(stdout: str) -> dict[int, dict]:
    return {message["id"]: message["result"] for message in map(json.loads, stdout.splitlines())}


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_both_eras_work(mode):
    transport = StdioTransport(
        sys.executable, [str(SAMPLE), "--transport", "stdio"], env=environment(PYTHONPATH=str(ROOT))
    )
    async with Client(transport, mode=mode) as client:
        assert client.protocol_version == ("2025-11-25" if mode == "legacy" else mode)
        assert (await client.call_tool("echo", {"message": "hi"})).data == "Echo: hi"


def test_whatever_else_is_written_ends_up_on_stderr():
    result = run("--transport", "stdio", script=SAMPLE, stdin=lines(INITIALIZE, INITIALIZED, call("be_loud")))
    assert answers(result.stdout)[3]["content"][0]["text"] == "read ''"
    for noise in ("printed while tools are imported", "printed in a tool", "raw in a tool", "from a child"):
        assert noise in result.stderr


def test_the_end_of_input_ends_the_process_with_0():
    result = run("--transport", "stdio", script=SAMPLE)
    assert (result.returncode, result.stdout) == (0, "")


def test_no_answer_is_lost_when_the_input_ends_right_behind_the_questions():
    questions = [call("echo", message=str(number)) for number in range(20)]
    result = run("--transport", "stdio", script=SAMPLE, stdin=lines(INITIALIZE, INITIALIZED, *questions))
    texts = [answer["content"][0]["text"] for number, answer in sorted(answers(result.stdout).items())[1:]]
    assert texts == [f"Echo: {number}" for number in range(20)]
    assert result.returncode == 0


def test_a_client_that_is_gone_ends_the_process_with_0():
    with program(sys.executable, SAMPLE, "--transport", "stdio") as process:
        process.stdout.close()
        process.stdin.write(lines(INITIALIZE, INITIALIZED))
        process.stdin.flush()
        assert process.wait(SECONDS) == 0
        assert "the client is gone" in process.stderr.read()
        process.stdout = None  # for `program`, which reads it to its end


def test_it_works_where_stderr_is_closed():
    command = f"exec {shlex.quote(sys.executable)} {shlex.quote(str(SAMPLE))} --transport stdio 2>&-"
    with program("sh", "-c", command) as process:
        stdout, _ = process.communicate(lines(INITIALIZE, INITIALIZED, call("be_loud")), SECONDS)
        assert process.returncode == 0
    assert answers(stdout)[3]["content"][0]["text"] == "read ''"


def test_a_line_that_is_no_message_is_passed_over():
    nonsense = '{"method":' + "[" * 2000 + "]" * 2000 + '}\n{"jsonrpc": "2.0"}\nnonsense\n[1]\n"method"\n\xff\n'
    result = run(
        "--transport", "stdio", script=SAMPLE, stdin=lines(INITIALIZE, INITIALIZED) + nonsense + lines(call("echo"))
    )
    assert result.returncode == 0
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("busy", [call("echo", message="hi"), call("hang", key=""), call("block", seconds=60)])
def test_a_signal_ends_the_process_with_0_at_once_whatever_runs(number, busy):
    with program(sys.executable, SAMPLE, "--transport", "stdio") as process:
        process.stdin.write(lines(INITIALIZE, INITIALIZED, busy, {"method": "ping"}))
        process.stdin.flush()
        assert any(json.loads(line)["id"] == 4 for line in process.stdout)  # the ping: `busy` is under way
        process.send_signal(number)
        assert process.wait(14) == 0  # bare FastMCP takes 15 seconds for SIGINT


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('{"jsonrpc": "2.0", "id": null, "method": "ping"}', -32600),
        ('{"jsonrpc": "2.0", "id": 1.5, "method": "ping"}', -32600),
        ('{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"a": NaN}}', -32700),
        ('{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"a": "\\ud800"}}', -32700),
        ("[" * 1000, -32700),
    ],
)
def test_a_malformed_line_gets_an_answer_and_the_next_one_too(line, code):
    good = '{"jsonrpc": "2.0", "id": "next", "method": "ping"}'
    answers = [
        json.loads(answer) for answer in run("--transport", "stdio", stdin=f"{line}\n{good}\n").stdout.splitlines()
    ]
    assert [answer.get("error", {}).get("code") for answer in answers] == [code, None]
    assert answers[1]["id"] == "next"


def test_nothing_is_imported_that_only_http_needs():
    code = (
        "import sys; from server import create_server; from serving.run import run\n"
        "run(create_server, ['--transport', 'stdio'])\n"
        "print(*(name for name in sys.modules if name.startswith('serving')), file=sys.stderr)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment(), input="", capture_output=True, text=True, check=True
    )
    over_http = ("admission", "app", "bearer", "bodies", "drain", "guard", "http", "metrics", "openapi", "page", "rest")
    assert "serving.stdio" in result.stderr.split()
    assert not {f"serving.{name}" for name in over_http} & set(result.stderr.split())
