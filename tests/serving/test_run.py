"""Starting, whoever starts us, and being stopped before we have."""

import signal
import sys

import pytest

from serving.run import RUNNING, SELDOM
from tests.support import SAMPLE, SECONDS, copy_of_this_server, program, run, serving


def test_a_near_miss_is_pointed_out_once():
    with serving(MCP_PROT="80") as server:
        assert sum("MCP_PROT is not a setting: did you mean MCP_PORT?" in line for line in server.log) == 1


def test_another_server_on_this_chassis_brings_its_own_settings_class():
    code = """if True:
        import sys
        from serving.run import run
        from serving.settings import Settings

        class More(Settings):
            colour: str = "red"

        def create_server(settings):
            sys.exit(f"the colour is {settings.colour}")

        run(create_server, settings=More)
    """
    for given, said in ((("--colour", "blue"), "blue"), ((), "red")):
        with program(sys.executable, "-c", code, "--port", "0", *given) as process:
            assert process.stderr.read() == f"the colour is {said}\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("transport", ["http", "stdio"])
def test_a_signal_while_starting_ends_the_process_with_0(number, transport):
    code = """if True:
        import sys, time
        from serving.run import run

        def create_server(settings):
            print("starting", file=sys.stderr, flush=True)
            time.sleep(3600)

        run(create_server)
    """
    with program(sys.executable, "-c", code, "--port", "0", "--transport", transport) as process:
        assert process.stderr.readline() == "starting\n"
        process.send_signal(number)
        assert process.wait(SECONDS) == 0
        assert process.stderr.read() == ""


@pytest.mark.parametrize("transport", ["http", "stdio"])
def test_garbage_is_looked_for_while_serving_and_hardly_while_starting(transport):
    code = """if True:
        import gc, sys
        from contextlib import asynccontextmanager
        from serving.run import run

        @asynccontextmanager
        async def lifespan(mcp):
            print("serving", gc.get_threshold()[0], gc.get_freeze_count() > 100_000, file=sys.stderr, flush=True)
            yield

        def create_server(settings):
            from fastmcp import FastMCP
            from serving.chassis import chassis
            print("starting", gc.get_threshold()[0], file=sys.stderr, flush=True)
            return FastMCP("x", lifespan=lifespan, **chassis(settings))

        run(create_server)
    """
    with program(sys.executable, "-c", code, "--port", "0", "--transport", transport) as process:
        assert process.stderr.readline() == f"starting {SELDOM[0]}\n"
        assert process.stderr.readline() == f"serving {RUNNING[0]} True\n"


def test_it_is_the_same_for_somebody_elses_runner():
    code = "import gc, tests.app; tests.app.app; print(gc.get_threshold()[0], gc.get_freeze_count() > 100_000)"
    with program(sys.executable, "-c", code) as process:
        assert process.communicate()[0].endswith(f"{RUNNING[0]} True\n")


@pytest.mark.parametrize("transport", ["http", "sse", "stdio"])
@pytest.mark.parametrize("level", ["info", "debug"])
def test_a_lifespan_that_fails_ends_the_start_with_its_place(tmp_path, transport, level):
    tool = """if True:
        from fastmcp.server.lifespan import lifespan

        @lifespan
        async def connect(server):
            raise RuntimeError("hunter2")
            yield {}
    """
    copy_of_this_server(tmp_path, {"broken.py": tool})
    settings = ("--transport", transport, "--port", "0", "--log-level", level)
    result = run(*settings, script=tmp_path / "server.py", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert "tools/broken.py:6 in connect" in result.stderr
    assert ("Traceback" in result.stderr) is ("hunter2" in result.stderr) is (level == "debug")


def test_a_module_builds_its_parts_once_and_hints_once(restore_logging, capsys, monkeypatch):
    from fastmcp import FastMCP

    from serving.chassis import chassis
    from serving.run import build_on_demand

    monkeypatch.setenv("MCP_PROT", "80")
    build = build_on_demand(lambda settings: FastMCP("test", **chassis(settings)))
    assert build("app") is build("app")
    assert build("mcp") is build("mcp")
    assert capsys.readouterr().err.count("MCP_PROT is not a setting") == 1
    with pytest.raises(AttributeError, match="this module has no attribute 'nonsense'"):
        build("nonsense")


def test_a_misspelt_setting_of_authentication_does_not_leave_the_server_open():
    result = run("--port", "0", script=SAMPLE, MCP_AUHT="token")
    assert result.returncode == 2
    assert "MCP_AUHT is not a setting: did you mean MCP_AUTH?" in result.stderr
