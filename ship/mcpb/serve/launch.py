"""Run in a bundle's process, by its path: imports the bundle's module and serves its `app` on a socket that listens.

Standard library only, and nothing of ours: a bundle that was made from this template brings its own `serving`. How it
goes is said in one line to whoever has started this: STARTED, NO_APP with the reason, or FAILED with the reason. After
STARTED, connections are accepted once the other end is closed: whoever has answered until then has stopped, so nobody
who is told that this is ready can then be told that it is not.
"""

import asyncio
import ctypes
import importlib
import inspect
import json
import logging
import os
import signal
import socket
import sys
from contextlib import suppress
from functools import partial
from typing import Any

STARTED, NO_APP, FAILED = "started", "no app", "failed"
PROBES = {"/health": {"status": "healthy"}, "/ready": {"status": "ready"}}
_PR_SET_PDEATHSIG = 1


def main(module: str, listener: int, word: int, options: dict[str, Any]) -> int:
    """Serve `module`'s app on the socket with the descriptor `listener`; say to the socket `word` how it goes."""
    with suppress(OSError, AttributeError):  # prctl(2), Linux: ends with who has started this
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != options["parent"]:  # who has ended before that
        return 1
    tell = partial(_tell, word)
    try:
        app = getattr(importlib.import_module(module), "app", None)
        uvicorn = _uvicorn(options["site"])
    except BaseException as error:  # also what ends a process: then it has said why
        if options["debug"]:
            sys.excepthook(*sys.exc_info())
        return tell(FAILED, f"{module} cannot be imported: {type(error).__name__}: {_text(error)}")
    if not _is_asgi(app):
        return tell(NO_APP, f"{module}.app is {type(app).__name__}, which is no ASGI app")

    class Server(uvicorn.Server):  # type: ignore[misc, name-defined]  # whichever it is
        is_serving = False

        async def startup(self, sockets: Any = None) -> None:
            start_app = self.lifespan.startup

            async def start_app_and_wait() -> None:
                await start_app()
                if not self.lifespan.should_exit:
                    tell(STARTED)
                    loop, closed = asyncio.get_running_loop(), asyncio.Event()
                    loop.add_reader(word, closed.set)  # no thread: the app may have taken all of them
                    await closed.wait()
                    loop.remove_reader(word)

            self.lifespan.startup = start_app_and_wait  # what follows it accepts connections
            await super().startup(sockets)
            self.is_serving = not self.should_exit

    given = {
        "log_level": "warning",
        # Whoever has set up logs shall have them as they are.
        **({"log_config": None} if logging.getLogger().handlers else {}),
        "access_log": False,
        "proxy_headers": False,
        "server_header": False,
        "timeout_graceful_shutdown": options["drain_seconds"],
    }
    known = inspect.signature(uvicorn.Config).parameters  # it may be the bundle's, and an old one
    config = uvicorn.Config(Probed(app), **{name: value for name, value in given.items() if name in known})
    server = Server(config)
    try:
        server.run(sockets=[socket.socket(fileno=listener)])
    except SystemExit:  # a lifespan failed
        server.is_serving = False
    return 0 if server.is_serving else tell(FAILED, f"{module}.app does not start: what it said is above")


def _uvicorn(site: str) -> Any:
    """Import the bundle's own uvicorn; where it has none, ours, behind everything else."""
    try:
        return importlib.import_module("uvicorn")
    except ModuleNotFoundError:
        sys.path.append(site)
        return importlib.import_module("uvicorn")


def _is_asgi(app: object) -> bool:
    """Tell an ASGI app (3.0) from whatever else is called app: a command line, a WSGI app, an MCP server."""
    if inspect.isclass(app) or not callable(app):
        return False
    return inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(type(app).__call__)


class Probed:
    """ASGI app: answers `/health` and `/ready` where `app` has none, or keeps them for those with a token."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Let the app answer, unless this has to."""
        is_probe = scope["type"] == "http" and scope["path"] in PROBES and scope["method"] in ("GET", "HEAD")
        refused = False

        async def send_unless_refused(message: dict[str, Any]) -> None:
            nonlocal refused
            if message["type"] == "http.response.start":
                refused = 400 <= message["status"] < 500
            if not refused:
                await send(message)

        await self.app(scope, receive, send_unless_refused if is_probe else send)
        if refused:
            body = json.dumps(PROBES[scope["path"]]).encode()
            headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "and no word of why"


def _tell(descriptor: int, word: str, reason: str = "") -> int:
    with suppress(OSError):  # nobody listens any more
        os.write(descriptor, f"{word}: {reason}".replace("\n", " ")[:1000].encode(errors="backslashreplace") + b"\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), json.loads(sys.argv[4])))
