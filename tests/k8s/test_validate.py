"""The validation script against real servers: what is well, and each fault that it must find."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pytest

from k8s.validate import validate
from k8s.validation.report import Report
from k8s.validation.server import ECHO, Server, has_tool
from tests.k8s.tampering import CHANGES, HOSTILE, TOKEN, tampering
from tests.support import ROOT, SECONDS, environment, serving, serving_all

KNOWN = Path(__file__).with_name("template_server.py")


def options(*urls, **changes):
    defaults = {"path": "/mcp", "token": "", "tool": "", "args": {}, "timeout": 10}
    defaults |= {"replicas": False, "unauthenticated": False}
    return argparse.Namespace(url=list(urls), **defaults | changes)


async def report_on(*urls, **changes):
    asked = options(*urls, **changes)
    report = Report(None, seconds=3 * asked.timeout)
    await validate(asked, report)
    return {check.name: check for check in report.checks}


def failed(report):
    return {name: check.detail for name, check in report.items() if check.outcome == "failed"}


def skipped(report):
    return {name: check.detail for name, check in report.items() if check.outcome == "skipped"}


async def test_a_good_server_passes_everything(good):
    report = await report_on(good, replicas=True)
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


async def test_a_server_that_asks_for_no_token_although_one_is_given_is_found(good):
    report = await report_on(good, token=TOKEN)
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


@pytest.fixture(scope="module")
def good():
    with serving_all(script=KNOWN) as server:
        yield server.base


@pytest.fixture(scope="module")
def protected():
    with serving_all(script=KNOWN, MCP_AUTH="token", MCP_AUTH_TOKENS=TOKEN) as server:
        yield server.base


def eras(*checks):
    return {f"{era}: {check}" for era in ("2026-07-28", "handshake") for check in checks}


CALLS = eras("calls echo", "calls calculate", "a wrong argument is refused", "an unknown tool is refused")
FOUND = {
    "sick": {"GET /health"},
    "unready": {"GET /ready"},
    "draining": {"GET /ready"},
    "uncounted": {"GET /ready"},
    "miscounted": {"GET /mcp/tools", "GET /mcp/resources"} | eras("lists tools", "lists resources"),
    "lists nothing": {"GET /mcp/tools"},
    "elsewhere": {"GET / for a program"},
    "no policy": {"GET / for a browser"},
    "broken page": {"GET / for a browser"},
    "no page": {"GET / for a browser"},
    "lost route": {"GET /mcp/tools"},
    "no MCP": {"MCP answers"},
    "empty resource": {"GET /mcp/resource/mcp://demo/status"},
    "talkative": {f"POST /mcp/execute {what}" for what in ("echo", "calculate", "with a wrong argument")},
    "failing calls": CALLS,
    "hanging calls": CALLS,
    "endless": {"GET /health"},
    "huge": {"GET /health"},
    "handshake only": {"2026-07-28: connects"},
}
"""Which checks fail for what is broken, and no others."""
HARMLESS = {"hostile", "surrogate", "repeats the token"}
"""What is no fault, and must not come through as it is."""


@pytest.mark.parametrize("fault", FOUND)
async def test_a_broken_answer_is_found_and_nothing_else(good, fault):
    with tampering(good, fault) as url:
        assert set(failed(await report_on(url, timeout=1))) == FOUND[fault]


def test_every_fault_is_tried():
    assert CHANGES.keys() == FOUND.keys() | HARMLESS | {"broken calls", "open", "open to the old"}


async def test_a_connection_that_is_lost_ends_no_report(good):
    with tampering(good, "broken calls") as url:
        found = set(failed(await report_on(url, timeout=1)))
    assert CALLS <= found <= CALLS | eras("disconnects")


@pytest.mark.parametrize("fault", ["open", "open to the old"])
async def test_an_endpoint_that_lets_everybody_in_is_found_although_rest_does_not(protected, fault):
    with tampering(protected, fault) as url:
        found = failed(await report_on(url, token=TOKEN))
    assert found == {"a request without a token": "status 200 at /mcp, expected 401: nobody is asked for a token there"}


async def test_nothing_that_a_server_says_moves_the_cursor(good):
    with tampering(good, "hostile") as url:
        detail = (await report_on(url))["GET /health"].detail
        shown = script("--url", url).stdout
    assert "\x1b" not in shown
    assert len([line for line in shown.splitlines() if "everything: is fine" in line]) == 1
    assert detail.startswith("x?✓ 99 everything: is fine?[2Jyyy")
    assert len(detail) < len(HOSTILE)


def test_a_python_without_the_packages_says_which_one_has_them():
    command = [sys.executable, "-I", "-S", "k8s/validate.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        "validate.py: this Python has no httpx2: run `make validate`, or .venv/bin/python k8s/validate.py\n"
    )


def test_and_so_it_does_when_only_the_client_is_missing(good):
    code = "import runpy, sys\nsys.modules['fastmcp'] = None\nrunpy.run_path('k8s/validate.py', run_name='__main__')"
    command = [sys.executable, "-c", code, "--url", good]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("validate.py: this Python has no fastmcp: run `make validate`")
    assert "Traceback" not in done.stderr


def test_who_stops_reading_is_not_told_why(good):
    command = f"{sys.executable} k8s/validate.py --url {good} | head -n 1"
    done = subprocess.run(["sh", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=True)
    assert done.stdout.startswith("✓  1 MCP answers")
    assert done.stderr == ""


def test_what_cannot_be_printed_ends_nothing(good):
    with tampering(good, "surrogate") as url:
        done = script("--url", url, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "?  2 GET /health: ? None" in done.stdout


def test_a_token_that_the_server_repeats_is_not_shown(protected):
    with tampering(protected, "repeats the token") as url:
        shown, as_json = (script("--url", url, *how, MCP_TOKEN=TOKEN).stdout for how in ([], ["--json"]))
    assert "GET /health: ... 1.2.3\n" in shown
    assert TOKEN not in shown + as_json


def test_the_token_stays_on_this_machine_whatever_proxy_is_set(protected, unused_port):
    done = script("--url", protected, MCP_TOKEN=TOKEN, HTTP_PROXY=f"http://127.0.0.1:{unused_port}")
    assert (done.returncode, done.stderr) == (0, "")


def test_what_this_machine_lacks_is_a_failure_and_no_traceback(good):
    done = script("--url", good, "--json", SSL_CERT_FILE="/nonexistent")
    assert (done.returncode, done.stderr) == (1, "")
    assert json.loads(done.stdout)["checks"][-1]["name"] == "the validation itself"


async def test_without_a_token_it_is_enough_that_nobody_gets_in(protected, good):
    report = await report_on(protected, unauthenticated=True)
    assert not failed(report)
    assert report["a request without a token"].detail == "401"
    assert skipped(report) == {"lists and calls": "no token was given (--token or MCP_TOKEN)"}
    assert failed(await report_on(good, unauthenticated=True)).keys() == {"a request without a token"}


@pytest.mark.parametrize(
    ("url", "path", "asked", "base"),
    [
        ("http://a", "/mcp", "http://a/mcp", "http://a"),
        ("http://a:1/", "/api/v1", "http://a:1/api/v1", "http://a:1"),
        ("http://a/mcp/", "/mcp", "http://a/mcp", "http://a"),
        ("https://a/team/mcp", "/mcp", "https://a/team/mcp", "https://a/team"),
        ("http://a/api/v1", "/api/v1", "http://a/api/v1", "http://a"),
        ("http://a/api/sse", "/mcp", "http://a/api/sse", "http://a/api"),
    ],
)
def test_the_address_may_be_that_of_the_server_or_that_of_mcp(url, path, asked, base):
    server = Server.at(url, path)
    assert (server.url, server.base) == (asked, base)


async def test_mcp_may_have_another_path():
    with serving(script=KNOWN, MCP_PATH="/api/v1") as server:
        report = await report_on(server.url, path="/api/v1")
    assert not failed(report)
    assert skipped(report).keys() == {"a request without a token"}


def test_a_tool_of_the_same_name_that_wants_more_is_another_one():
    mine = {"echo": {"properties": {"message": {}, "times": {}}, "required": ["message", "times"]}}
    assert not has_tool(mine, ECHO)
    mine["echo"]["required"] = ["message"]
    assert has_tool(mine, ECHO)


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


def test_the_lines_are_numbered_and_end_with_a_total(good):
    done = script("--url", good)
    *lines, blank, total = done.stdout.splitlines()
    assert (done.returncode, done.stderr, blank) == (0, "", "")
    assert lines[1] == "✓  2 GET /health: known 1.2.3"
    assert "-  6 a request without a token: no token was given (--token or MCP_TOKEN)" in lines
    assert total == f"{good}: {len(lines) - 1} passed, 0 failed, 1 skipped"


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


def test_the_token_comes_from_the_environment_and_is_not_shown(protected):
    done = script("--url", protected, MCP_TOKEN=TOKEN)
    assert done.returncode == 0
    assert TOKEN not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--url", "ftp://x"], "--url: 'ftp://x': expected http://HOST[:PORT][/PATH]"),
        (["--url", "http://a", "--url", "http://b"], "--url was given several times: expected --replicas with it"),
        (["--args", "[1]"], "--args: '[1]': expected a JSON object"),
        (["--args", '{"a": 1}'], "--args was given without --tool"),
        (["--url", "http://joe:secret@a"], "expected http://HOST[:PORT][/PATH]"),
        (["--url", "http://[::1"], "--url: 'http://[::1': expected http://HOST[:PORT][/PATH]"),
        (["--path", "mcp"], "--path: 'mcp': expected a path that begins with /"),
        (["--token", "not\nprintable"], "--token: expected printable ASCII characters without blanks"),
        (["--token", "two words"], "--token: expected printable ASCII characters without blanks"),
        (["--unauthenticated", "--replicas"], "--unauthenticated was given with --token, --tool or --replicas"),
        (["--timeout", "0"], "--timeout: '0': expected seconds, more than 0"),
    ],
)
def test_options_that_do_not_fit_are_named(arguments, said):
    done = script(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr.splitlines()[-1]
