"""From an address to something that answers; and what does not get there: one line, status 1, and no trace."""

import json
import os
import signal
import socket
import stat
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastmcp import Client

from ship.adapter.children import guardian
from ship.archive.unpack import MARK
from tests.ship.adapter.support import TOY, lives
from tests.ship.archive.support import entry, sha256, web, zipped
from tests.ship.mcpb.support import APP, RUNNER, bundle, manifest, running, wait_until
from tests.support import SECONDS, Server, program, run


def waiting(go: Path) -> str:
    """An app whose import takes until this file is there."""
    return f"import os, time\nwhile not os.path.exists({str(go)!r}):\n    time.sleep(0.01)\n{APP}"


def holding(go: Path) -> str:
    """An app that leaves a file beside this one for each call, and answers when this one is there."""
    return f"""
import asyncio, os, tempfile


async def app(scope, receive, send):
    assert scope["type"] == "http"
    tempfile.mkstemp(prefix="call-", dir={str(go.parent)!r})
    while not os.path.exists({str(go)!r}):
        await asyncio.sleep(0.01)
    await send({{"type": "http.response.start", "status": 200, "headers": []}})
    await send({{"type": "http.response.body", "body": b"done"}})
"""


TOY_ARGS = {"command": "python", "args": ["${__dirname}/server.py"], "env": {"WORD": "${user_config.word}"}}
WORD = {"word": {"type": "string", "title": "Word", "description": "A word", "default": "none"}}


def toy(**changes) -> bytes:
    return bundle({"server.py": TOY.read_text()}, **changes)


def seen(server: Server) -> dict:
    return dict(httpx2.get(f"{server.base}/mcp").json())


linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux says which processes descend from another one")


# Its own app


def test_an_app_runs_in_a_process_that_knows_nothing_of_ours(tmp_path):
    content = bundle({"server.py": APP})
    with running(content, tmp_path, MCP_AUDIENCE="x", USER_CONFIG_KEY="hunter2", WEATHER_API_KEY="k") as server:
        found = seen(server)
        folder = tmp_path / "bundle"
        assert found["path"][:2] == [str(folder), str(folder / "deps")]
        assert not {name.partition(".")[0] for name in found["modules"]} & {
            "serving",
            "ship",
            "tools",
            "fastmcp",
            "pydantic",
        }
        assert not [name for name in found["env"] if name.startswith(("BUNDLE_", "USER_CONFIG_"))]
        assert (found["env"]["MCP_AUDIENCE"], found["env"]["WEATHER_API_KEY"]) == ("x", "k")
        assert server.stop() == 0
    assert not folder.exists()


def test_what_is_set_here_goes_before_what_the_manifest_says_but_for_what_every_process_has(tmp_path):
    env = {"REGION": "${user_config.word}", "KEY": "theirs", "HOME": "${__dirname}", "PYTHONPATH": "${__dirname}/lib"}
    server = {"type": "python", "entry_point": "src/server.py", "mcp_config": {"command": "python", "env": env}}
    content = bundle({"src/server.py": APP}, server=server, user_config=WORD)
    with running(content, tmp_path, KEY="ours", USER_CONFIG_WORD="north") as running_server:
        found = seen(running_server)
        folder = str(tmp_path / "bundle")
        assert {name: found["env"][name] for name in ("REGION", "KEY", "HOME")} == {
            "REGION": "north",
            "KEY": "ours",
            "HOME": folder,
        }
        assert found["env"]["PYTHONPATH"].split(":") == [folder, f"{folder}/deps", f"{folder}/lib"]


def test_an_older_layout_with_its_packages_in_deps_runs(tmp_path):
    files = {
        "src/__init__.py": "",
        "deps/greeting/__init__.py": "WORD = 'hi'",
        "src/server.py": f"import greeting\n{APP}",
    }
    with running(bundle(files, entry_point="src/server.py"), tmp_path) as server:
        assert "greeting" in seen(server)["modules"]
        for path, status in {"/health": "healthy", "/ready": "ready"}.items():
            answer = httpx2.get(server.base + path)
            assert (answer.status_code, answer.json()) == (200, {"status": status})


