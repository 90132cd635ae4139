"""Who is compared: servers with the same tools, each a file of `benchmarks/servers/`."""

from dataclasses import dataclass
from typing import Final

from benchmarks.environments import Environments
from benchmarks.load.messages import HANDSHAKE, MODERN, Question
from serving.errors import StartError


@dataclass(frozen=True)
class Contender:
    """A name in the tables, the server's module, and what is special about it."""

    name: str
    server: str
    uvloop: bool = False
    eras: tuple[str, ...] = (MODERN, HANDSHAKE)


BARE: Final = Contender("bare", "bare")
"""What the others are compared with: FastMCP as its guide has it."""
CHASSIS: Final = Contender("chassis", "chassis")
CHASSIS_UVLOOP: Final = Contender("chassis, uvloop", "chassis", uvloop=True)
PLAIN: Final = Contender("plain", "plain")
LOWLEVEL: Final = Contender("lowlevel", "lowlevel")
RAW: Final = Contender("raw", "raw")
NODE: Final = Contender("node", "node", eras=(HANDSHAKE,))
ALL: Final = (BARE, CHASSIS, CHASSIS_UVLOOP, PLAIN, LOWLEVEL, RAW, NODE)

A: Final = 1_000_000
B: Final = 42
ADD: Final = Question.call("add", {"a": A, "b": B}, f'"text":"{A + B}"')
ADD_IN_THREAD: Final = Question.call("add_in_thread", {"a": A, "b": B}, f'"text":"{A + B}"')


def command(contender: Contender, environments: Environments, port: int | None) -> list[str]:
    """Return its command line, over HTTP on a port or over stdio.

    Raises:
        StartError: it needs Node.js, and there is none.
    """
    told = ["--transport", "stdio"] if port is None else ["--port", str(port)]
    if contender.server == "node":
        if not environments.node:
            raise StartError("PATH: expected Node.js and npm on it")
        return [*environments.node, *told]
    return [python_of(contender, environments), "-m", f"benchmarks.servers.{contender.server}", *told]


def python_of(contender: Contender, environments: Environments) -> str:
    """Return the Python that it runs under."""
    return str(environments.uvloop if contender.uvloop else environments.python)
