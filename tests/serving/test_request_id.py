"""One id a request, from header to answer."""

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from serving.request_id import IdentifyRequests, current_request_id
from tests.support import HELLO, post, serving


async def ask(**headers):
    app = Starlette(
        routes=[Route("/", lambda _: PlainTextResponse(str(current_request_id())))],
        middleware=[Middleware(IdentifyRequests)],
    )
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as client:
        return await client.get("/", headers=headers)


async def test_the_id_that_a_client_sends_is_kept():
    answer = await ask(**{"X-Request-ID": "abc-123"})
    assert answer.headers["x-request-id"] == answer.text == "abc-123"


@pytest.mark.parametrize("forged", ["", "a b", "x" * 129, 'a"}', "\tlevel=info", "caf\xe9"])
async def test_an_id_that_could_forge_log_lines_is_replaced(forged):
    answer = await ask(**{"X-Request-ID": forged.encode("latin-1")})
    assert len(answer.text) == 32
    assert answer.headers["x-request-id"] == answer.text != forged


async def test_without_one_every_request_gets_its_own():
    assert (await ask()).text != (await ask()).text
    assert current_request_id() is None


@pytest.mark.parametrize("variables", [{}, {"MCP_STATELESS": "false"}, {"MCP_JSON_RESPONSE": "true"}])
@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
def test_the_line_of_a_call_and_its_answer_have_the_same_id(mode, variables):
    with serving(**variables) as server, httpx2.Client() as client:
        call = post(server.url, mode, "tools/call", {"name": "echo", "arguments": {"message": "hi"}})
        if mode == "legacy" and variables.get("MCP_STATELESS"):
            began = client.send(post(server.url, "legacy", "initialize", HELLO))
            call.headers["mcp-session-id"] = began.headers["mcp-session-id"]
        call.headers["x-request-id"] = "mine-1"
        answer = client.send(call)
        assert answer.headers["x-request-id"] == "mine-1"
        assert '"request_id": "mine-1"' in server.wait_for('"tool call"')
