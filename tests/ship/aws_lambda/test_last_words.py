"""What waits to be logged is logged before time stands still."""

import logging

import httpx2
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from starlette.routing import Route

from ship.aws_lambda.boot.last_words import WriteLogsFirst


async def test_handlers_are_flushed_before_the_end_of_an_answer_and_not_before(monkeypatch):
    happened = []

    class Waiting(logging.Handler):
        def flush(self):
            happened.append("flushed")

    monkeypatch.setattr(logging.getLogger(), "handlers", [Waiting()])

    async def parts():
        for part in ("one", "two"):
            happened.append(part)
            yield part

    app = WriteLogsFirst(Starlette(routes=[Route("/", lambda _: StreamingResponse(parts()))]))

    async def outermost(scope, receive, send):
        async def noted(message):
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                happened.append("answered")

        await app(scope, receive, noted)

    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(outermost)) as client:
        assert (await client.get("http://localhost/")).text == "onetwo"
    assert happened == ["one", "two", "flushed", "answered"]
