"""Which spans are built: FastMCP's own, unless there is nobody to take them."""

from collections.abc import Iterator
from contextlib import contextmanager

import fastmcp
from opentelemetry import trace


@contextmanager
def spare_spans() -> Iterator[None]:
    """Pass callers' traces on, but build no spans, while there is nobody to take them: they take a tenth of a call.

    Where FASTMCP_TELEMETRY_MODE says what is to be, that is.
    """
    settings = fastmcp.settings
    heard = not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
    if heard or "telemetry_mode" in settings.model_fields_set:
        yield
        return
    settings.telemetry_mode = "propagation_only"
    try:
        yield
    finally:
        settings.telemetry_mode = "native"
        settings.model_fields_set.discard("telemetry_mode")
