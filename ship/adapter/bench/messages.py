"""What the load says to a server, in either era of the protocol, and what it expects to hear."""

import json
from typing import Any, Final

MODERN: Final = "2026-07-28"
HANDSHAKE: Final = "2025-11-25"
ANSWER: Final = b"Echo: hi"
"""What is in each answer to `CALL`."""
CALL: Final = {"name": "echo", "arguments": {"message": "hi"}}
FIRST_ID: Final = 1_000_000
"""Of the calls: they all have the same length."""

_CLIENT: Final = {"name": "bench", "version": "0"}
_META: Final = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": _CLIENT,
    "io.modelcontextprotocol/clientCapabilities": {},
}

HELLO: Final = {"protocolVersion": HANDSHAKE, "capabilities": {}, "clientInfo": _CLIENT}


def encode(method: str, params: dict[str, Any], protocol: str, number: int | None = None) -> bytes:
    """Return a request, or without a number a notification, as JSON on one line."""
    message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
    if protocol == MODERN:
        params = {**params, "_meta": _META}
    if params:
        message["params"] = params
    if number is not None:
        message["id"] = number
    return json.dumps(message, separators=(",", ":")).encode()


def call_template(protocol: str) -> bytes:
    """Return a call with `%d` where its id is."""
    call = encode("tools/call", CALL, protocol, FIRST_ID)
    return call.replace(b"%", b"%%").replace(b"%d" % FIRST_ID, b"%d")
