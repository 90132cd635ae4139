"""Each call in its slot, for no longer than it may: over real sockets."""

import anyio
import anyio.lowlevel
import httpx2
import pytest
from fastmcp import Client

from tests.support import post, serving

MODES = ["2026-07-28", "legacy"]


def tool(name, **arguments):
    return {"name": name, "arguments": arguments}


async def until(client, server, number):
    """Wait until so many calls run."""
    with anyio.fail_after(20):
        while f"mcp_calls_in_progress {number}.0" not in (await client.get(f"{server.base}/metrics")).text:
            await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("variables", [{}, {"MCP_JSON_RESPONSE": "true"}])
@pytest.mark.parametrize("name", ["pause", "block"])
async def test_a_call_that_takes_too_long_is_told_on_time_which_and_what(name, variables, mode):
    with serving(MCP_CALL_SECONDS="0.2", **variables) as server:
        async with httpx2.AsyncClient(timeout=20) as client:
            answer = await client.send(post(server.url, mode, "tools/call", tool(name, seconds=600)))
        assert f"{name} took longer than 0.2 s and was given up" in answer.text
        assert '"outcome": "timed_out"' in server.wait_for('"tool call"')


async def test_a_call_over_sse_is_told_on_time_too():
    with serving(MCP_CALL_SECONDS="0.2", MCP_TRANSPORT="sse") as server:
        async with Client(server.url) as client:
            answer = await client.call_tool("block", {"seconds": 600}, raise_on_error=False)
    assert answer.content[0].text == "block took longer than 0.2 s and was given up"


async def test_resources_prompts_and_completions_have_a_time_limit_too():
    with serving(MCP_CALL_SECONDS="0.2") as server:
        async with httpx2.AsyncClient(timeout=20) as client:
            read = await client.send(post(server.url, "legacy", "resources/read", {"uri": "sample://slow"}))
            prompt = await client.send(post(server.url, "legacy", "prompts/get", {"name": "slow_prompt"}))
    assert "took longer than 0.2 s" in read.text
    assert "slow_prompt took longer than 0.2 s" in prompt.text


async def test_a_tools_own_time_limit_wins():
    with serving(MCP_CALL_SECONDS="0.1") as server:
        async with Client(server.url) as client:
            patient = await client.call_tool("patient", {"seconds": 0.3})
            assert patient.data == "done"
    with serving() as server:
        async with Client(server.url) as client:
            impatient = await client.call_tool("impatient", {"seconds": 600}, raise_on_error=False)
    assert impatient.content[0].text == "impatient took longer than 0.1 s and was given up"


@pytest.mark.parametrize("mode", MODES)
async def test_a_call_too_many_is_refused_and_told_when_to_come_back(mode):
    with serving(MCP_MAX_CONCURRENCY="2") as server:
        async with httpx2.AsyncClient(timeout=20) as client, anyio.create_task_group() as tasks:
            answers = []

            async def call():
                answers.append(await client.send(post(server.url, mode, "tools/call", tool("pause", seconds=1))))

            for _ in range(10):
                tasks.start_soon(call)
    refused = [answer for answer in answers if answer.status_code == 503]
    assert len(refused) == 8
    assert all(answer.headers["retry-after"] == "1" for answer in refused)
    assert refused[0].json()["error"]["message"].startswith("the server runs 2 calls")
    assert refused[0].json()["id"] == 1
    assert all("done" in answer.text for answer in answers if answer not in refused)


async def test_a_thread_that_goes_on_after_its_time_keeps_its_slot():
    with serving(MCP_MAX_CONCURRENCY="1", MCP_CALL_SECONDS="0.1") as server:
        async with httpx2.AsyncClient(timeout=20) as client:
            await client.send(post(server.url, "2026-07-28", "tools/call", tool("block", seconds=2)))
            again = await client.send(post(server.url, "2026-07-28", "tools/call", tool("echo", message="hi")))
            assert again.status_code == 503
            await until(client, server, 0)
            again = await client.send(post(server.url, "2026-07-28", "tools/call", tool("echo", message="hi")))
            assert "Echo: hi" in again.text


async def test_as_many_sync_tools_run_at_a_time_as_there_are_slots():
    with serving(MCP_MAX_CONCURRENCY="60") as server:
        many = httpx2.Limits(max_connections=None)
        async with httpx2.AsyncClient(timeout=20, limits=many) as client, anyio.create_task_group() as tasks:

            async def call():
                answer = await client.send(post(server.url, "2026-07-28", "tools/call", tool("meet")))
                assert "all here" in answer.text

            for _ in range(50):
                tasks.start_soon(call)


async def test_over_sse_and_stdio_a_call_too_many_is_a_tool_error():
    with serving(MCP_TRANSPORT="sse", MCP_MAX_CONCURRENCY="1") as server:
        async with Client(server.url) as client, anyio.create_task_group() as tasks:
            answers = []

            async def call():
                answers.append(await client.call_tool("pause", {"seconds": 0.5}, raise_on_error=False))

            tasks.start_soon(call)
            tasks.start_soon(call)
    assert sorted(answer.is_error for answer in answers) == [False, True]
    assert any("the server runs 1 calls" in answer.content[0].text for answer in answers)


async def test_what_a_tool_calls_itself_belongs_to_its_own_call():
    with serving(MCP_MAX_CONCURRENCY="1") as server:
        async with Client(server.url) as client:
            assert (await client.call_tool("relay", {"message": "hi"})).data == "Echo: hi"


@pytest.mark.parametrize("mode", MODES)
async def test_a_client_that_calls_too_often_is_told_to_wait(mode):
    with serving(
        MCP_RATE_LIMIT="2", MCP_AUTH="token", MCP_AUTH_TOKENS="a=aaaaaaaaaaaaaaaa,b=bbbbbbbbbbbbbbbb"
    ) as server:
        async with httpx2.AsyncClient(timeout=20) as client:

            async def call(token):
                request = post(server.url, mode, "tools/call", tool("echo", message="hi"))
                request.headers["authorization"] = f"Bearer {token * 16}"
                return await client.send(request)

            assert [(await call("a")).status_code for _ in range(3)] == [200, 200, 429]
            refused = await call("a")
            assert 0 < int(refused.headers["retry-after"]) <= 30
            assert "more than 2 calls a minute (MCP_RATE_LIMIT)" in refused.text
            assert (await call("b")).status_code == 200


async def test_a_request_that_is_no_call_gives_its_slot_back():
    with serving(MCP_MAX_CONCURRENCY="1") as server:
        async with httpx2.AsyncClient(timeout=20) as client:
            for _ in range(3):
                wrong = post(server.url, "2026-07-28", "tools/call", tool("echo", message="hi"))
                wrong.headers["mcp-method"] = "tools/list"
                assert (await client.send(wrong)).status_code == 400
            right = await client.send(post(server.url, "2026-07-28", "tools/call", tool("echo", message="hi")))
            assert "Echo: hi" in right.text
