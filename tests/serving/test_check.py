"""The images' health check."""

import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from serving.check import address, fault
from serving.settings import Settings
from serving.sources import load_settings
from tests.support import ROOT, environment, serving


def check(**variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-S", "-m", "serving.check"]  # -S: without anything that is installed
    return subprocess.run(command, cwd=ROOT, env=environment(**variables), capture_output=True, text=True, check=False)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::", "localhost"])  # noqa: S104
def test_a_server_that_answers_is_well_wherever_it_listens_and_nothing_is_said(host):
    with serving("--host", host, MCP_AUTH="token", MCP_AUTH_TOKENS="0123456789abcdef") as server:
        result = check(MCP_HOST=host, MCP_PORT=server.base.rpartition(":")[2])
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_a_server_that_does_not_answer_is_not_well_and_one_line_says_why(unused_port):
    result = check(MCP_PORT=str(unused_port))
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == f"http://127.0.0.1:{unused_port}/health: [Errno 111] Connection refused\n"


def test_who_answers_something_else_is_not_well():
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as other:
        thread = threading.Thread(target=other.handle_request)
        thread.start()
        assert '/health: expected 200, got "HTTP/1.0 501 ' in str(fault(["--port", str(other.server_port)], {}))
        thread.join()


@pytest.mark.parametrize("port", ["0", "65536", "-1", "eighty", "9" * 30])
def test_a_port_that_is_none_is_named(port):
    assert str(fault([], {"MCP_PORT": port})).startswith(f"http://127.0.0.1:{port}/health: ")


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"MCP_HOST": "0.0.0.0", "MCP_PORT": "9000"},  # noqa: S104
        {"FASTMCP_HOST": "::1", "FASTMCP_PORT": "9001", "PORT": "9002"},
        {"MCP_PORT": "", "PORT": "9002"},
        {"MCP_PORT": "9000", "PORT": "9002"},
        {"MCP_TRANSPORT": "STDIO"},
        {"FASTMCP_TRANSPORT": "stdio"},
        {"MCP_TRANSPORT": "streamable-http", "FASTMCP_TRANSPORT": "stdio"},
    ],
)
@pytest.mark.parametrize(
    "options",
    ["", "--port 9003", "--port=9003", "--port 1 --host localhost --port=9003", "--transport sse", "--transport=stdio"],
)
def test_it_finds_the_server_where_the_server_itself_listens(variables, options):
    argv = options.split()
    settings = load_settings(Settings, argv, {"MCP_ENV_FILE": "/dev/null", **variables})
    found = address(["tini", "--", "python", "server.py", *argv], variables)
    assert found == (None if settings.transport == "stdio" else (settings.host, str(settings.port)))
