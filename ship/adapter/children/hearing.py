"""What a child says: answers, notes and questions of calls, changes, and what is not of the protocol."""

import asyncio
import logging
import re
from collections.abc import Callable
from typing import Final

from mcp_types import INTERNAL_ERROR, METHOD_NOT_FOUND

from ship.adapter.children.exchange import Exchanges
from ship.adapter.children.process import MOST_LINE_BYTES
from ship.adapter.children.wire import Json, error_of, read_line

MOST_NOTE_BYTES: Final = 256 * 1024
"""A longer note or question is dropped."""
UPDATED: Final = "notifications/resources/updated"
CHANGES: Final = frozenset(
    {UPDATED, *(f"notifications/{kind}/list_changed" for kind in ("tools", "prompts", "resources"))}
)
"""What a child may say that is of no call."""
QUESTIONS: Final = frozenset({"elicitation/create", "sampling/createMessage", "roots/list"})
"""What a child may ask a client."""
_ID: Final = re.compile(rb'"id"\s*:\s*(\d+)')


class Hearing:
    """Hands each line of a child to whom it is for: `on_change` gets what is of no call, `log` what is for nobody."""

    def __init__(
        self,
        exchanges: Exchanges,
        send: Callable[[Json], None],
        log: Callable[[int, str], None],
        on_change: Callable[[Json], None],
    ) -> None:
        self._exchanges, self._send, self._log, self._on_change = exchanges, send, log, on_change
        self.last = 0.0
        """When it last said something, in the time of the event loop."""

    def on_line(self, line: bytes) -> None:
        """Take a line of its standard output."""
        self.last = asyncio.get_running_loop().time()
        if not line.strip():
            return
        message = read_line(line)
        if not isinstance(message, dict) or not isinstance(message.get("method", ""), str):
            self._on_garbage(line)
        elif "method" not in message:
            self._exchanges.settle(message.get("id"), message)
        elif len(line) > MOST_NOTE_BYTES:
            self._log(logging.WARNING, f"{message['method'][:100]}: {len(line)} bytes are too much, dropped")
        elif "id" in message:
            self._on_question(message)
        else:
            params = message.get("params")
            self._on_note({**message, "params": params if isinstance(params, dict) else {}})

    def _on_garbage(self, line: bytes) -> None:
        text = line[:200].decode("utf-8", "replace").rstrip()
        self._log(logging.WARNING, f"not of the protocol, skipped: {text}")
        if len(line) >= MOST_LINE_BYTES and (found := _ID.search(line[:200])):
            self._exchanges.settle(
                int(found[1]), error_of(INTERNAL_ERROR, f"the answer has more than {MOST_LINE_BYTES} bytes")
            )

    def _on_question(self, question: Json) -> None:
        method = question["method"]
        if method == "ping":
            self._send({"id": question["id"], "result": {}})
        elif method not in QUESTIONS:
            self._send({"id": question["id"], **error_of(METHOD_NOT_FOUND, f"{str(method)[:100]}: no such method")})
        elif exchange := self._exchanges.whose():
            exchange.put(question)
        else:
            self._send({"id": question["id"], **error_of(INTERNAL_ERROR, "of whose call this is cannot be told")})

    def _on_note(self, note: Json) -> None:
        params = note["params"]
        match note["method"]:
            case "notifications/progress":
                exchange = self._exchanges.of(params.get("progressToken"))
                if exchange and exchange.hears:
                    exchange.put(note)
            case "notifications/message":
                if exchange := self._exchanges.whose():
                    exchange.put(note)
                else:
                    self._log(logging.INFO, str(params.get("data"))[:2000])
            case method if method in CHANGES:
                self._on_change(note)
