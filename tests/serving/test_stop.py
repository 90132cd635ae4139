"""A stop ends, whatever hangs."""

import signal
import sys

import pytest

from tests.support import SECONDS, copy_of_this_server, program

HANGS = {
    "a lifespan that never opens": """
import sys
import anyio
from fastmcp.server.lifespan import lifespan

@lifespan
async def connect(server):
    print("waiting", file=sys.stderr, flush=True)
    await anyio.sleep_forever()
    yield {}
""",
    "a thread that never ends": """
import sys, threading, time
from fastmcp.server.lifespan import lifespan

@lifespan
async def start(server):
    threading.Thread(target=time.sleep, args=(3600,)).start()
    print("waiting", file=sys.stderr, flush=True)
    yield {}
""",
    "a tool that holds everything back": """
import asyncio, sys, time
from fastmcp.server.lifespan import lifespan

def block():
    print("waiting", file=sys.stderr, flush=True)
    time.sleep(3600)

@lifespan
async def start(server):
    asyncio.get_running_loop().call_later(0.5, block)
    yield {}
""",
}


@pytest.mark.parametrize("tool", HANGS.values(), ids=HANGS)
@pytest.mark.parametrize("transport", ["http", "stdio"])
def test_sigterm_ends_the_process_with_0_in_spite_of(tmp_path, transport, tool):
    copy_of_this_server(tmp_path, {"hanging.py": tool})
    arguments = ("--transport", transport, "--port", "0", "--drain-seconds", "0")
    with program(sys.executable, tmp_path / "server.py", *arguments) as process:
        assert any(line == "waiting\n" for line in process.stderr)
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
