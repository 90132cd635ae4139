"""What the load says to a server, in either era of the protocol, and what it expects to hear."""

import json
from dataclasses import dataclass
from typing import Any, Final

MODERN: Final = "2026-07-28"
HANDSHAKE: Final = "2025-11-25"
FIRST_ID: Final = 1_000_000
"""Of the questions: they all have the same length."""

_CLIENT: Final = {"name": "bench", "version": "0"}
_META: Final = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": _CLIENT,
    "io.modelcontextprotocol/clientCapabilities": {},
}

HELLO: Final = {"protocolVersion": HANDSHAKE, "capabilities": {}, "clientInfo": _CLIENT}


@dataclass(frozen=True)
class Question:
    """What is asked again and again, and a text that is in each right answer."""

    method: str
    params: dict[str, Any]
    expected: str

    @classmethod
    def call(cls, tool: str, arguments: dict[str, Any], expected: str) -> "Question":
        """Return the call of a tool."""
        return cls("tools/call", {"name": tool, "arguments": arguments}, expected)

    def template(self, protocol: str) -> bytes:
        """Return the message with `%d` where its id is."""
        before, _, after = encode(self.method, self.params, protocol, FIRST_ID).rpartition(b"%d" % FIRST_ID)
        return before.replace(b"%", b"%%") + b"%d" + after


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
