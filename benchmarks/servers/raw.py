"""Starlette with an answer that is there already: no server in Python under this uvicorn can be faster."""

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.servers.health import health
from benchmarks.servers.told import port

ANSWER = (
    b'event: message\r\ndata: {"jsonrpc":"2.0","id":1000000,"result":{"content":[{"type":"text","text":"1000042"}],'
    b'"structuredContent":{"result":1000042},"isError":false,"resultType":"complete"}}\r\n\r\n'
)
"""What the others answer to the call that is measured, whatever is asked."""


async def answer(request: Request) -> Response:
    """Read the question, and give the answer."""
    await request.body()
    return Response(ANSWER, media_type="text/event-stream")


def main() -> None:
    """Run it."""
    app = Starlette(routes=[Route("/mcp", answer, methods=["POST"]), Route("/health", health)])
    uvicorn.run(app, host="127.0.0.1", port=port() or 0, log_level="warning")


if __name__ == "__main__":
    main()
