"""The first call need not wait for what the start can do."""

import subprocess
import sys

import anyio
import pytest
from fastmcp import FastMCP

from serving.chassis import chassis
from serving.settings import Settings
from serving.web import warm
from serving.web.app import create_app
from serving.web.warm import warm_up
from tests.support import ROOT, environment

BUILT = """
import asyncio
from serving.sources import import_fastmcp
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


@pytest.fixture
async def started(monkeypatch):
    """How often an app that has started warms up, and its limits."""
    times = []

    async def count():
        times.append(1)

    monkeypatch.setattr(warm, "IDLE_SECONDS", 0.0)
    monkeypatch.setattr(warm, "warm_up", count)
    settings = Settings()
    mcp = FastMCP("test", **chassis(settings))
    app = create_app(mcp, settings)
    async with app.router.lifespan_context(app):
        yield times


async def test_a_server_warms_up_once_it_is_idle(started):
    with anyio.fail_after(10):
        while not started:
            await anyio.lowlevel.checkpoint()


async def test_who_calls_first_is_not_held_up(monkeypatch):
    settings = Settings()
    around = chassis(settings)["middleware"][0]
    limits = next(part.limits for part in around.parts if hasattr(part, "limits"))
    limits.admit().release()
    monkeypatch.setattr(warm, "IDLE_SECONDS", 0.0)

    async def never():
        raise AssertionError

    monkeypatch.setattr(warm, "warm_up", never)
    async with warm.warm_up_when_idle(limits):
        await anyio.wait_all_tasks_blocked()


async def test_a_warm_up_that_fails_is_a_line_in_the_log(monkeypatch, caplog):
    async def broken():
        raise RuntimeError("geheim")

    monkeypatch.setattr(warm, "IDLE_SECONDS", 0.0)
    monkeypatch.setattr(warm, "warm_up", broken)
    settings = Settings()
    mcp = FastMCP("test", **chassis(settings))
    app = create_app(mcp, settings)
    async with app.router.lifespan_context(app):
        with anyio.fail_after(10):
            while "warming up failed" not in caplog.text:
                await anyio.lowlevel.checkpoint()


async def test_it_is_no_call_of_anybodys(caplog):
    caplog.set_level("INFO")
    await warm_up()
    assert "tool call" not in caplog.text
