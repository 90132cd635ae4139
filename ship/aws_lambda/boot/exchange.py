"""A request that is there at once, and an answer that is collected: what an ASGI app sees of Lambda."""

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mangum.types import Response
    from starlette.types import Message


class Exchange:
    """The two sides of a request that an app sees, and what it has answered so far."""

    def __init__(self, body: bytes) -> None:
        self.complete = asyncio.Event()
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = bytearray()
        self._request: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    @property
    def is_there(self) -> bool:
        """Whether there is a whole answer."""
        return self.status > 0 and self.complete.is_set()

    async def receive(self) -> "Message":
        """Give the request, and when it is answered the client's leave."""
        if self._request:
            return self._request.pop()
        await self.complete.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: "Message") -> None:
        """Take a part of the answer."""
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")
            if not message.get("more_body", False):
                self.complete.set()

    def response(self) -> "Response":
        """Return the answer as Mangum takes it, which reads headers as UTF-8; ASGI has bytes, which are latin-1."""
        headers = [[name, value.decode("latin-1").encode()] for name, value in self.headers]
        return {"status": self.status, "headers": headers, "body": bytes(self.body)}
