"""Answers while a bundle is loaded: alive, not ready, and why; so that a slow import does not look dead."""

import asyncio
import logging
import signal
import socket
import threading
from contextlib import suppress
from typing import Final, Self

import uvicorn
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from serving.answers import refusal
from serving.request_id import IdentifyRequests
from serving.web.connections import ImpatientProtocol, allow_connections

RETRY_SECONDS: Final = 2
"""What a client that asks for anything else is told to wait."""
LAST_SECONDS: Final = 2.0
"""How long the last clients that have connected may take to ask."""


class _PatientServer(uvicorn.Server):
    """uvicorn, which closes connections whose request is still on its way; here they get their answer."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_SECONDS):
                while self.server_state.connections:  # noqa: ASYNC110  each is closed with its answer
                    await asyncio.sleep(0.01)
        await super().shutdown(sockets)


class Front:
    """Serves in a thread, on a socket on which somebody else will listen, too, until it is stopped.

    Each connection is closed with its answer: the next one is then for whoever serves by that time.
    """

    def __init__(self, listener: socket.socket) -> None:
        self._reason = "starting"
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        allow_connections()
        config = uvicorn.Config(
            IdentifyRequests(self._answer),
            http=ImpatientProtocol,
            lifespan="off",
            log_config=None,
            access_log=False,
            ws="none",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=1,
        )
        self._server = _PatientServer(config)
        sockets = [listener.dup()]  # uvicorn closes what it is given
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": sockets}, daemon=True)

    def __enter__(self) -> Self:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
        self._thread.start()  # which gets no signals: they would not wake up whoever waits for them
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def say(self, reason: str) -> None:
        """Give this as the reason why the server is not ready."""
        self._reason = reason

    def stop(self) -> None:
        """Leave the socket to whoever serves now."""
        self._server.should_exit = True
        self._thread.join()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = self._probe(scope["path"]) or refusal(
            503, "starting", f"This server is not ready: {self._reason}", {"Retry-After": str(RETRY_SECONDS)}
        )
        response.headers["Connection"] = "close"
        await response(scope, receive, send)

    def _probe(self, path: str) -> Response | None:
        if path == "/health":
            return JSONResponse({"status": "healthy", "service": "bundle", "version": "unknown"})
        if path == "/ready":
            return JSONResponse({"status": "unready", "reason": self._reason}, status_code=503)
        return None
