"""The first call need not wait for what the start can do."""

import subprocess
import sys
from contextlib import asynccontextmanager

import anyio
from fastmcp import FastMCP

from serving.calls.limits import Limits
from serving.chassis import chassis
from serving.settings import Settings
from serving.web import warm
from serving.web.app import create_app
from tests.support import ROOT, environment, program

BUILT = """
import asyncio
from serving.first_import import import_fastmcp
import_fastmcp()
from mcp_types import CallToolRequestParams, CallToolResult
from serving.web.warm import warm_up
print(CallToolResult.__pydantic_complete__)
asyncio.run(warm_up())
print(CallToolRequestParams.__pydantic_complete__, CallToolResult.__pydantic_complete__)
"""


def test_it_has_the_validators_built_that_the_start_has_put_off():
    found = subprocess.run(
        [sys.executable, "-c", BUILT], cwd=ROOT, env=environment(), capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == ["False", "True", "True"]


@asynccontextmanager
async def started(monkeypatch, warm_up):
    """An app that warms up with this as soon as it is idle."""
    monkeypatch.setattr(warm, "IDLE_SECONDS", 0.0)
    monkeypatch.setattr(warm, "warm_up", warm_up)
    settings = Settings()
    app = create_app(FastMCP("test", **chassis(settings)), settings)
    async with app.router.lifespan_context(app):
        yield


async def test_a_server_warms_up_once_it_is_idle(monkeypatch):
    warmed = anyio.Event()

    async def note():
        warmed.set()

    async with started(monkeypatch, note):
        with anyio.fail_after(10):
            await warmed.wait()


async def test_who_calls_first_is_not_held_up(monkeypatch):
    warmed = []

    async def note():
        warmed.append(1)

    monkeypatch.setattr(warm, "IDLE_SECONDS", 0.0)
    monkeypatch.setattr(warm, "warm_up", note)
    for called in (True, False):
        limits = Limits(Settings())
        if called:
            limits.admit().release()
        async with warm.warm_up_when_idle(limits):
            await anyio.wait_all_tasks_blocked()
        assert bool(warmed) is not called


async def test_a_warm_up_that_fails_is_a_line_in_the_log(monkeypatch, caplog):
    async def broken():
        raise RuntimeError("geheim")

    async with started(monkeypatch, broken):
        with anyio.fail_after(10):
            while "warming up failed" not in caplog.text:
                await anyio.lowlevel.checkpoint()


def test_nobody_is_told_of_its_calls():
    code = """if True:
        import asyncio
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        from fastmcp import Client, FastMCP
        from serving.web.warm import warm_up

        spans = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(spans))
        trace.set_tracer_provider(provider)
        asyncio.run(warm_up())
        print(len(spans.get_finished_spans()))

        async def call():
            mcp = FastMCP("other")
            mcp.tool(lambda: 1, name="one")
            async with Client(mcp) as client:
                await client.call_tool("one")

        asyncio.run(call())
        print(len(spans.get_finished_spans()) > 0)
    """
    with program(sys.executable, "-c", code) as process:
        assert process.communicate()[0].split() == ["0", "True"]
