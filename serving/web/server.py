"""MCP over HTTP: streamable HTTP or SSE, on one socket, under uvicorn."""

import gc
import logging
import math
import socket
from collections.abc import Callable
from types import FrameType
from typing import Final

import uvicorn
from fastmcp import FastMCP
from starlette.types import ASGIApp

from serving.errors import StartError
from serving.settings import Settings
from serving.stop import CLEANUP_SECONDS, leave, leave_within
from serving.web.app import create_app
from serving.web.connections import ImpatientProtocol, allow_connections
from serving.web.listener import base_url, listen

log: Final = logging.getLogger("serving.web.server")

BACKLOG: Final = 64
"""How many connections asyncio accepts at a time, and so how often it complains when descriptors have run out."""


def serve(
    create_server: Callable[[], FastMCP],
    settings: Settings,
    listener: socket.socket | None = None,
    on_start: Callable[[], None] = lambda: None,
) -> None:
    """Serve until SIGINT or SIGTERM arrives, on a socket that listens already if there is one.

    Raises:
        StartError: the address cannot be listened on.
    """
    # Before the tools are imported: a port in use is known at once.
    listener = listener or listen(settings.host, settings.port)
    serve_app(create_app(create_server(), settings), settings, listener, on_start)


def serve_app(
    app: ASGIApp, settings: Settings, listener: socket.socket, on_start: Callable[[], None] = lambda: None
) -> None:
    """Serve an ASGI app until SIGINT or SIGTERM arrives, on a socket that listens already."""
    allow_connections()
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # one line of ours says what it says in four
    config = uvicorn.Config(
        app,
        http=ImpatientProtocol,
        backlog=BACKLOG,
        log_config=None,
        access_log=settings.log_level == "debug",
        ws="none",
        server_header=False,
        proxy_headers=False,  # the app has believed whom it believes
        timeout_graceful_shutdown=math.ceil(settings.drain_seconds) + CLEANUP_SECONDS,
    )
    Server(config, _where(listener, settings), on_start).run(sockets=[listener])


class Server(uvicorn.Server):
    """uvicorn, saying where it answers, and sure to end."""

    def __init__(self, config: uvicorn.Config, where: str, on_start: Callable[[], None] = lambda: None) -> None:
        super().__init__(config)
        self.where = where
        self.on_start = on_start

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        try:
            await super().startup(sockets)
        except SystemExit:
            raise SystemExit(StartError.exit_status) from None  # a lifespan failed, and has been logged
        if not self.should_exit:
            gc.freeze()  # what the start has made stays; to look through it time and again would make calls wait
            self.on_start()
            log.info(self.where)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop; at the second signal at once, where uvicorn would end with the lifespan's traceback."""
        if self.should_exit:
            leave()
        if not self.started:  # else the drain has said so
            leave_within(2 * CLEANUP_SECONDS)
        super().handle_exit(sig, frame)


def _where(listener: socket.socket, settings: Settings) -> str:
    base = base_url(listener)
    metrics = f"{base.rpartition(':')[0]}:{settings.metrics_port}" if settings.metrics_port else base
    return (
        f"MCP on {base}{settings.endpoint}, page on {base}/, probes on {base}/health and {base}/ready, "
        f"metrics on {metrics}/metrics"
    )
