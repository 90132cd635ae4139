"""The weather tool against a real HTTP server on this machine."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest
from fastmcp import Client, FastMCP

from tools import http_api

LISBON = {"city": "Lisbon", "temperature": 21.5, "conditions": "clear"}


class Api:
    """An HTTP API that answers from a list and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, bytes]] = []
        self.asked: list[tuple[str, str | None]] = []

    def answer(self, status: int, body: object = "") -> None:
        self.answers.append((status, json.dumps(body).encode()))


@pytest.fixture
def api(monkeypatch) -> Iterator[Api]:
    api = Api()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            (city,) = parse_qs(urlsplit(self.path).query)["city"]
            api.asked.append((city, self.headers["Authorization"]))
            status, body = api.answers.pop(0)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("WEATHER_API_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("WEATHER_API_KEY", "a key")
        monkeypatch.setattr(http_api, "RETRY_AFTER", 0)
        yield api
        server.shutdown()


async def ask(city: str = "Lisbon"):
    mcp = FastMCP("test", lifespan=http_api.http_api, tools=[http_api.weather])
    async with Client(mcp) as client:
        return await client.call_tool("weather", {"city": city}, raise_on_error=False)


def text(result) -> str:
    assert result.is_error
    return result.content[0].text


async def test_the_answer_is_structured_and_the_key_goes_along(api):
    api.answer(200, LISBON)
    assert (await ask()).structured_content == LISBON
    assert api.asked == [("Lisbon", "Bearer a key")]


async def test_without_a_key_the_error_says_what_to_set(api, monkeypatch):
    monkeypatch.delenv("WEATHER_API_KEY")
    assert "set WEATHER_API_KEY in the server's environment" in text(await ask())
    assert api.asked == []


@pytest.mark.parametrize(
    ("status", "body", "advice"),
    [
        (401, "", "check WEATHER_API_KEY in the server's environment"),
        (403, "", "check WEATHER_API_KEY in the server's environment"),
        (404, "", "knows no city named 'Lisbon': check the spelling"),
        (418, "", "answered 418: try again in a few minutes"),
        (200, {"city": "Lisbon"}, "check WEATHER_API_URL"),
    ],
)
async def test_a_refusal_says_what_to_do(api, status, body, advice):
    api.answer(status, body)
    assert advice in text(await ask())
    assert len(api.asked) == 1


async def test_a_failure_is_tried_once_more(api):
    api.answer(503)
    api.answer(200, LISBON)
    assert (await ask()).structured_content == LISBON


async def test_a_second_failure_is_reported(api):
    api.answer(503)
    api.answer(500)
    assert text(await ask()) == "The weather service answered 500: try again in a few minutes"
    assert len(api.asked) == 2


async def test_a_server_that_is_not_there_is_reported(api, monkeypatch, unused_port):
    monkeypatch.setenv("WEATHER_API_URL", f"http://127.0.0.1:{unused_port}")
    assert text(await ask()) == "The weather service does not answer: try again in a few minutes"