def test_a_slow_import_does_not_look_dead_and_no_question_is_lost_when_it_is_over(tmp_path, unused_port):
    go, base = tmp_path / "go", f"http://127.0.0.1:{unused_port}"
    (tmp_path / "x.mcpb").write_bytes(bundle({"server.py": waiting(go)}))
    given = {"BUNDLE_URL": (tmp_path / "x.mcpb").as_uri(), "BUNDLE_DIR": str(tmp_path / "bundle")}
    with program(sys.executable, RUNNER, "--port", str(unused_port), **given) as process:
        server = Server(process)
        server.wait_for("Starting the bundle's app")
        assert httpx2.get(f"{base}/health").json()["status"] == "healthy"
        unready = httpx2.get(f"{base}/ready")
        assert (unready.status_code, unready.json()["reason"]) == (503, "the bundle's server starts")
        early = httpx2.post(f"{base}/mcp", json={})
        assert (early.status_code, early.headers["retry-after"]) == (503, "2")
        assert early.json()["error"]["code"] == "starting"

        answers: list[int] = []
        over = threading.Event()

        def ask():
            while not over.is_set():
                answers.append(httpx2.get(f"{base}/health").status_code)

        asking = threading.Thread(target=ask)
        asking.start()
        go.touch()
        server.wait_for("MCP on")
        served = len(answers)
        while asking.is_alive() and len(answers) < served + 20:
            assert httpx2.get(f"{base}/ready").status_code == 200
        over.set()
        asking.join()
        assert set(answers) == {200}
        assert len(answers) >= served + 20


@linux
def test_nobody_is_told_that_it_is_ready_while_others_are_still_told_that_it_is_not(tmp_path, unused_port):
    """Who loads is stopped while the app starts: the app does not answer before that has left the socket to it."""
    go, begun, asked = tmp_path / "go", tmp_path / "begun", tmp_path / "asked"
    source = waiting(go).replace("    assert scope", f"    open({str(asked)!r}, 'w')\n    assert scope")
    (tmp_path / "x.mcpb").write_bytes(bundle({"server.py": f"open({str(begun)!r}, 'w')\n{source}"}))
    given = {"BUNDLE_URL": (tmp_path / "x.mcpb").as_uri(), "BUNDLE_DIR": str(tmp_path / "bundle")}
    with program(sys.executable, RUNNER, "--port", str(unused_port), **given) as process:
        server = Server(process)
        wait_until(begun.exists)
        process.send_signal(signal.SIGSTOP)
        go.touch()
        wait_until(asked.exists)  # by its lifespan, which is what comes before the first connection
        with pytest.raises(httpx2.ReadTimeout):
            httpx2.get(f"http://127.0.0.1:{unused_port}/ready", timeout=0.5)
        process.send_signal(signal.SIGCONT)
        server.wait_for("MCP on")
        assert httpx2.get(f"http://127.0.0.1:{unused_port}/ready").status_code == 200
        assert server.stop() == 0


def test_an_app_that_has_taken_all_threads_is_served(tmp_path):
    source = """
import asyncio, threading

over = threading.Event()


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        for _ in range(100):
            asyncio.get_running_loop().run_in_executor(None, over.wait)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        over.set()
        return await send({"type": "lifespan.shutdown.complete"})
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})
"""
    with running(bundle({"server.py": source}), tmp_path) as server:
        assert httpx2.get(server.url, timeout=SECONDS).text == "done"
        assert server.stop() == 0


def test_a_stop_lets_calls_finish_and_leaves_nothing(tmp_path):
    calls = tmp_path / "calls"
    calls.mkdir()
    with running(bundle({"server.py": holding(calls / "go")}), tmp_path) as server:
        with ThreadPoolExecutor() as pool:
            answers = [pool.submit(httpx2.get, server.url, timeout=SECONDS) for _ in range(3)]
            wait_until(lambda: len(list(calls.iterdir())) == 3)
            server.process.send_signal(signal.SIGTERM)
            (calls / "go").touch()
            assert [answer.result().text for answer in answers] == ["done"] * 3
        assert server.stop(0) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["calls", "x.mcpb"]


