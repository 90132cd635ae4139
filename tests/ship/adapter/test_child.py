"""The conversation with one child, and the pool of several, without a server around."""

import asyncio
import os
import sys
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from mcp.shared.exceptions import MCPError

from serving.errors import StartError
from ship.adapter.children import child as conversation
from ship.adapter.children import pool as supervision
from ship.adapter.children.child import Child
from ship.adapter.children.exchange import ChildGoneError
from ship.adapter.children.pool import Pool
from ship.adapter.children.program import Program
from ship.adapter.children.wire import result_of
from tests.ship.adapter.support import TOY, until


def program(*behaviour: str) -> Program:
    argv = (sys.executable, "-I", "-S", str(TOY), *behaviour)
    return Program("custom", "toy", argv, None, {"PATH": os.environ["PATH"]})


@asynccontextmanager
async def talking(*, shared: bool = True):
    changes: list[dict] = []
    child = Child(program(), shared=shared, on_change=changes.append)
    await child.start({})
    try:
        yield child
    finally:
        await child.stop()


async def welcome(child: Child) -> None:
    pass


def tool(name, **arguments):
    return {"name": name, "arguments": arguments}


async def text(child, name, **arguments):
    return (await child.request("tools/call", tool(name, **arguments)))["content"][0]["text"]


async def test_pages_are_read_to_the_last():
    async with talking() as child:
        listed = [one async for one in child.pages("tools/list", "tools")]
        assert (listed[0]["name"], listed[-1]["name"]) == ("echo", "meta")
        assert len(listed) > 20


async def test_an_error_of_the_child_is_its_own_words():
    async with talking() as child:
        with pytest.raises(MCPError, match="no such tool: nothing"):
            await text(child, "nothing")


async def test_the_progress_tokens_of_two_clients_do_not_meet():
    async with talking() as child:
        params = {**tool("steps", count=1), "_meta": {"progressToken": 1}}
        exchanges = [child.begin("tools/call", params) for _ in range(2)]
        tokens = set()
        for exchange in exchanges:
            while "method" in (message := await exchange.next()):
                if message["method"] == "notifications/progress":
                    tokens.add(message["params"]["progressToken"])
        assert tokens == {exchange.number for exchange in exchanges}


async def test_a_question_in_one_of_two_calls_is_put_to_nobody():
    async with talking() as child:
        hanging = child.begin("tools/call", tool("hang"))
        assert "of whose call this is cannot be told" in await text(child, "form", question="your card number?")
        hanging.abandon()


async def test_a_call_that_was_given_up_may_still_be_who_asks():
    async with talking() as child:
        late = child.begin("tools/call", tool("ask_late"))
        other = child.begin("tools/call", tool("hang"))
        late.abandon()
        while late in child._exchanges:  # it asks when it is cancelled, is told that nobody can be, and ends
            await text(child, "echo", message="hi")
        other.abandon()
        assert "method" not in await other.next()


async def test_in_a_child_of_its_own_every_question_is_for_its_client():
    async with talking(shared=False) as child:
        hanging = child.begin("tools/call", tool("hang"))
        asking = child.begin("tools/call", tool("form", question="who?"))
        question = await asking.next()
        assert question["method"] == "elicitation/create"
        asking.answer(question, {"result": {"action": "decline"}})
        assert "decline" in result_of(await asking.next())["content"][0]["text"]
        hanging.abandon()


async def test_a_call_that_nobody_answers_is_given_up_after_its_time():
    async with talking() as child:
        exchange = child.begin("tools/call", tool("hang"))
        told = asyncio.Event()
        exchange.expire(0.05, told.set)
        await told.wait()
        assert exchange.abandoned
        assert await text(child, "cancelled") == f"[{exchange.number}]"


async def test_a_child_that_does_nothing_any_more_is_ended(monkeypatch):
    monkeypatch.setattr(conversation, "HANG_SECONDS", 0.3)
    async with talking() as child:
        exchange = child.begin("tools/call", tool("block"))
        exchange.abandon()
        with pytest.raises(ChildGoneError):
            await child.request("tools/call", tool("echo", message="hi"))
        assert "ended by signal 9" in await child.ended()


async def test_a_child_that_only_takes_long_is_left_alone(monkeypatch):
    monkeypatch.setattr(conversation, "HANG_SECONDS", 0.1)
    async with talking() as child:
        child.begin("tools/call", tool("hang")).abandon()
        await child._checking
        assert await text(child, "echo", message="hi") == "Echo: hi"


