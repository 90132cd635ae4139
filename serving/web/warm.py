"""What the first call would have to wait for is done soon after the start, while there is nothing else to do."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from fastmcp import FastMCP
from fastmcp.telemetry import suppress_fastmcp_telemetry
from mcp.server.connection import Connection
from mcp.server.runner import serve_one
from mcp_types import CLIENT_CAPABILITIES_META_KEY, CLIENT_INFO_META_KEY, PROTOCOL_VERSION_META_KEY
from mcp_types.version import LATEST_HANDSHAKE_VERSION, LATEST_MODERN_VERSION
from starlette.requests import Request

from serving.calls.limits import Limits
from serving.session_state import load_state_when_used
from serving.web.express import Exchange
from serving.web.plain import Asked
from serving.web.reply import Reply

log: Final = logging.getLogger("serving.web.warm")

IDLE_SECONDS: Final = 0.1
"""Nobody is held up who calls sooner after the start, nor where time stands still between requests (AWS Lambda)."""
_MESSAGES: Final = {"tools/list": {}, "tools/call": {"name": "warm_up", "arguments": {"text": ""}}}
_CLIENT: Final = {"name": "warm-up", "version": "0"}


@asynccontextmanager
async def warm_up_when_idle(limits: Limits) -> AsyncIterator[None]:
    """Warm up in the background, unless somebody calls first and has done so."""

    async def wait() -> None:
        await asyncio.sleep(IDLE_SECONDS)
        if not limits.used:
            try:
                await warm_up()
            except Exception:
                log.warning("the first call will be slower: warming up failed", exc_info=True)

    task = asyncio.create_task(wait())
    try:
        yield
    finally:
        task.cancel()


async def warm_up() -> None:
    """Call a tool of a server that is nobody's, in both eras.

    That has pydantic build the validators that calls need, which it does when they are first used.
    """
    mcp = FastMCP("warm-up")
    load_state_when_used(mcp)
    mcp.tool(_echo, name="warm_up")
    with suppress_fastmcp_telemetry():
        for protocol in (LATEST_MODERN_VERSION, LATEST_HANDSHAKE_VERSION):
            for method, params in _MESSAGES.items():
                said = params | {"_meta": _envelope(protocol)}
                connection = Connection.from_envelope(protocol, _CLIENT, {})
                exchange = _exchange(protocol)
                await serve_one(mcp._mcp_server, exchange, method, said, connection=connection, lifespan_state={})
                await asyncio.sleep(0)  # whoever has come meanwhile goes first


async def _echo(text: str) -> str:
    return text


def _envelope(protocol: str) -> dict[str, Any]:
    modern = {PROTOCOL_VERSION_META_KEY: protocol, CLIENT_INFO_META_KEY: _CLIENT, CLIENT_CAPABILITIES_META_KEY: {}}
    return modern if protocol == LATEST_MODERN_VERSION else {}


def _exchange(protocol: str) -> Exchange:
    async def nobody(*_: Any) -> Any:
        raise AssertionError("a warm-up has no client")

    request = Request({"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": []}, nobody)
    modern = protocol == LATEST_MODERN_VERSION
    asked = Asked("warm-up", "warm_up", {}, {}, protocol, modern)
    return Exchange(request, asked, Reply(nobody, nobody, stream=False))