def test_a_drain_delay_is_kept_for_apps_that_know_of_none(tmp_path):
    with running(bundle({"server.py": APP}), tmp_path, MCP_DRAIN_DELAY="1") as server:
        server.process.send_signal(signal.SIGTERM)
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            assert httpx2.get(f"{server.base}/health").status_code == 200
        assert server.stop(0) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_while_it_loads_leaves_nothing(tmp_path, number):
    (tmp_path / "x.mcpb").write_bytes(bundle({"server.py": waiting(tmp_path / "never")}))
    given = {"BUNDLE_URL": (tmp_path / "x.mcpb").as_uri(), "BUNDLE_DIR": str(tmp_path / "bundle")}
    with program(sys.executable, RUNNER, "--port", "0", **given) as process:
        server = Server(process)
        server.wait_for("Starting the bundle's app")
        assert server.stop(number) == 0
        assert "Traceback" not in "\n".join(server.log)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.mcpb"]


@linux
def test_its_server_ends_with_it_whatever_ends_it(tmp_path):
    source = f"import os\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n{APP}"
    with running(bundle({"server.py": source}), tmp_path) as server:
        pid = int((tmp_path / "pid").read_text())
        server.kill()
        wait_until(lambda: not lives(pid))


async def test_thousands_of_connections_do_not_keep_it_from_starting(tmp_path, unused_port):
    go = tmp_path / "go"
    (tmp_path / "x.mcpb").write_bytes(bundle({"server.py": waiting(go)}))
    given = {"BUNDLE_URL": (tmp_path / "x.mcpb").as_uri(), "BUNDLE_DIR": str(tmp_path / "bundle")}
    with program(sys.executable, RUNNER, "--port", str(unused_port), **given) as process, ExitStack() as connections:
        server = Server(process)
        server.wait_for("Downloading the bundle")
        for _ in range(1200):
            connections.enter_context(socket.create_connection(("127.0.0.1", unused_port)))
        server.wait_for("Starting the bundle's app")
        go.touch()
        server.wait_for("MCP on")
        assert server.stop() == 0


@linux
def test_what_has_left_its_process_group_ends_with_it_as_well(tmp_path):
    pids = tmp_path / "pids"
    pids.mkdir()
    forking = f"""
import os, time
leaving = os.fork() == 0
if leaving:
    os.setsid()
open({str(pids)!r} + "/" + str(os.getpid()), "w").close()
if leaving:
    time.sleep(600)
"""
    with running(bundle({"server.py": forking + APP}), tmp_path) as server:
        wait_until(lambda: len(list(pids.iterdir())) == 2)
        started = [int(path.name) for path in pids.iterdir()]
        assert all(map(lives, started))
        assert server.stop() == 0
    assert not any(map(lives, started))


def test_a_stop_while_it_cleans_up_waits_for_that(tmp_path):
    """A second signal comes when the first one has begun to remove what was unpacked."""
    many = {f"files/{number}": "" for number in range(20_000)}
    (tmp_path / "x.mcpb").write_bytes(bundle({"server.py": waiting(tmp_path / "never"), **many}))
    given = {"BUNDLE_URL": (tmp_path / "x.mcpb").as_uri(), "BUNDLE_DIR": str(tmp_path / "bundle")}
    with program(sys.executable, RUNNER, "--port", "0", **given) as process:
        server = Server(process)
        server.wait_for("Starting the bundle's app")
        process.terminate()
        wait_until(lambda: len(list((tmp_path / "bundle" / "files").glob("*"))) < len(many))
        process.terminate()
        assert server.stop() == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.mcpb"]


