"""The validation script against real servers: what is well, and each fault that it must find."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pytest

from k8s.validate import validate
from k8s.validation.report import Report
from tests.support import ROOT, SECONDS, environment, serving

KNOWN = Path(__file__).with_name("template_server.py")
TOKEN = "0123456789abcdef0123456789abcdef"


def options(*urls, **changes):
    defaults = {"path": "/mcp", "token": "", "tool": "", "args": {}, "timeout": 10}
    defaults |= {"replicas": False, "unauthenticated": False}
    return argparse.Namespace(url=list(urls), **defaults | changes)


async def report_on(*urls, **changes):
    report = Report(None)
    await validate(options(*urls, **changes), report)
    return {check.name: check for check in report.checks}


def failed(report):
    return {name: check.detail for name, check in report.items() if check.outcome == "failed"}


def skipped(report):
    return {name: check.detail for name, check in report.items() if check.outcome == "skipped"}


async def test_a_good_server_passes_everything():
    with serving(script=KNOWN) as server:
        report = await report_on(server.base, replicas=True)
    assert not failed(report)
    assert skipped(report).keys() == {"a request without a token"}
    assert report["GET /health"].detail == "known 1.2.3"
    assert report["GET /ready"].detail == "2 tools, 1 resources"
    assert report["2026-07-28: connects"].detail == "2026-07-28, known 1.2.3"
    assert report["handshake: connects"].detail == "2025-11-25, known 1.2.3"


async def test_a_protected_server_is_asked_with_the_token_and_once_without():
    with serving(script=KNOWN, MCP_AUTH="token", MCP_AUTH_TOKENS=TOKEN) as server:
        report = await report_on(server.url, token=TOKEN)
        assert not failed(report)
        assert not skipped(report)
        assert report["a request without a token"].detail == "401"
        report = await report_on(server.url)
    assert failed(report)["GET /mcp/tools"].startswith("status 401: the server asks for a token")
    assert "2026-07-28: connects" in failed(report)
    assert not [check for check in report.values() if TOKEN in check.detail]


async def test_a_server_that_asks_for_no_token_although_one_is_given_is_found():
    with serving(script=KNOWN) as server:
        report = await report_on(server.url, token=TOKEN)
    assert failed(report).keys() == {"a request without a token"}


async def test_what_a_copy_has_dropped_is_skipped_and_said():
    with serving(script=KNOWN, FAULT="empty", MCP_REST="false", MCP_PAGE="false") as server:
        report = await report_on(server.url)
    assert not failed(report)
    reasons = skipped(report)
    assert reasons["GET / for a browser"] == "the page is off (MCP_PAGE)"
    assert reasons["GET /mcp/tools"] == "REST is off (MCP_REST)"
    assert reasons["2026-07-28: calls echo"] == "echo is not listed as this template has it"
    assert reasons["handshake: reads mcp://demo/status"] == "it is not listed"
    assert reasons["handshake: a wrong argument is refused"] == "no listed tool needs an argument"
    assert "2026-07-28: an unknown tool is refused" not in reasons


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ("echo", {"POST /mcp/execute echo", "2026-07-28: calls echo", "handshake: calls echo"}),
        (
            "calculate",
            {"POST /mcp/execute calculate", "2026-07-28: calls calculate", "handshake: calls calculate"},
        ),
        (
            "careless",
            {"POST /mcp/execute with a wrong argument"}
            | {
                f"{era}: {what} is refused"
                for era in ("2026-07-28", "handshake")
                for what in ("a wrong argument", "an unknown tool")
            },
        ),
        (
            "traceback",
            {"POST /mcp/execute with a wrong argument"}
            | {
                f"{era}: {what} is refused"
                for era in ("2026-07-28", "handshake")
                for what in ("a wrong argument", "an unknown tool")
            },
        ),
    ],
)
async def test_a_fault_is_found_and_nothing_else(fault, found):
    with serving(script=KNOWN, FAULT=fault) as server:
        assert set(failed(await report_on(server.url))) == found


async def test_a_server_that_is_not_there_is_one_failure(unused_port):
    report = await report_on(f"http://127.0.0.1:{unused_port}")
    assert list(failed(report)) == ["MCP answers"]
    assert list(skipped(report)) == ["everything else"]


async def test_consecutive_calls_are_answered_by_every_replica():
    with serving(script=KNOWN) as one, serving(script=KNOWN) as two:
        report = await report_on(one.url, two.url, replicas=True)
    assert not failed(report)
    for era in ("2026-07-28", "handshake"):
        assert report[f"{era}: any replica answers"].detail == f"{one.url} answered 10, {two.url} answered 10"


async def test_a_replica_that_is_gone_is_found():
    with serving(script=KNOWN) as one, serving(script=KNOWN) as two:
        two.kill()
        report = await report_on(one.url, two.url, replicas=True)
    assert set(failed(report)) == {"2026-07-28: any replica answers", "handshake: any replica answers"}
    assert f"10 of 20 calls failed, the first at {two.url}" in failed(report)["handshake: any replica answers"]


async def test_sessions_that_only_one_replica_knows_are_found():
    with serving(script=KNOWN, MCP_STATELESS="false") as one, serving(script=KNOWN, MCP_STATELESS="false") as two:
        report = await report_on(one.url, two.url, replicas=True)
    assert set(failed(report)) == {"handshake: any replica answers"}


@pytest.fixture
def foreign(tmp_path):
    """A server that knows nothing of this template."""
    script = tmp_path / "foreign.py"
    script.write_text(
        "import logging, socket, sys, fastmcp\n"
        "mcp = fastmcp.FastMCP('foreign')\n"
        "@mcp.tool\n"
        "def double(number: int) -> int:\n"
        "    return 2 * number\n"
        "listener = socket.create_server(('127.0.0.1', 0))\n"
        "print(f'MCP on http://127.0.0.1:{listener.getsockname()[1]}/api,', file=sys.stderr)\n"
        "import uvicorn\n"
        "uvicorn.Server(uvicorn.Config(mcp.http_app('/api'), log_level='critical')).run(sockets=[listener])\n"
    )
    with serving(script=script) as server:
        yield server.url


async def test_any_server_can_be_asked_with_a_tool_of_its_own(foreign):
    report = await report_on(foreign, tool="double", args={"number": 4})
    assert not failed(report)
    assert skipped(report)["probes, page and REST"].startswith("with --tool only")
    assert report["2026-07-28: calls double"].outcome == report["handshake: calls double"].outcome == "passed"


async def test_a_tool_that_is_not_listed_is_named_with_those_that_are(foreign):
    report = await report_on(foreign, tool="triple", args={})
    assert failed(report)["handshake: calls triple"] == "triple is not listed: expected one of double"


async def test_a_tool_that_fails_is_found(foreign):
    report = await report_on(foreign, tool="double", args={"number": "four"})
    assert set(failed(report)) == {"2026-07-28: calls double", "handshake: calls double"}


def script(*arguments, **variables):
    return subprocess.run(
        [sys.executable, "k8s/validate.py", *arguments],
        cwd=ROOT,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def test_the_lines_are_numbered_and_end_with_a_total():
    with serving(script=KNOWN) as server:
        done = script("--url", server.base)
    *lines, blank, total = done.stdout.splitlines()
    assert (done.returncode, done.stderr, blank) == (0, "", "")
    assert lines[1] == "✓  2 GET /health: known 1.2.3"
    assert "-  6 a request without a token: no token was given (--token or MCP_TOKEN)" in lines
    assert total == f"{server.base}: {len(lines) - 1} passed, 0 failed, 1 skipped"


def test_machines_get_json_and_a_failure_is_status_1(unused_port):
    done = script("--url", f"http://127.0.0.1:{unused_port}", "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["failed"], report["skipped"]) == (1, 1, 1)
    assert report["checks"][0] == {
        "number": 1,
        "name": "MCP answers",
        "outcome": "failed",
        "detail": "ConnectError: All connection attempts failed",
    }


def test_the_token_comes_from_the_environment_and_is_not_shown():
    with serving(script=KNOWN, MCP_AUTH="token", MCP_AUTH_TOKENS=TOKEN) as server:
        done = script("--url", server.url, MCP_TOKEN=TOKEN)
    assert done.returncode == 0
    assert TOKEN not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--url", "ftp://x"], "--url: 'ftp://x': expected http://HOST[:PORT][/PATH]"),
        (["--url", "http://a", "--url", "http://b"], "--url was given several times: expected --replicas with it"),
        (["--args", "[1]"], "--args: '[1]': expected a JSON object"),
        (["--args", '{"a": 1}'], "--args was given without --tool"),
        (["--timeout", "0"], "--timeout: '0': expected seconds, more than 0"),
    ],
)
def test_options_that_do_not_fit_are_named(arguments, said):
    done = script(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr.splitlines()[-1]
