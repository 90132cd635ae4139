"""Spans are built for whoever takes them, and for nobody else."""

import sys

import fastmcp

from serving.spans import spare_spans
from tests.support import program


def test_no_spans_are_built_for_nobody():
    modes = [fastmcp.settings.telemetry_mode]
    with spare_spans():
        modes.append(fastmcp.settings.telemetry_mode)
        with spare_spans():  # a second app in the same process
            modes.append(fastmcp.settings.telemetry_mode)
        modes.append(fastmcp.settings.telemetry_mode)
    assert modes == ["native", *["propagation_only"] * 3]
    assert fastmcp.settings.telemetry_mode == "native"


def test_who_has_set_up_opentelemetry_gets_them_and_so_does_who_asks_for_them():
    code = (
        "import sys, fastmcp, opentelemetry.trace as t, serving.spans as ours\n"
        "if len(sys.argv) > 1: t.set_tracer_provider(t.NoOpTracerProvider())\n"
        "with ours.spare_spans(): print(fastmcp.settings.telemetry_mode)"
    )
    for arguments, variables in ((["set up"], {}), ([], {"FASTMCP_TELEMETRY_MODE": "native"})):
        with program(sys.executable, "-c", code, *arguments, **variables) as process:
            assert process.communicate()[0] == "native\n"