# Over stdio


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_a_stdio_server_is_served_in_both_eras(tmp_path, mode):
    content = toy(server={"type": "python", "entry_point": "server.py", "mcp_config": TOY_ARGS}, user_config=WORD)
    with running(content, tmp_path, USER_CONFIG_WORD="north", MCP_CHILD_ENV_OTHER="o", SECRET="s") as server:  # noqa: S106
        async with Client(server.url, mode=mode) as client:
            assert (await client.call_tool("echo", {"message": "hi"})).content[0].text == "Echo: hi"
            env = json.loads((await client.call_tool("environment", {})).content[0].text)
        assert (env["WORD"], env["OTHER"]) == ("north", "o")
        ours = ("BUNDLE_", "MCP_", "USER_CONFIG_", "SECRET")
        assert [name for name in env if name.startswith(ours)] == [guardian.MARK]
        assert server.stop() == 0
    assert not (tmp_path / "bundle").exists()


async def test_an_app_that_is_bound_only_sometimes_is_none_when_it_is_not(tmp_path):
    with running(bundle({"server.py": f"import os\nif not os:\n    app = 1\n{TOY.read_text()}"}), tmp_path) as server:
        async with Client(server.url) as client:
            assert await client.list_tools()


@pytest.mark.parametrize("app", ["print", "object()", "type('Cli', (), {'__call__': print})()"])
async def test_an_app_that_is_none_is_served_over_stdio(tmp_path, app):
    with running(bundle({"server.py": f"app = {app}\n{TOY.read_text()}"}), tmp_path) as server:
        assert [line for line in server.log if "which is no ASGI app" in line]
        async with Client(server.url) as client:
            assert (await client.call_tool("echo", {"message": "hi"})).content[0].text == "Echo: hi"


async def test_a_binary_runs_also_where_its_packer_has_forgotten_that_it_is_one(tmp_path):
    script = f'#!/bin/sh\nexec {sys.executable} -I -S "$(dirname "$0")/toy.py"\n'
    server = {"type": "binary", "entry_point": "bin/toy", "mcp_config": {"command": "${__dirname}/bin/toy"}}
    content = bundle({"bin/toy": script, "bin/toy.py": TOY.read_text()}, server=server)
    with running(content, tmp_path) as running_server:
        async with Client(running_server.url) as client:
            assert (await client.call_tool("echo", {"message": "hi"})).content[0].text == "Echo: hi"


async def test_a_manifest_without_a_command_is_started_as_its_type_says(tmp_path):
    with running(toy(server={"type": "python", "entry_point": "server.py"}), tmp_path) as server:
        async with Client(server.url) as client:
            assert await client.list_tools()


def test_who_wants_tokens_gets_them_asked_for_although_the_bundle_has_an_app(tmp_path):
    content = bundle({"server.py": f"{APP}\nif __name__ == '__main__':\n    exec({TOY.read_text()!r})"})
    with running(content, tmp_path, MCP_AUTH="token", MCP_AUTH_TOKENS="ann=0123456789abcdef") as server:
        assert [line for line in server.log if "the bundle's own app would not ask for it" in line]
        assert httpx2.post(server.url, json={}).status_code == 401
        assert httpx2.get(f"{server.base}/ready").status_code == 200


# What does not run


@pytest.fixture
def failing(tmp_path):
    """Run a bundle, or what `BUNDLE_URL` says, to its end; return the one line that it said."""
    marks = tmp_path / "marks"
    marks.mkdir()

    def failing(content: bytes | None, status: int = 1, lines: int = 1, **variables: str) -> str:
        file = tmp_path / "x.mcpb"
        file.write_bytes(content or b"")
        given = {"BUNDLE_URL": file.as_uri(), "BUNDLE_DIR": str(tmp_path / "bundle")}
        said = {"MCP_PORT": "0", "MCP_LOG_LEVEL": "error", "MCP_LOG_FORMAT": "text"}
        done = run(script=RUNNER, **(given | said | variables))
        assert done.returncode == status, done.stderr
        assert done.stdout == ""
        assert len(done.stderr.splitlines()) == lines, done.stderr
        assert "Traceback" not in done.stderr
        assert "hunter2" not in done.stderr
        assert list(marks.iterdir()) == []
        assert sorted(path.name for path in tmp_path.iterdir()) == ["marks", "x.mcpb"]
        return done.stderr.splitlines()[-1]

    failing.trap = f"open({str(marks / 'ran')!r}, 'w')\n"  # type: ignore[attr-defined]
    return failing


