"""Log lines that wait are written before an answer goes out: then Lambda stops time, maybe for good."""

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


def write_logs() -> None:
    """Flush whatever handlers the guest's logs have."""
    for handler in logging.getLogger().handlers:
        handler.flush()


class WriteLogsFirst:
    """ASGI middleware: write the logs before the end of each answer."""

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass the request on."""

        async def after_the_logs(message: "Message") -> None:
            if message["type"] == "http.response.body" and not message.get("more_body"):
                write_logs()
            await send(message)

        await self.app(scope, receive, after_the_logs)
