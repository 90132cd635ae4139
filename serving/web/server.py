"""MCP over HTTP: streamable HTTP or SSE, on one socket, under uvicorn."""

import gc
import logging
import math
import os
import socket
from collections.abc import Callable
from types import FrameType
from typing import Final

import uvicorn
from fastmcp import FastMCP

from serving.errors import StartError
from serving.settings import Settings
from serving.stop import CLEANUP_SECONDS, leave_within
from serving.web.app import create_app
from serving.web.connections import ImpatientProtocol, allow_connections

log: Final = logging.getLogger("serving.web.server")

BACKLOG: Final = 64
"""How many connections asyncio accepts at a time, and so how often it complains when descriptors have run out."""


def serve(create_server: Callable[[], FastMCP], settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM arrives.

    Raises:
        StartError: the address cannot be listened on.
    """
    allow_connections()
    listener = listen(settings.host, settings.port)  # before the tools are imported: a port in use is known at once
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # one line of ours says what it says in four
    config = uvicorn.Config(
        create_app(create_server(), settings),
        http=ImpatientProtocol,
        backlog=BACKLOG,
        log_config=None,
        access_log=settings.log_level == "debug",
        ws="none",
        server_header=False,
        proxy_headers=False,  # the app has believed whom it believes
        timeout_graceful_shutdown=math.ceil(settings.drain_seconds) + CLEANUP_SECONDS,
    )
    Server(config, _where(listener, settings)).run(sockets=[listener])


class Server(uvicorn.Server):
    """uvicorn, saying where it answers, and sure to end."""

    def __init__(self, config: uvicorn.Config, where: str) -> None:
        super().__init__(config)
        self.where = where

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        try:
            await super().startup(sockets)
        except SystemExit:
            raise SystemExit(StartError.exit_status) from None  # a lifespan failed, and has been logged
        if not self.should_exit:
            gc.freeze()  # what the start has made stays; to look through it time and again would make calls wait
            log.info(self.where)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop; at the second signal at once, where uvicorn would end with the lifespan's traceback."""
        if self.should_exit:
            os._exit(0)
        if not self.started:  # else the drain has said so
            leave_within(2 * CLEANUP_SECONDS)
        super().handle_exit(sig, frame)


def listen(host: str, port: int) -> socket.socket:
    """Listen on `host` and `port`.

    The socket carries its protocol number because asyncio sets TCP_NODELAY, without which a call can take 40 ms,
    only on sockets that do.

    Raises:
        StartError: there is no such host, or the port is taken.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        if os.name == "posix":  # elsewhere it would let two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()  # only now is the port ours; who connects before we serve is kept waiting
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "this is no host name"
        raise StartError(f"cannot listen on {host}:{port}: {reason} (choose another with --host or --port)") from error
    return listener


def _where(listener: socket.socket, settings: Settings) -> str:
    name, port = listener.getsockname()[:2]
    host = f"http://[{name}]" if ":" in name else f"http://{name}"
    base = f"{host}:{port}"
    return (
        f"MCP on {base}{settings.endpoint}, page on {base}/, probes on {base}/health and {base}/ready, "
        f"metrics on {host}:{settings.metrics_port or port}/metrics"
    )
