"""Children that misbehave: their calls get a clear error, they are started again, and nothing of them stays."""

import asyncio
import os
import shlex
import signal
import sys

import httpx2
import pytest
from fastmcp import Client
from fastmcp.exceptions import ToolError

from serving.settings import Settings
from tests.ship.adapter.support import ADAPTER, adapted, called, lives, ready, toy, until
from tests.support import SERVER, post, run


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        ("crash at start", "ended with status 3: cannot find my toys"),
        ("exit 0 at once", "ended with status 0, and said nothing about it"),
    ],
)
def test_a_child_that_cannot_start_ends_the_adapter_with_its_last_words(behaviour, why):
    ended = run("--port", "0", script=ADAPTER, MCP_COMMAND=toy(behaviour))
    assert ended.returncode == 1
    assert why in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr


def test_over_stdio_too():
    ended = run("--transport", "stdio", script=ADAPTER, MCP_COMMAND=toy("crash at start"))
    assert ended.returncode == 1
    assert "cannot find my toys" in ended.stderr
    assert ended.stdout == ""


async def test_a_crash_in_a_call_is_a_clear_error_and_the_next_child_answers():
    with adapted("--log-level", "info") as server:
        async with Client(server.url) as client:
            before = await called(client, "pid")
            waiting = asyncio.create_task(client.call_tool("hang", {}))
            await until(lambda: "\nmcp_calls_in_progress 1.0\n" in httpx2.get(f"{server.base}/metrics").text)
            with pytest.raises(ToolError, match="ended with status 7 during this call: try again"):
                await client.call_tool("crash", {})
            with pytest.raises(ToolError, match="ended with status 7 during this call: try again"):
                await waiting
            await until(lambda: ready(server)[0] == 200)
            assert await called(client, "pid") != before
        assert server.stop() == 0
    assert '"message": "about to crash"' in "".join(server.log)
    assert '"outcome": "unavailable"' in "".join(server.log)


async def test_while_no_child_lives_it_is_not_ready_and_says_so_to_everyone(tmp_path):
    with adapted(command=toy("crash again", str(tmp_path / "mark"))) as server:
        assert ready(server) == (200, "")
        (tmp_path / "mark").touch()
        async with Client(server.url) as client, httpx2.AsyncClient() as http:
            with pytest.raises(ToolError):
                await client.call_tool("crash", {})
            status, why = ready(server)
            assert (status, "status 7 and is started again" in why) == (503, True)
            with pytest.raises(ToolError, match="is started again: try again in"):
                await client.call_tool("echo", {"message": "hi"})
            answer = await http.post(
                f"{server.base}/mcp/execute", json={"tool": "echo", "arguments": {"message": "hi"}}
            )
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
            listed = await http.send(post(server.url, "legacy", "tools/list"))
            assert "is started again" in listed.text
            assert (await http.get(f"{server.base}/health")).status_code == 200
            (tmp_path / "mark").unlink()
            await until(lambda: ready(server) == (200, ""))
            assert await called(client, "echo", message="hi") == "Echo: hi"


async def test_what_is_not_of_the_protocol_is_logged_and_skipped():
    with adapted("--log-level", "info", command=toy("talk first")) as server:
        async with Client(server.url) as client:
            assert await called(client, "garbage") == "and yet an answer"
        server.stop()
    log = "".join(server.log)
    assert "not of the protocol, skipped: Welcome to the toy server!" in log
    assert log.count("not of the protocol, skipped") == 5


async def test_a_flood_on_stderr_is_counted_and_not_logged_whole():
    with adapted("--log-level", "info") as server:
        async with Client(server.url) as client:
            assert await called(client, "flood", lines=50_000) == "flooded"
            assert await called(client, "echo", message="hi") == "Echo: hi"
        server.stop()
    lines = [line for line in server.log if '"message": "line ' in line]
    assert 1 <= len(lines) <= 1000


async def test_a_message_longer_than_any_limit_is_refused_and_the_next_call_works():
    with adapted("--max-result-bytes", "1000000") as server:
        async with Client(server.url) as client:
            with pytest.raises(ToolError, match="MCP_MAX_RESULT_BYTES"):
                await client.call_tool("heavy", {"size": 2_000_000})
            assert len(await called(client, "heavy", size=900_000)) == 900_000


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
async def test_nothing_survives_the_adapter_not_even_what_a_deaf_child_has_started(number):
    with adapted(command=toy("deaf")) as server:
        async with Client(server.url) as client:
            pids = [await called(client, "pid")]
            pids += [await called(client, "spawn", detached=detached) for detached in (False, True)]
            assert all(map(lives, pids))
        assert server.stop(number) == (-9 if number == signal.SIGKILL else 0)
        await until(lambda: not any(map(lives, pids)))


