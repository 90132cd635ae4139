"""Starting, whoever starts us, and being stopped before we have."""

import signal
import sys

import pytest

from tests.support import SECONDS, program, serving


def test_a_near_miss_is_pointed_out_once():
    with serving(MCP_PROT="80") as server:
        assert sum("MCP_PROT is not a setting: did you mean MCP_PORT?" in line for line in server.log) == 1


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


def test_a_module_builds_its_parts_once_and_hints_once(restore_logging, capsys, monkeypatch):
    from fastmcp import FastMCP

    from serving.run import build_on_demand

    monkeypatch.setenv("MCP_PROT", "80")
    build = build_on_demand(lambda settings: FastMCP("test"))
    assert build("app") is build("app")
    assert build("mcp") is build("mcp")
    assert capsys.readouterr().err.count("MCP_PROT is not a setting") == 1
    with pytest.raises(AttributeError, match="this module has no attribute 'nonsense'"):
        build("nonsense")
