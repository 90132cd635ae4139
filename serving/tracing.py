"""Traces: FastMCP's own OpenTelemetry spans continue the caller's trace, and are exported when that is asked for."""

import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, cast

from opentelemetry import context, trace
from opentelemetry.propagate import extract
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.errors import SettingsError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

LONGEST: Final = 256
"""How many characters of a name or value a span keeps."""
FLUSH_SECONDS: Final = 2.0
"""How long a stop waits for a collector to take the last spans."""

_W3C: Final = (b"traceparent", b"tracestate")
_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_COMPLAINERS: Final = ("opentelemetry.exporter.otlp.proto.http.trace_exporter", "opentelemetry.sdk._shared_internal")
"""Who logs each batch that a collector does not take."""
_TELLING: Final = frozenset({"mcp.resource.uri", "mcp.session.id", "exception.message", "exception.stacktrace"})
"""Attributes that quote arguments (a URI those of its template, an exception any) or are as good as a password."""


def current_trace_id() -> str | None:
    """Return the 32 hex digits of the trace that this request belongs to, if it belongs to one."""
    current = trace.get_current_span().get_span_context()
    return trace.format_trace_id(current.trace_id) if current.is_valid else None


class ContinueTrace:
    """ASGI middleware: take the caller's `traceparent` and `tracestate` headers (W3C Trace Context) for our parent.

    A malformed one counts as none. The headers go before a `traceparent` in a message's `_meta`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, within the caller's trace."""
        headers = scope["headers"] if scope["type"] == "http" else ()
        given = {name.decode(): value.decode("latin-1") for name, value in headers if name in _W3C}
        if "traceparent" not in given:
            return await self.app(scope, receive, send)
        token = context.attach(extract(given))
        try:
            await self.app(scope, receive, send)
        finally:
            context.detach(token)


@contextmanager
def export_traces(service: str, version: str, *, details: bool = False) -> Iterator[None]:
    """Export spans over OTLP/HTTP while OTEL_EXPORTER_OTLP_ENDPOINT (or its _TRACES_ twin) says where to.

    The other OTEL_ variables mean what OpenTelemetry's specification says. Without `details`, spans keep to
    themselves what could quote an argument. A collector that is slow or gone costs calls nothing, the log one
    line an outage, and a stop at most `FLUSH_SECONDS`. Does nothing where the process exports traces already.

    Raises:
        SettingsError: an OTEL_ variable that asks for what is not here.
    """
    if not _wanted() or not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        yield
        return
    outage = _OneLineAnOutage()
    provider = _build_provider(service, version, outage, details=details)
    for name in _COMPLAINERS:
        logging.getLogger(name).addFilter(outage)
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        flush = threading.Thread(target=provider.shutdown, daemon=True)  # by itself it would wait for 30 s
        flush.start()
        flush.join(FLUSH_SECONDS)


def _wanted() -> bool:
    """Check the variables that decide about exporting; raise SettingsError for what cannot be had."""
    exporter = os.environ.get("OTEL_TRACES_EXPORTER", "").strip() or "otlp"
    key, endpoint = _first_of(_ENDPOINTS)
    if not endpoint or exporter == "none" or os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    if exporter != "otlp":
        raise SettingsError(f"OTEL_TRACES_EXPORTER={exporter}: expected otlp or none")
    if not endpoint.startswith(("http://", "https://")):
        raise SettingsError(f"{key}={endpoint}: expected a URL like http://collector:4318")
    key, protocol = _first_of(_PROTOCOLS)
    if protocol not in ("", "http/protobuf"):
        raise SettingsError(f"{key}={protocol}: expected http/protobuf (to the collector's port 4318)")
    return True


def _first_of(keys: Sequence[str]) -> tuple[str, str]:
    return next(((key, value) for key in keys if (value := os.environ.get(key, "").strip())), ("", ""))


def _build_provider(service: str, version: str, outage: "_OneLineAnOutage", *, details: bool) -> "TracerProvider":
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import SpanLimits, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    said = OTELResourceDetector().detect().attributes  # goes before what we know
    resource = Resource.create({SERVICE_NAME: service, SERVICE_VERSION: version, **said})
    try:
        limits = SpanLimits(max_attribute_length=LONGEST, max_span_attribute_length=LONGEST)
        provider = TracerProvider(resource=resource, shutdown_on_exit=False, span_limits=limits)
        provider.add_span_processor(cast("SpanProcessor", _ShortNames()))
        export = cast("SpanExporter", _Export(OTLPSpanExporter(), outage, details=details))
        provider.add_span_processor(BatchSpanProcessor(export))
    except ValueError as error:
        raise SettingsError(f"an OTEL_ variable does not fit: {error}") from None
    return provider


class _ShortNames:
    """A SpanProcessor in all but name: the names of spans come from clients, and thousands wait to be exported."""

    def on_start(self, span: "Span", parent_context: Any = None) -> None:
        pass

    def _on_ending(self, span: "Span") -> None:
        pass

    def on_end(self, span: "ReadableSpan") -> None:
        if len(span.name) > LONGEST:  # FastMCP names a span after its start, and nobody may rename one that has ended
            span._name = span.name[:LONGEST]

    def shutdown(self) -> None:
        pass

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True


class _Export:
    """A SpanExporter in all but name: that base class is the SDK's, which is imported only when it is needed."""

    def __init__(self, exporter: "SpanExporter", outage: "_OneLineAnOutage", *, details: bool) -> None:
        self.exporter = exporter
        self.outage = outage
        self.details = details

    def export(self, spans: "Sequence[ReadableSpan]") -> "SpanExportResult":
        result = self.exporter.export(spans if self.details else [_discreet(span) for span in spans])
        if result.name == "SUCCESS":
            self.outage.said = False
        return result

    def shutdown(self) -> None:
        self.exporter.shutdown()


def _discreet(span: "ReadableSpan") -> "ReadableSpan":
    """Copy `span` without what could quote an argument."""
    from opentelemetry.sdk.trace import Event, ReadableSpan

    attributes = dict(span.attributes or {})
    name = span.name
    if attributes.get("mcp.method.name") == "resources/read":  # its key, and a mounted server's span, are the URI
        attributes.pop("fastmcp.component.key", None)
        name = "resources/read"
    return ReadableSpan(
        name=name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=_without_telling(attributes),
        events=[Event(event.name, _without_telling(event.attributes or {}), event.timestamp) for event in span.events],
        links=span.links,
        kind=span.kind,
        status=trace.Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _without_telling(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in attributes.items() if key not in _TELLING}


class _OneLineAnOutage(logging.Filter):
    """Let the first complaint through, and the next one only after an export that went well."""

    said = False

    def filter(self, record: logging.LogRecord) -> bool:
        first, self.said = not self.said, True
        return first
