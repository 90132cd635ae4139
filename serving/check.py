"""The images' health check: `python -m serving.check` ends with 0 when this container's server is well, else with 1.

It runs every few seconds beside the server, so it is standard library only, and next to nothing of it: `http.client`
alone would double what it costs.
"""

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from itertools import pairwise

SECONDS = 2
"""How long the server may take to answer."""


def fault(argv: Sequence[str], environ: Mapping[str, str]) -> str | None:
    """Return what is wrong with the server that was started with `argv` and `environ`, or None.

    Over stdio nobody can ask: such a server is well for as long as it runs.
    """
    where = address(argv, environ)
    if where is None:
        return None
    host, port = where
    # Who listens everywhere is asked right here.
    reachable = {"0.0.0.0": "127.0.0.1", "::": "localhost"}.get(host, host)  # noqa: S104
    try:
        with socket.create_connection((reachable, int(port)), timeout=SECONDS) as connection:
            connection.sendall(b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n")
            answer = connection.makefile("rb").readline(100).decode("latin-1").strip()
    except (OSError, ValueError, OverflowError) as error:
        return f"http://{host}:{port}/health: {error}"
    status = answer.partition(" ")[2]
    return None if status.startswith("200") else f"http://{host}:{port}/health: expected 200, got {answer!r}"


def address(argv: Sequence[str], environ: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the host and port at which such a server listens, None over stdio. An env file is not read."""
    if _setting("transport", ("FASTMCP_TRANSPORT",), "http", argv, environ).lower() == "stdio":
        return None
    host = _setting("host", ("FASTMCP_HOST",), "127.0.0.1", argv, environ)
    port = _setting("port", ("FASTMCP_PORT", "PORT"), "8000", argv, environ)
    return host, port


def _setting(name: str, also: Sequence[str], default: str, argv: Sequence[str], environ: Mapping[str, str]) -> str:
    """Read a setting as `serving.sources` does: the last option, then its variable, then other spellings."""
    given = ""
    for argument, following in pairwise((*argv, "")):
        option, equals, value = argument.partition("=")
        if option == f"--{name}":
            given = value if equals else following
    variables = (environ.get(key) for key in (f"MCP_{name.upper()}", *also))
    return next(filter(None, (given, *variables)), default)


def _arguments_of_the_container() -> list[str]:
    """Return what PID 1 was started with: the server's arguments are among it, behind an init's own."""
    try:
        with open("/proc/1/cmdline", encoding="utf-8") as file:  # noqa: PTH123  pathlib costs as much as the question
            return file.read().split("\0")
    except OSError:
        return []


if __name__ == "__main__":
    sys.exit(fault(_arguments_of_the_container(), os.environ))