async def test_a_child_that_says_nothing_does_not_start():
    silent = replace(program("say nothing"), start_seconds=0.3)
    with pytest.raises(StartError, match=r"toy did not answer within 0.3 s"):
        await Child(silent, shared=True, on_change=print).start({})


async def test_a_program_that_is_not_there_does_not_start():
    nothing = Program("custom", "nothing", ("/no/such/program",), None, {})
    with pytest.raises(StartError, match="cannot start /no/such/program: No such file or directory"):
        await Child(nothing, shared=True, on_change=print).start({})


async def test_the_pool_picks_who_has_the_least_to_do():
    pool = Pool(program(), 3, on_change=print, on_return=welcome)
    async with pool.run():
        busy = [pool.pick()]
        for _ in range(2):
            busy[-1].begin("tools/call", tool("hang"))
            busy.append(pool.pick())
        assert len(set(busy)) == 3
    with pytest.raises(ChildGoneError):
        pool.pick()


async def test_one_child_of_many_that_cannot_start_ends_them_all():
    pool = Pool(program("crash at start"), 3, on_change=print, on_return=welcome)
    with pytest.raises(StartError, match="cannot find my toys"):
        async with pool.run():
            pass


async def test_a_program_that_is_gone_for_a_moment_is_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr(supervision, "FIRST_PAUSE_SECONDS", 0.05)
    script = tmp_path / "server"
    script.write_text(f"#!{sys.executable} -IS\n" + TOY.read_text())
    script.chmod(0o755)
    pool = Pool(Program("custom", "toy", (str(script),), None, {}), 1, on_change=print, on_return=welcome)
    async with pool.run():
        script.rename(tmp_path / "away")
        pool.pick().begin("tools/call", tool("crash"))
        await until(lambda: "cannot be started" in pool._why_none)
        (tmp_path / "away").rename(script)
        await until(lambda: pool._living)
        assert await text(pool.pick(), "echo", message="hi") == "Echo: hi"


async def test_a_start_that_nobody_waits_for_any_more_leaves_nothing():
    child = Child(program("say nothing"), shared=False, on_change=print)
    start = asyncio.create_task(child.start({}))
    await until(lambda: hasattr(child, "_process"))
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert child._process.exited.done()


async def test_what_has_ended_is_not_ended_again(monkeypatch):
    async with talking() as child:
        await child.stop()
        monkeypatch.setattr(os, "killpg", lambda *_: pytest.fail("its number may be somebody else's by now"))
        await child.stop()


async def test_a_log_line_while_a_call_was_given_up_is_for_nobody():
    async with talking() as child:
        late = child.begin("tools/call", tool("log_late"))
        other = child.begin("tools/call", tool("hang"))
        late.abandon()
        while late in child._exchanges:
            await text(child, "echo", message="hi")
        other.abandon()
        assert "method" not in await other.next()


async def test_a_question_that_waits_for_its_answer_elsewhere_keeps_nobody_from_asking():
    async with talking() as child:
        parked = child.begin("tools/call", tool("form", question="yours?"))
        await parked.next()
        parked.expire(60, lambda: None)
        asking = child.begin("tools/call", tool("form", question="and yours?"))
        assert (await asking.next())["params"]["message"] == "and yours?"
        asking.abandon()
        parked.abandon()


async def test_a_child_that_asks_without_reading_is_ended(monkeypatch):
    monkeypatch.setattr(conversation, "MOST_UNREAD_BYTES", 100_000)
    child = Child(program("ask without reading"), shared=True, on_change=print)
    await child.start({})
    async with asyncio.timeout(20):
        assert "ended by signal 9" in await child.ended()


@pytest.mark.parametrize("behaviour", ["close input", "close output"])
async def test_a_child_with_whom_nobody_can_talk_any_more_is_ended(behaviour):
    child = Child(program(behaviour), shared=True, on_change=print)
    await child.start({})
    with pytest.raises(ChildGoneError):
        await asyncio.wait_for(child.request("tools/call", tool("hang")), 20)
    await child.ended()


async def test_a_list_that_changes_while_it_is_read_is_read_again():
    async with talking() as child:
        lists = child.lists
        await child.request("tools/call", tool("grow"))
        assert child.lists is not lists


async def test_what_is_asked_while_nobody_calls_is_answered_with_an_error():
    child = Child(program("ask at start"), shared=True, on_change=print)
    await child.start({})
    await until(lambda: child._process.last_lines)
    assert list(child._process.last_lines) == ["of whose call this is cannot be told"]
    await child.stop()