def traps(failing) -> list[tuple[Any, Any]]:
    """The entries of a bundle that would leave a trace if any of it ran."""
    return [("manifest.json", json.dumps(manifest())), ("server.py", failing.trap + APP)]


@pytest.mark.parametrize(
    ("hostile", "reason"),
    [
        (("../../marks/out", "x"), "leads out of the bundle"),
        (("/tmp/marks/out", "x"), "has an absolute path"),
        ((entry("link", stat.S_IFLNK | 0o777), "/etc"), "is a symbolic link"),
        ((entry("device", stat.S_IFCHR | 0o666), ""), "is neither a file nor a folder"),
        (("SERVER.PY", "x"), "is there twice"),
        (("zeros", bytes(5 * 1024**2)), "would become more than 200 times as long"),
    ],
)
def test_a_hostile_archive_ends_it_before_anything_is_run(failing, hostile, reason):
    assert reason in failing(zipped([*traps(failing), hostile]))


def test_an_archive_that_takes_too_much_ends_it(failing):
    content = zipped([*traps(failing), ("random", os.urandom(100_000))])
    assert "(BUNDLE_MAX_UNPACKED_BYTES)" in failing(content, BUNDLE_MAX_UNPACKED_BYTES="100000")
    assert "(BUNDLE_MAX_BYTES)" in failing(content, BUNDLE_MAX_BYTES="100000")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (None, "the bundle has no manifest.json in its topmost folder"),
        ("{", "manifest.json is no JSON"),
        (json.dumps(manifest(entry_point="../../etc/passwd")), "expected a file of the bundle"),
        (json.dumps(manifest(compatibility={"platforms": ["amiga"]})), "the bundle is for amiga"),
        (
            json.dumps(manifest(user_config={"api-key": {"type": "string", "required": True}})),
            "USER_CONFIG_API_KEY: expected",
        ),
    ],
)
def test_a_manifest_that_cannot_be_used_ends_it_before_anything_is_run(failing, said, reason):
    files = [("server.py", failing.trap + APP), *([("manifest.json", said)] if said else [])]
    assert reason in failing(zipped(files))


def test_a_hash_that_does_not_fit_ends_it_before_anything_is_unpacked(failing):
    content = zipped(traps(failing))
    assert f"the bundle has the SHA-256 {sha256(content)}" in failing(content, BUNDLE_SHA256="0" * 64)


def test_the_right_hash_in_any_case_is_accepted(tmp_path):
    content = bundle({"server.py": APP})
    hashed = {"BUNDLE_SHA256": sha256(content).upper(), "BUNDLE_REQUIRE_SHA256": "true"}
    with running(content, tmp_path, **hashed) as server:
        assert seen(server)


