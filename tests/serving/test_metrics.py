"""Metrics: what Prometheus gets, on our port or on one of their own."""

import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.testclient import TestClient

from serving import metrics
from serving.errors import StartError
from tests.support import ROOT, SECONDS, environment

WORKER = """
import sys
from serving import metrics
metrics.record_call("echo", "ok", 0.1)
metrics.calls_in_progress.inc()
with metrics.serve_metrics("127.0.0.1", int(sys.argv[1])) as port:
    print(port, flush=True)
    sys.stdin.read()
"""


def value(text: str, name: str, **labels: str) -> float:
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return sum(one.value for one in samples if one.name == name and labels.items() <= one.labels.items())


def scrape(port: int, path: str = "/metrics", host: str = "127.0.0.1", **headers: str) -> httpx2.Response:
    return httpx2.get(f"http://{host}:{port}{path}", headers=headers, timeout=SECONDS)


@pytest.fixture
def client():
    with TestClient(Starlette(routes=[metrics.metrics_route()])) as client:
        yield client


@pytest.fixture
def port():
    with metrics.serve_metrics("127.0.0.1", 0) as port:
        yield port


def test_a_call_is_counted_by_tool_and_outcome_and_timed(client):
    before = client.get("/metrics").text
    metrics.record_call("counted", "ok", 0.02)
    metrics.record_call("counted", "failed", 2)
    after = client.get("/metrics").text
    assert value(before, "mcp_tool_calls_total", tool="counted") == 0
    assert value(after, "mcp_tool_calls_total", tool="counted", outcome="failed") == 1
    assert value(after, "mcp_tool_duration_seconds_sum", tool="counted") == pytest.approx(2.02)
    assert value(after, "mcp_tool_duration_seconds_bucket", tool="counted", le="0.025") == 1
    assert value(after, "mcp_tool_duration_seconds_bucket", tool="counted", le="60.0") == 2


def test_tools_that_do_not_exist_share_one_label(client):
    metrics.record_call(None, "unknown", 0.001)
    assert value(client.get("/metrics").text, "mcp_tool_calls_total", tool="(unknown)", outcome="unknown") >= 1


def test_calls_in_progress_go_up_and_down(client):
    before = value(client.get("/metrics").text, "mcp_calls_in_progress")
    metrics.calls_in_progress.inc()
    during = value(client.get("/metrics").text, "mcp_calls_in_progress")
    metrics.calls_in_progress.dec()
    assert (during - before, value(client.get("/metrics").text, "mcp_calls_in_progress")) == (1, before)


def test_a_tool_may_be_called_anything(client):
    metrics.record_call('a"b\\c\nd', "ok", 0.1)
    assert value(client.get("/metrics").text, "mcp_tool_calls_total", tool='a"b\\c\nd') == 1


def test_the_process_and_python_are_described_and_nothing_that_somebody_else_registered(client):
    names = {family.name for family in text_string_to_metric_families(client.get("/metrics").text)}
    assert {"process_resident_memory_bytes", "process_open_fds", "python_info"} <= names
    assert all(name.startswith(("mcp_", "process_", "python_info")) for name in names)


def test_prometheus_gets_text_and_who_accepts_openmetrics_gets_that(client):
    plain = client.get("/metrics")
    assert plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert plain.headers["cache-control"] == "no-store"
    modern = client.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0, text/plain"})
    assert modern.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert modern.text.endswith("# EOF\n")


@pytest.mark.parametrize("version", ["abc", "1.x", "", "9", ";;="])
def test_a_version_that_nobody_has_heard_of_is_no_error(client, port, version):
    accept = f"application/openmetrics-text; version={version}"
    assert client.get("/metrics", headers={"accept": accept}).status_code == 200
    assert scrape(port, accept=accept).status_code == 200


def test_on_a_port_of_their_own_there_is_nothing_but_metrics(port):
    answer = scrape(port)
    assert value(answer.text, "process_start_time_seconds") > 0
    assert (answer.headers["server"], answer.headers["cache-control"]) == ("metrics", "no-store")
    assert scrape(port, "/metrics?x=1").status_code == 200
    assert [scrape(port, path).status_code for path in ("/", "/mcp", "/metrics/x", "/health")] == [404] * 4
    assert httpx2.post(f"http://127.0.0.1:{port}/metrics").status_code == 501


def test_ipv6_hosts_work():
    with metrics.serve_metrics("::1", 0) as port:
        assert scrape(port, host="[::1]").status_code == 200


def test_a_slow_client_keeps_nobody_waiting(port):
    with socket.create_connection(("127.0.0.1", port)) as slow:
        slow.sendall(b"GET /metr")
        assert scrape(port).status_code == 200


def test_a_client_that_says_nothing_is_hung_up_on(monkeypatch):
    monkeypatch.setattr(metrics._Scrape, "timeout", 0.05)
    with metrics.serve_metrics("127.0.0.1", 0) as port, socket.create_connection(("127.0.0.1", port)) as silent:
        silent.settimeout(SECONDS)
        assert silent.recv(1) == b""


def test_scrapes_and_broken_ones_write_nothing_to_stderr(port, capfd):
    for garbage in (b"nonsense\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\xff\xfe\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(garbage)
            client.settimeout(SECONDS)
            while client.recv(4096):
                pass
    scrape(port)
    assert capfd.readouterr() == ("", "")


def test_a_port_that_is_taken_is_said_in_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(StartError, match=f"^MCP_METRICS_PORT={port}: cannot listen on 127.0.0.1:{port}: Address al"),
            metrics.serve_metrics("127.0.0.1", port),
        ):
            pass


@pytest.mark.parametrize("host", ["a" * 70, "no.such.host.invalid"])
def test_a_host_that_does_not_exist_is_said_in_one_line(host):
    with pytest.raises(StartError, match=f"^MCP_METRICS_PORT=9: cannot listen on {host}:9: [^\n]+$"):
        metrics.serve_metrics(host, 9).__enter__()


def test_the_port_is_free_again_afterwards():
    with metrics.serve_metrics("127.0.0.1", 0) as port:
        scrape(port)
    with metrics.serve_metrics("127.0.0.1", port) as again:
        assert again == port


def test_many_scrape_at_once_while_calls_are_counted(port):
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda _: scrape(port).status_code, range(40))
        for number in range(200):
            metrics.record_call(f"tool{number}", "ok", 0.1)
        assert set(answers) == {200}


def test_several_workers_count_together_behind_one_port(tmp_path, unused_port):
    command = [sys.executable, "-c", WORKER, str(unused_port)]
    variables = environment(PYTHONPATH=str(ROOT), PROMETHEUS_MULTIPROC_DIR=str(tmp_path))
    workers = [
        subprocess.Popen(command, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        for worker in workers:
            worker.stdout.readline()
        text = scrape(unused_port).text
    finally:
        for worker in workers:
            worker.communicate(timeout=SECONDS)
    assert value(text, "mcp_tool_calls_total", tool="echo", outcome="ok") == 2
    assert value(text, "mcp_calls_in_progress") == 2
    assert value(text, "mcp_tool_duration_seconds_count", tool="echo") == 2
    assert "process_resident_memory_bytes" not in text  # it would be one worker's
    assert [worker.returncode for worker in workers] == [0, 0]


def test_workers_need_a_folder_to_count_in(tmp_path):
    variables = environment(PYTHONPATH=str(ROOT), PROMETHEUS_MULTIPROC_DIR=str(tmp_path / "none"))
    command = [sys.executable, "-c", "import serving.metrics"]
    ended = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert "SettingsError: PROMETHEUS_MULTIPROC_DIR=" in ended.stderr.splitlines()[-1]
