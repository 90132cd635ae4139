"""Neither 10,000 calls nor 500 sessions that nobody ends leave anything behind."""

import asyncio
from pathlib import Path

import httpx2
import pytest

from tests.ship.adapter.support import adapted, until
from tests.support import HELLO, post

pytestmark = pytest.mark.thorough

MEGABYTE = 1024**2


def resident(pid: int) -> int:
    """The bytes of memory that a process holds."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) * 1024


def children(pid: int) -> set[str]:
    """The processes that a process has started, and those that they have."""
    found = set(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return found.union(*(children(int(child)) for child in found))


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


@pytest.fixture
async def http():
    async with httpx2.AsyncClient(limits=httpx2.Limits(max_connections=8)) as http:
        yield http


async def test_ten_thousand_calls_leave_nothing(http, monkeypatch):
    monkeypatch.setattr("tests.support.SECONDS", 300)
    with adapted() as server:
        pid = server.process.pid
        await http.send(post(server.url, "legacy", "tools/list"))

        async def call(times: int) -> None:
            for _ in range(times):
                answer = await http.send(post(server.url, "legacy", "tools/call", ECHO))
                assert answer.json()["result"]["content"][0]["text"] == "Echo: hi"

        await asyncio.gather(*(call(250) for _ in range(8)))
        before = resident(pid), children(pid), descriptors(pid)
        await asyncio.gather(*(call(1000) for _ in range(8)))
        assert resident(pid) - before[0] < 8 * MEGABYTE
        assert (children(pid), descriptors(pid)) == before[1:]


async def test_five_hundred_dropped_sessions_have_no_more_children_than_may_be(http, monkeypatch):
    monkeypatch.setattr("tests.support.SECONDS", 300)
    with adapted("--stateless", "false", "--session-children", "10") as server:
        pid = server.process.pid
        idle = len(children(pid))
        outcomes, sessions = [], []
        for _ in range(500):
            opened = await http.send(post(server.url, "legacy", "initialize", HELLO))
            sessions.append({"mcp-session-id": opened.headers["mcp-session-id"]})
            request = post(server.url, "legacy", "tools/call", ECHO)
            request.headers.update(sessions[-1])
            outcomes.append("as many as may" in (await http.send(request)).text)
        assert outcomes == [False] * 10 + [True] * 490
        assert len(children(pid)) == idle + 10
        for session in sessions:
            await http.delete(server.url, headers={**session, "mcp-protocol-version": "2025-11-25"})
        await until(lambda: len(children(pid)) == idle)


async def test_five_hundred_dropped_sessions_that_share_have_one_child(http, monkeypatch):
    monkeypatch.setattr("tests.support.SECONDS", 300)
    with adapted("--stateless", "false") as server:
        pid = server.process.pid
        before = children(pid)
        for _ in range(500):
            assert (await http.send(post(server.url, "legacy", "initialize", HELLO))).is_success
        assert children(pid) == before


ECHO = {"name": "echo", "arguments": {"message": "hi"}}