@pytest.mark.parametrize(
    ("variables", "status", "reason"),
    [
        ({"BUNDLE_URL": ""}, 1, "BUNDLE_URL is not set: expected where the bundle is"),
        ({"BUNDLE_URL": "http://h.invalid/x"}, 1, "expected https (BUNDLE_ALLOW_HTTP=true allows http)"),
        ({"BUNDLE_URL": "https://ann:hunter2@h.invalid:x/"}, 1, "BUNDLE_URL: expected an address"),
        ({"BUNDLE_URL": "file://[hunter2"}, 1, "BUNDLE_URL: expected an address"),
        ({"BUNDLE_REQUIRE_SHA256": "true"}, 1, "BUNDLE_SHA256 is not set: expected one"),
        ({"BUNDLE_SHA265": "0" * 64}, 2, "BUNDLE_SHA265 is not a setting: did you mean BUNDLE_SHA256?"),
        ({"MCP_BUNDLE_SHA265": "0" * 64}, 2, "MCP_BUNDLE_SHA265 is not a setting: did you mean BUNDLE_SHA256?"),
        ({"BUNDLE_DIR": "/"}, 1, "BUNDLE_DIR=/: expected a folder below another one"),
        ({"BUNDLE_DIR": "/sys/bundle"}, 1, "/sys: expected a folder that can be written to"),
        ({"BUNDLE_SHA256": "abc"}, 2, "BUNDLE_SHA256=abc: expected a value like 64 hexadecimal digits"),
        ({"BUNDLE_SECONDS": "soon"}, 2, "BUNDLE_SECONDS=soon: expected a number above 0, up to 86400"),
        ({"BUNDLE_SERVE": "http"}, 2, "BUNDLE_SERVE=http: expected auto, app or stdio"),
        ({"MCP_TRANSPORT": "stdio"}, 2, "MCP_TRANSPORT=stdio: expected http or sse"),
        ({"MCP_SESSION_CHILDREN": "3"}, 1, "MCP_SESSION_CHILDREN=3: expected MCP_STATELESS=false"),
        ({"BUNDLE_DIR": "/proc/no/such"}, 1, "BUNDLE_DIR=/proc/no/such: expected a folder that can be written to"),
        ({"MCP_HOST": "no.such.host.invalid"}, 1, "cannot listen on no.such.host.invalid"),
    ],
)
def test_a_setting_that_is_missing_or_does_not_fit_ends_it(failing, variables, status, reason):
    assert reason in failing(zipped(traps(failing)), status, **variables)


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "letter.txt").write_text("dear")
    file = tmp_path / "x.mcpb"
    file.write_bytes(bundle({"server.py": APP}))
    for target in (folder, tmp_path / "link"):
        if target != folder:
            target.symlink_to(folder)
        done = run(script=RUNNER, BUNDLE_URL=file.as_uri(), BUNDLE_DIR=str(target), MCP_PORT="0")
        assert done.returncode == 1
        assert "expected a new folder, or one that an earlier run has left" in done.stderr
    assert (folder / "letter.txt").read_text() == "dear"


def test_a_folder_from_which_another_one_runs_is_left_alone(tmp_path):
    with running(bundle({"server.py": APP}), tmp_path) as server:
        given = {"BUNDLE_URL": (tmp_path / "x.mcpb").as_uri(), "BUNDLE_DIR": str(tmp_path / "bundle"), "MCP_PORT": "0"}
        done = run(script=RUNNER, **given)
        assert done.returncode == 1
        assert "expected a new folder, or one that an earlier run has left" in done.stderr
        assert seen(server)


def test_what_an_earlier_run_that_was_killed_has_left_is_replaced(tmp_path):
    for folder in ("bundle", "bundle.part"):
        (tmp_path / folder / "src").mkdir(parents=True)
        (tmp_path / folder / MARK).touch()
        (tmp_path / folder / "old.py").touch()
    with running(bundle({"server.py": APP}), tmp_path) as server:
        assert seen(server)
        assert not (tmp_path / "bundle" / "old.py").exists()
        assert not (tmp_path / "bundle.part").exists()


