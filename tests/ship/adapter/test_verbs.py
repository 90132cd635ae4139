"""What README.md here says to type, as it is typed."""

import json

import httpx2

from tests.ship.adapter.support import ADAPTER, toy
from tests.support import INSTALLED, ROOT, Server, program, run


def test_make_adapter_runs_a_command():
    words = (f"COMMAND={toy()}", "ARGS=--root 'a b'")
    with program("make", *INSTALLED, "adapter", *words, MCP_PORT="0") as process:
        server = Server(process)
        base = server.wait_for("MCP on ").split("MCP on ")[1].partition("/mcp,")[0]
        answer = httpx2.post(f"{base}/mcp/execute", json={"tool": "folder"})
        assert json.loads(answer.json()["result"])["argv"] == ["--root", "a b"]
        process.terminate()
        process.wait(20)


def test_what_is_in_a_folder_is_found_out(tmp_path):
    for name in ("pyproject.toml", "server.py"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    found = json.loads(run("detect", ".", script=ADAPTER, cwd=tmp_path).stdout)
    assert found["runtime"] == "python"
    assert "pyproject.toml" in found["why"]


def test_without_anything_the_command_line_says_what_is_missing():
    ended = run(script=ADAPTER)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "MCP_PACKAGE is not set" in ended.stderr