async def test_a_stop_waits_for_the_calls_of_the_child():
    with adapted() as server:
        async with Client(server.url) as client:
            await client.list_tools()
            call = asyncio.create_task(client.call_tool("pause", {"seconds": 1}))
            await until(lambda: "mcp_calls_in_progress 1.0" in httpx2.get(f"{server.base}/metrics").text)
            server.process.send_signal(signal.SIGTERM)
            assert (await call).content[0].text == "done"
        assert server.process.wait(20) == 0


@pytest.mark.parametrize("way", ["long", "short"])
async def test_what_is_not_of_the_protocol_is_not_passed_on(way):
    with adapted() as server:
        async with Client(server.url) as client:
            if way == "short":
                assert "odd" not in [tool.name for tool in await client.list_tools()]
            with pytest.raises(ToolError, match="answered with what is no result"):
                await client.call_tool("nonsense", {})


async def test_nothing_survives_a_child():
    with adapted() as server:
        async with Client(server.url) as client:
            pids = [await called(client, "spawn", detached=detached) for detached in (False, True)]
            with pytest.raises(ToolError):
                await client.call_tool("crash", {})
            await until(lambda: not any(map(lives, pids)))


async def test_the_child_sees_what_it_may_and_no_secret_of_ours():
    secrets = {"MCP_AUTH_TOKENS": "ann=" + "t" * 40, "MCP_REQUEST_STATE_KEYS": "k" * 40, "OPENAI_API_KEY": "sk-1"}
    given = {"MCP_CHILD_ENV_TOKEN": "theirs", "MCP_CHILD_ENV": "REGION", "REGION": "eu"}
    with adapted(MCP_AUTH="token", **secrets, **given) as server:
        async with Client(server.url, auth="t" * 40) as client:
            seen = await called(client, "environment")
    assert (seen["TOKEN"], seen["REGION"], seen["PATH"]) == ("theirs", "eu", os.environ["PATH"])
    assert not [name for name in seen if name.startswith(("MCP_", "FASTMCP_")) and name != "MCP_ADAPTER_MARK"]
    assert not set(secrets.values()) & set(seen.values())


async def test_arguments_and_folder_reach_it(tmp_path):
    with adapted(MCP_ARGS="--root 'a b' \"c\"", MCP_CWD=str(tmp_path)) as server:
        async with Client(server.url) as client:
            assert await called(client, "folder") == {"cwd": str(tmp_path), "argv": ["--root", "a b", "c"]}


async def test_the_first_line_says_what_runs_and_no_secret():
    with adapted("--log-level", "info", command=toy() + " --token geheim", MCP_ARGS="--key auchgeheim") as server:
        server.stop()
    assert f"Starting custom command: {sys.executable} ..." in server.log[0]
    assert "geheim" not in "".join(server.log)


async def test_our_own_server_runs_behind_it():
    command = shlex.join([sys.executable, str(SERVER), "--transport", "stdio"])
    with adapted(command=command, MCP_CHILD_ENV_MCP_ENV_FILE=os.devnull) as server:
        async with Client(server.url) as client:
            assert await client.list_tools()


async def test_rest_page_and_probes_know_the_child():
    with adapted() as server:
        async with httpx2.AsyncClient(base_url=server.base) as http:
            assert (await http.get("/health")).json()["version"] == "1.2.3"
            page = (await http.get("/", headers={"accept": "application/json"})).json()
            assert (page["version"], page["runtime"]) == ("1.2.3", "custom")
            counted = (await http.get("/ready")).json()
            assert (counted["tools_count"] > 20, counted["resources_count"]) == (True, 1)
            answer = await http.post("/mcp/execute", json={"tool": "echo", "arguments": {"message": "hi"}})
            assert answer.json()["result"] == {"result": "hi"}


async def test_a_token_is_asked_for_as_everywhere():
    with adapted(MCP_AUTH="token", MCP_AUTH_TOKENS="ann=" + "t" * 40) as server:
        async with httpx2.AsyncClient() as http:
            assert (await http.send(post(server.url, "legacy", "tools/call", {"name": "echo"}))).status_code == 401
        async with Client(server.url, auth="t" * 40) as client:
            assert await called(client, "echo", message="hi") == "Echo: hi"


def test_settings_of_the_chassis_are_settings_of_the_adapter():
    shown = run("--help", script=ADAPTER).stdout
    for name in (*Settings.model_fields, "package", "session_children"):
        assert f"MCP_{name.upper()}" in shown
