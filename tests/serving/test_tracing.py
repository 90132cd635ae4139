"""Traces: a call continues its caller's trace, and its spans reach a collector that is really there."""

import json
import re
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.transports import SSETransport, StdioTransport, StreamableHttpTransport
from fastmcp.exceptions import ToolError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from serving.errors import SettingsError
from serving.tracing import ContinueTrace, current_trace_id, export_traces
from tests.support import ROOT, environment, program, serving

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
OTHER = "1" * 32
OTHERS = f"00-{OTHER}-{PARENT}-01"
ERAS = ["2026-07-28", "legacy"]

SERVER = """
from serving.run import run


def create_server(settings):
    from fastmcp import FastMCP
    from fastmcp.server.middleware import Middleware

    from serving.chassis import chassis
    from serving.tracing import current_trace_id

    seen = []

    class Look(Middleware):
        async def on_call_tool(self, context, call_next):
            seen.append(current_trace_id())
            return await call_next(context)

    mcp = FastMCP("sample", version="1.2.3", **chassis(settings))
    mcp.add_middleware(Look())

    @mcp.tool
    async def which() -> str:
        return f"{seen.pop()} {current_trace_id()}"

    @mcp.tool
    def fail(secret: str) -> None:
        raise RuntimeError(f"broken by {secret}")

    @mcp.resource("sample://{name}/data")
    def data(name: str) -> str:
        return "data"

    return mcp


if __name__ == "__main__":
    run(create_server)
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "traced.py"
    path.write_text(SERVER)
    return path


class Collector:
    """What an OTLP/HTTP collector was sent."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.requests: list[ExportTraceServiceRequest] = []

    @property
    def spans(self):
        return [
            span
            for request in self.requests
            for one in request.resource_spans
            for s in one.scope_spans
            for span in s.spans
        ]

    def resource(self) -> dict[str, str]:
        return attributes(self.requests[0].resource_spans[0].resource)

    def span(self, name: str):
        (span,) = [span for span in self.spans if span.name == name]
        return span


def attributes(holder) -> dict[str, str]:
    return {pair.key: pair.value.string_value for pair in holder.attributes}


@contextmanager
def collecting(status: int = 200) -> Iterator[Collector]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == "/v1/traces"
            collector.requests.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector = Collector(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield collector
        server.shutdown()
        thread.join()


def over_http(url: str, **headers: str) -> StreamableHttpTransport:
    return StreamableHttpTransport(url, headers=headers)


async def receive() -> dict[str, Any]:
    return {"type": "http.disconnect"}


async def which(client, meta: dict[str, str] | None = None) -> str:
    return (await client.call_tool("which", meta=meta)).data


@pytest.mark.parametrize("era", ERAS)
async def test_a_call_is_exported_in_the_trace_of_its_caller(script, era):
    with collecting() as collector, serving(script=script, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url) as server:
        async with Client(over_http(server.url, traceparent=TRACEPARENT, tracestate="vendor=1"), mode=era) as client:
            assert await which(client) == f"{TRACE} {TRACE}"
        assert server.stop() == 0
    span = collector.span("tools/call which")
    assert (span.trace_id.hex(), span.parent_span_id.hex(), span.trace_state) == (TRACE, PARENT, "vendor=1")
    assert attributes(span)["gen_ai.tool.name"] == "which"
    assert attributes(span)["mcp.protocol.version"] in ("2026-07-28", "2025-11-25")
    resource = collector.resource()
    assert (resource["service.name"], resource["service.version"]) == ("sample", "1.2.3")


@pytest.mark.parametrize("exported", [True, False], ids=["exported", "not exported"])
@pytest.mark.parametrize(
    ("era", "options"),
    [("2026-07-28", ()), ("legacy", ()), ("legacy", ("--stateless", "false")), ("legacy", ("--transport", "sse"))],
    ids=["modern", "handshake", "sessions", "sse"],
)
async def test_every_call_knows_its_own_trace_over_http(script, era, options, exported):
    with collecting() as collector:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url} if exported else {}
        with serving(*options, script=script, **variables) as server:
            transport = SSETransport if "sse" in options else StreamableHttpTransport
            async with Client(transport(server.url), mode=era) as client:
                first, again = await which(client), await which(client)
                assert await which(client, {"traceparent": TRACEPARENT}) == f"{TRACE} {TRACE}"
                assert await which(client, {"traceparent": OTHERS}) == f"{OTHER} {OTHER}"
            async with Client(transport(server.url, headers={"traceparent": TRACEPARENT}), mode=era) as client:
                assert await which(client) == f"{TRACE} {TRACE}"
            async with Client(transport(server.url), mode=era) as client:
                unrelated = await which(client)
    if exported:
        assert len({*first.split(), *again.split(), *unrelated.split()}) == 3
        assert re.fullmatch(r"([0-9a-f]{32}) \1", first)
    else:
        assert {first, again, unrelated} == {"None None"}


async def test_the_header_goes_before_what_a_message_says(script):
    with serving(script=script) as server:
        async with Client(over_http(server.url, traceparent=TRACEPARENT)) as client:
            assert await which(client, {"traceparent": OTHERS}) == f"{TRACE} {TRACE}"


