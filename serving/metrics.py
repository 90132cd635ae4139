"""Prometheus metrics: how many calls, how they ended, how long they took, and what the process uses."""

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer
from typing import Final

import anyio
import anyio.to_thread
import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from serving.errors import SettingsError, StartError

log: Final = logging.getLogger("serving.metrics")

PATH: Final = "/metrics"
UNKNOWN: Final = "(unknown)"
"""The label of every tool that does not exist: a caller must not be able to make series."""
BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""Seconds."""
SCRAPE_SECONDS: Final = 5
"""How long a scraper on a port of its own may keep us waiting."""
POLL_SECONDS: Final = 0.1
"""How often that port looks whether it is to close."""

_FOLDER: Final = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
_SHARED: Final = bool(_FOLDER)
"""Whether the workers of one `uvicorn --workers N` count together; Prometheus' client reads the variable on import."""

if _FOLDER and not Path(_FOLDER).is_dir():
    raise SettingsError(f"PROMETHEUS_MULTIPROC_DIR={_FOLDER}: expected an empty folder for the workers to count in")

prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more for each, which nobody reads
_registry: Final = CollectorRegistry()  # not the library's global one: what other code registers is its own affair
_own: Final = None if _SHARED else _registry

_calls: Final = Counter("mcp_tool_calls", "Tool calls by how they ended.", ("tool", "outcome"), registry=_own)
_duration: Final = Histogram(
    "mcp_tool_duration_seconds", "How long tool calls took.", ("tool",), registry=_own, buckets=BUCKETS
)
calls_in_progress: Final = Gauge(
    "mcp_calls_in_progress", "Calls that are running now.", registry=_own, multiprocess_mode="livesum"
)
"""Whoever counts calls says `inc()` and `dec()`; `set_function()` does not work with several workers."""

_refused: Final = Counter("mcp_requests_refused", "HTTP requests that were refused.", ("code",), registry=_own)

PlatformCollector(registry=_registry)
if _SHARED:
    MultiProcessCollector(_registry)  # type: ignore[no-untyped-call]
else:
    ProcessCollector(registry=_registry)  # with several workers it would describe whichever one answers


def record_call(tool: str | None, outcome: str, seconds: float) -> None:
    """Count a tool call that has ended; `tool` is None when there is no such tool."""
    _calls.labels(tool or UNKNOWN, outcome).inc()
    _duration.labels(tool or UNKNOWN).observe(seconds)


def record_refusal(code: str) -> None:
    """Count an HTTP request that was refused; `code` is the word in its answer."""
    _refused.labels(code).inc()


def metrics_route() -> Route:
    """Build `GET /metrics`: Prometheus' text format, or OpenMetrics for those who accept it."""
    # A hundred tools take 10 ms, so not in the event loop; nor in the threads that sync tools may have used up.
    one_at_a_time = anyio.CapacityLimiter(1)

    async def metrics(request: Request) -> Response:
        accept = request.headers.get("accept", "")
        body, kind = await anyio.to_thread.run_sync(_expose, accept, limiter=one_at_a_time)
        return Response(body, headers={"Content-Type": kind, "Cache-Control": "no-store"})

    return Route(PATH, metrics)


@contextmanager
def serve_metrics(host: str, port: int) -> Iterator[int]:
    """Answer `GET /metrics` on a port of its own, from a thread, and yield that port.

    Raises:
        StartError: the address cannot be listened on.
    """
    try:
        server = _Server(host, port)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "this is no host name"
        raise StartError(f"MCP_METRICS_PORT={port}: cannot listen on {host}:{port}: {reason}") from error
    thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), name="metrics", daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _expose(accept: str) -> tuple[bytes, str]:
    try:
        encode, kind = choose_encoder(accept)
    except TypeError:  # the library cannot compare a version that is no number
        encode, kind = choose_encoder("")
    return encode(_registry), kind


class _Server(ThreadingTCPServer):
    """One thread a scrape, so that a slow one keeps nobody waiting."""

    allow_reuse_address = os.name == "posix"  # elsewhere it would let two servers share a port
    allow_reuse_port = _SHARED  # any of the workers can answer for all
    daemon_threads = True

    def __init__(self, host: str, port: int) -> None:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        self.address_family, _, _, _, address = found[0]
        super().__init__(address, _Scrape)  # type: ignore[arg-type]  # typeshed knows no address but IPv4's

    def handle_error(self, request: object, client_address: object) -> None:
        log.debug("a scrape broke off", exc_info=True)


class _Scrape(BaseHTTPRequestHandler):
    timeout = SCRAPE_SECONDS

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != PATH:
            return self.send_error(404)
        body, kind = _expose(self.headers.get("Accept", ""))
        self.send_response(200)
        for name, value in {"Content-Type": kind, "Content-Length": len(body), "Cache-Control": "no-store"}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)
        return None

    def version_string(self) -> str:
        return "metrics"  # not which Python this is

    def log_message(self, *_: object) -> None:
        """Stay quiet: http.server would write to stderr in a shape of its own."""
