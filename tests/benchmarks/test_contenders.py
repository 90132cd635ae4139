"""The servers that are compared give the answer that is expected of them; here under this very Python."""

import asyncio
import sys
from pathlib import Path

import pytest

from benchmarks.contenders import ADD, ADD_IN_THREAD, ALL, BARE, CHASSIS, LOWLEVEL, NODE, command
from benchmarks.environments import Environments
from benchmarks.load.driven import drive
from benchmarks.load.job import Job
from benchmarks.load.pipe_client import opened
from benchmarks.plan import Plan
from benchmarks.running import running, workers
from serving.errors import StartError

OURS = Environments(Path(sys.executable), Path(sys.executable), None)


@pytest.fixture
def plan(tmp_path):
    return Plan([1], 1, 1, 0.1, 0, quick=True, environments=OURS, logs=tmp_path, progress=lambda _: None)


def ask(plan, server, era, question):
    job = Job(server.url, (), era, question, greets=True, clients=1, warm_up=0, seconds=30, calls=2)
    return drive(job, plan.logs, server.pid).result


@pytest.mark.parametrize(
    "contender", [one for one in ALL if one is not NODE and not one.uvloop], ids=lambda one: one.name
)
def test_a_server_answers_both_tools_in_both_eras(plan, contender):
    with running(contender, plan) as server:
        for era in contender.eras:
            for question in (ADD, ADD_IN_THREAD):
                result = ask(plan, server, era, question)
                assert (result.calls, result.error) == (2, "")


@pytest.mark.parametrize("contender", [BARE, CHASSIS, LOWLEVEL], ids=lambda one: one.name)
def test_a_server_answers_over_stdio(contender, monkeypatch):
    monkeypatch.setenv("MCP_LOG_LEVEL", "warning")

    async def call():
        async with opened(command(contender, OURS, None), ADD) as asks:
            return await asks()

    assert ADD.expected.encode() in asyncio.run(call())


def test_two_workers_are_both_there_before_they_are_called(plan):
    with workers(CHASSIS, 2, plan) as server:
        assert (plan.logs / "chassis-workers-2.log").read_text().count("startup complete") == 2
        assert ask(plan, server, CHASSIS.eras[0], ADD).calls == 2


def test_a_server_that_ends_at_once_is_said_with_where_to_read_why(plan):
    said = r"bare: expected it to answer, and it has ended \(.*bare.log says more\)"
    with pytest.raises(StartError, match=said), running(BARE, plan, BENCH_TOOLS="many"):
        pass


def test_a_server_for_node_needs_node():
    with pytest.raises(StartError, match=r"expected Node.js"):
        command(NODE, OURS, 1)