@pytest.mark.parametrize("era", ERAS)
async def test_a_call_over_stdio_continues_the_trace_that_its_message_names(script, era, tmp_path):
    with collecting() as collector:
        variables = environment(PYTHONPATH=str(ROOT), OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        command = [str(script), "--transport", "stdio"]
        transport = StdioTransport(sys.executable, command, env=variables, log_file=tmp_path / "log")
        async with Client(transport, mode=era) as client:
            assert await which(client, {"traceparent": TRACEPARENT}) == f"{TRACE} {TRACE}"
        await transport.close()
    assert collector.span("tools/call which").parent_span_id.hex() == PARENT


async def test_the_line_of_a_call_names_its_trace(script):
    with serving(script=script) as server:
        async with Client(over_http(server.url, traceparent=TRACEPARENT)) as client:
            await which(client)
        assert json.loads(server.wait_for('"tool": "which"'))["trace_id"] == TRACE


@pytest.mark.parametrize(("level", "told"), [("info", False), ("debug", True)])
async def test_a_span_quotes_no_argument_unless_the_log_level_is_debug(script, level, told):
    with collecting() as collector:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
        with serving("--log-level", level, script=script, **variables) as server:
            async with Client(server.url) as client:
                with pytest.raises(ToolError):
                    await client.call_tool("fail", {"secret": "hunter2"})
                await client.read_resource("sample://hunter2/data")
            assert server.stop() == 0
    failed = collector.span("tools/call fail")
    assert failed.status.code == failed.status.STATUS_CODE_ERROR
    assert {attributes(event)["exception.type"] for event in failed.events} >= {"fastmcp.exceptions.ToolError"}
    assert collector.span("resources/read")
    assert any(b"hunter2" in request.SerializeToString() for request in collector.requests) is told


async def test_no_client_decides_how_much_a_span_weighs(script):
    with collecting() as collector, serving(script=script, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url) as server:
        async with Client(server.url, mode="legacy") as client:  # there the name is in no header
            await client.call_tool("x" * 100_000, raise_on_error=False)
        assert server.stop() == 0
    assert max(len(request.SerializeToString()) for request in collector.requests) < 20_000


async def test_the_standard_variables_go_before_what_we_know(script):
    variables = {"OTEL_SERVICE_NAME": "mine", "OTEL_RESOURCE_ATTRIBUTES": "service.version=9,deployment.environment=x"}
    with collecting() as collector:
        variables["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = f"{collector.url}/v1/traces"
        with serving(script=script, **variables) as server:
            async with Client(server.url) as client:
                await which(client)
            assert server.stop() == 0
    resource = collector.resource()
    assert (resource["service.name"], resource["service.version"]) == ("mine", "9")
    assert resource["deployment.environment"] == "x"


@pytest.mark.parametrize("state", ["dead", "hanging", "refusing"])
async def test_a_collector_that_does_not_answer_costs_one_line_and_no_call(script, state):
    """A batch after each call, so that many are refused while calls go on."""
    with socket.create_server(("127.0.0.1", 0)) as silent, collecting(status=400) as refusing:
        hanging = f"http://127.0.0.1:{silent.getsockname()[1]}"
        url = {"dead": "http://127.0.0.1:1", "hanging": hanging, "refusing": refusing.url}[state]
        variables = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": url,
            "OTEL_BSP_SCHEDULE_DELAY": "1",
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "1",
            "OTEL_BSP_MAX_QUEUE_SIZE": "2",
        }
        with serving(script=script, **variables) as server:
            async with Client(server.url) as client:
                for _ in range(20):
                    await which(client)
            assert server.stop() == 0
    lines = [json.loads(line) for line in server.log]
    complaints = [line for line in lines if line["logger"].startswith("opentelemetry")]
    assert len(complaints) == 1


@pytest.mark.parametrize(
    "variables",
    [{}, {"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}],
    ids=["no endpoint", "disabled", "no exporter"],
)
def test_nothing_of_the_sdk_is_imported_when_nobody_wants_traces(variables):
    if variables:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", **variables}
    code = "import sys, serving.tracing as t\nwith t.export_traces('a', 'b'): print('opentelemetry.sdk' in sys.modules)"
    with program(sys.executable, "-c", code, **variables) as process:
        assert process.communicate()[0] == "False\n"


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json", "http/protobuf"),
        ("OTEL_TRACES_EXPORTER", "console", "otlp or none"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector:4317", "a URL like"),
    ],
)
def test_what_cannot_be_had_is_said_in_one_line(monkeypatch, key, value, expected):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv(key, value)
    with pytest.raises(SettingsError, match=f"^{key}={value}: expected {expected}"):
        export_traces("sample", "1").__enter__()


def test_a_queue_that_makes_no_sense_is_said_in_one_line(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "-1")
    with pytest.raises(SettingsError, match="max_queue_size must be a positive integer"):
        export_traces("sample", "1").__enter__()


@pytest.mark.parametrize(
    ("value", "trace"),
    [
        (TRACEPARENT, TRACE),
        ("nonsense", None),
        ("", None),
        (f"00-{'0' * 32}-{PARENT}-01", None),
        (f"ff-{TRACE}-{PARENT}-01", None),
        (TRACEPARENT + "\xff", None),
        ("x" * 100_000, None),
    ],
)
async def test_a_malformed_header_counts_as_none(value, trace):
    seen = []

    async def app(*_):
        seen.append(current_trace_id())

    headers = [(b"host", b"x"), (b"traceparent", value.encode("latin-1"))]
    await ContinueTrace(app)({"type": "http", "headers": headers}, receive, app)
    assert (*seen, current_trace_id()) == (trace, None)


async def test_what_is_not_http_passes():
    seen = []

    async def app(scope, *_):
        seen.append(scope["type"])

    await ContinueTrace(app)({"type": "lifespan"}, receive, app)
    assert seen == ["lifespan"]
