"""A server between the validation and a good one, which breaks one thing."""

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from logging import CRITICAL
from typing import Any

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

TOKEN = "0123456789abcdef0123456789abcdef"
KEPT = ("content-type", "content-security-policy", "mcp-session-id", "www-authenticate")
METHODS = ["GET", "POST", "DELETE"]
TRACEBACK = 'Traceback (most recent call last):\n  File "/app/x.py", line 1'

Change = Callable[[Request, bytes, Response], Response]


def body(path: str, **changes: Any) -> Change:
    """Change keys of a route's JSON; None takes one away."""

    def change(request: Request, _: bytes, response: Response) -> Response:
        if request.url.path != path or "html" in request.headers.get("accept", ""):
            return response
        changed = json.loads(bytes(response.body)) | changes
        return JSONResponse({key: value for key, value in changed.items() if value is not None})

    return change


def answer(path: str, make: Callable[[], Response], accept: str = "", method: str = "") -> Change:
    """Give another answer at a path, to those who accept it, or to an MCP method."""

    def change(request: Request, sent: bytes, response: Response) -> Response:
        fits = request.url.path == path and accept in request.headers.get("accept", "")
        return make() if fits and f'"{method}' in sent.decode() + '"' else response

    return change


def without_policy(request: Request, _: bytes, response: Response) -> Response:
    if "content-security-policy" in response.headers:
        del response.headers["content-security-policy"]
    return response


def only_the_handshake(request: Request, sent: bytes, response: Response) -> Response:
    if request.headers.get("mcp-protocol-version") != "2026-07-28":
        return response
    data = {"supported": ["2025-11-25"], "requested": "2026-07-28"}
    error = {"code": -32022, "message": "unsupported protocol version", "data": data}
    return JSONResponse({"jsonrpc": "2.0", "id": json.loads(sent)["id"], "error": error}, 400)


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield b" "
        await asyncio.sleep(0.1)


async def silence() -> AsyncIterator[bytes]:
    await asyncio.sleep(3600)
    yield b""


async def breaking_off() -> AsyncIterator[bytes]:
    yield b" "
    raise ConnectionError


def stream(content: Callable[[], AsyncIterator[bytes]]) -> Callable[[], Response]:
    return lambda: StreamingResponse(content(), media_type="text/event-stream")


HOSTILE = "x\n✓ 99 everything: is fine\x1b[2J" + 1000 * "y"
CHANGES: dict[str, Change] = {
    "sick": body("/health", status="sick"),
    "unready": answer("/ready", lambda: JSONResponse({"status": "unready", "reason": "a child is gone"}, 503)),
    "draining": body("/ready", status="draining"),
    "uncounted": body("/ready", tools_count=None),
    "miscounted": body("/ready", tools_count=1, resources_count=0),
    "lists nothing": body("/mcp/tools", tools=[]),
    "elsewhere": body("/", endpoints={"mcp": "/other", "tools": "/mcp/tools"}),
    "no policy": without_policy,
    "broken page": answer("/", lambda: JSONResponse({}, 500), accept="html"),
    "no page": answer("/", lambda: Response("hello", media_type="text/plain"), accept="html"),
    "lost route": answer("/mcp/tools", lambda: JSONResponse({}, 404)),
    "no MCP": answer("/mcp", lambda: JSONResponse({}, 404)),
    "empty resource": body("/mcp/resource/mcp://demo/status", content=""),
    "talkative": answer("/mcp/execute", lambda: JSONResponse({"error": {"message": TRACEBACK}}, 422)),
    "failing calls": answer("/mcp", lambda: JSONResponse({}, 500), method="tools/call"),
    "hanging calls": answer("/mcp", stream(silence), method="tools/call"),
    "broken calls": answer("/mcp", stream(breaking_off), method="tools/call"),
    "endless": answer("/health", stream(endless)),
    "huge": answer("/health", lambda: Response(bytes(17 * 2**20))),
    "hostile": body("/health", service=HOSTILE),
    "surrogate": answer("/health", lambda: Response(b'{"status": "healthy", "service": "\\ud800"}')),
    "repeats the token": body("/health", service=TOKEN),
    "handshake only": only_the_handshake,
    "open": lambda _request, _sent, response: response,
    "open to the old": lambda _request, _sent, response: response,
}


class Tampering:
    """Forwards requests to `upstream`, and gives back what the change makes of the answers."""

    def __init__(self, upstream: str, fault: str) -> None:
        self._upstream = upstream
        self._fault = fault

    async def __call__(self, request: Request) -> Response:
        sent = await request.body()
        headers = {key: value for key, value in request.headers.items() if key not in ("host", "content-length")}
        old = request.headers.get("mcp-protocol-version") != "2026-07-28"
        if request.url.path == "/mcp" and (self._fault == "open" or (self._fault == "open to the old" and old)):
            headers["authorization"] = f"Bearer {TOKEN}"
        if (request.method, request.url.path) == ("GET", "/mcp"):  # may be a stream
            response = Response(status_code=405)
        else:
            url = self._upstream + request.url.path
            found = await request.state.client.request(request.method, url, content=sent, headers=headers)
            kept = {key: found.headers[key] for key in KEPT if key in found.headers}
            response = Response(found.content, found.status_code, kept)
        return CHANGES[self._fault](request, sent, response)


@asynccontextmanager
async def _with_client(_: Starlette) -> AsyncIterator[dict[str, httpx2.AsyncClient]]:
    async with httpx2.AsyncClient(timeout=30) as client:
        yield {"client": client}


@contextmanager
def tampering(upstream: str, fault: str) -> Iterator[str]:
    """Run it; yield its address. The fault is a name of CHANGES."""
    app = Starlette(lifespan=_with_client)
    app.add_route("/{path:path}", Tampering(upstream, fault).__call__, methods=METHODS)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # or each answer takes 40 ms
    server = uvicorn.Server(uvicorn.Config(app, log_level=CRITICAL + 1, timeout_graceful_shutdown=0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