@pytest.mark.parametrize("answer", ["redirect to a file", "without end", "nothing"])
def test_a_server_that_wants_to_trick_or_tire_us_ends_it(failing, answer):
    def answered(web):
        if answer == "redirect to a file":
            return web.redirect("file:///etc/passwd")
        web.send_response(200)
        web.end_headers()
        try:
            while answer == "without end":
                web.wfile.write(bytes(65536))
            web.rfile.read(1)
        except OSError:
            pass
        return None

    limits = {"BUNDLE_ALLOW_HTTP": "true", "BUNDLE_MAX_BYTES": "1000000"}
    limits |= {"BUNDLE_SECONDS": "1"} if answer == "nothing" else {}
    with web(x=answered) as (url, _):
        said = failing(None, BUNDLE_URL=f"{url}/x", **limits)
    expected = {
        "redirect to a file": "expected an address",
        "without end": "BUNDLE_MAX_BYTES",
        "nothing": "BUNDLE_SECONDS",
    }
    assert expected[answer] in said


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (
            "import no_such_module\napp = 1",
            "server cannot be imported: ModuleNotFoundError: No module named 'no_such_module'",
        ),
        ("raise ValueError('a\\n\\x1b[2Jb')\napp = 1", "server cannot be imported: ValueError: a [2Jb"),
        ("import sys\nsys.exit(3)\napp = 1", "server cannot be imported: SystemExit: 3"),
        ("import os\nos._exit(3)\napp = 1", "its server ended before it served (status 3)"),
        ("import os\nos.kill(os.getpid(), 9)\napp = 1", "its server ended before it served (signal SIGKILL)"),
        pytest.param(
            "import os\nos.kill(os.getpid(), 40)\napp = 1", "its server ended before it served (signal 40)", marks=linux
        ),
        ("raise Exception('\\ud800')\napp = 1", "server cannot be imported: Exception: \\ud800"),
        (
            "import os, time\nos.closerange(3, 100)\ntime.sleep(60)\napp = 1",
            "its server cannot say any more whether it serves",
        ),
        (
            "import os, sys, time\nos.write(int(sys.argv[3]), b'hello\\n')\ntime.sleep(60)\napp = 1",
            "its server cannot say any more whether it serves",
        ),
        ("import time\ntime.sleep(60)\napp = 1", "its server did not start within 1 s (BUNDLE_START_SECONDS)"),
        (
            "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(60)\napp = 1",
            "did not start within 1 s",
        ),
    ],
)
def test_a_server_that_does_not_start_ends_it(failing, source, reason):
    limit = {"BUNDLE_START_SECONDS": "1"} if "did not start" in reason else {}
    assert reason in failing(bundle({"server.py": source}), **limit)


def test_a_server_that_refuses_to_start_ends_it(failing):
    refusing = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})
"""
    assert "server.app does not start" in failing(bundle({"server.py": refusing}), lines=3)


def test_a_server_that_ends_by_itself_ends_it(tmp_path):
    ending = "import os\n\n\nasync def app(scope, receive, send):\n    assert scope['type'] == 'http'\n    os._exit(3)"
    with running(bundle({"server.py": ending}), tmp_path) as server:
        with pytest.raises(httpx2.HTTPError):
            httpx2.get(server.url)
        server.wait_for("bundle toy 1.0.0: its server has ended by itself (status 3)")
        assert server.process.wait(SECONDS) == 1
    assert not (tmp_path / "bundle").exists()


def test_a_stdio_server_that_does_not_start_ends_it(failing):
    assert "expected the program 'no-such-program', and it is not there" in failing(
        toy(server={"type": "node", "entry_point": "server.py", "mcp_config": {"command": "no-such-program"}})
    )
    said = failing(bundle({"server.py": "print('no')\nraise SystemExit(3)"}), BUNDLE_SERVE="stdio")
    assert "toy" in said


def test_an_app_that_is_asked_for_must_be_there_and_do_what_is_asked(failing):
    expected = "BUNDLE_SERVE=app: expected a bundle with an ASGI app that fits the other settings"
    assert expected in failing(bundle({"server.py": "x = 1"}), BUNDLE_SERVE="app")
    assert expected in failing(bundle({"server.py": "app = print"}), BUNDLE_SERVE="app")
    tokens = {"MCP_AUTH": "token", "MCP_AUTH_TOKENS": "ann=0123456789abcdef"}
    assert expected in failing(bundle({"server.py": APP}), BUNDLE_SERVE="app", **tokens)


def test_a_port_that_is_taken_ends_it_before_anything_is_downloaded(failing):
    with socket.create_server(("127.0.0.1", 0)) as taken, web(x=b"") as (url, files):
        port = str(taken.getsockname()[1])
        assert "Address already in use" in failing(
            None, MCP_PORT="", PORT=port, BUNDLE_URL=f"{url}/x", BUNDLE_ALLOW_HTTP="true"
        )
        assert files.asked == []
