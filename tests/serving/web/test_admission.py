"""Which requests become calls: over real sockets, in both eras."""

import httpx2
import pytest

from tests.support import post, serving


@pytest.fixture(scope="module", params=["http", "sse"])
def server(request):
    with serving(MCP_TRANSPORT=request.param) as running:
        running.url = running.url.replace("/sse", "/messages/")
        yield running


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b"[" * 100_000, -32700),
        (b'{"id": 1, "method": "ping", "params": {"a": NaN}}', -32700),
        (b'{"id": 1, "method": "ping", "params": {"a": 1e999}}', -32700),
        (b'{"id": 1, "method": "ping", "params": {"a": "\\ud800"}}', -32700),
        (b'{"jsonrpc": "2.0", "id": null, "method": "ping"}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1.5, "method": "ping"}', -32600),
    ],
)
def test_a_malformed_message_is_answered_and_not_swallowed(server, mode, body, code):
    wanted = post(server.url, mode, "ping").headers | {"content-length": str(len(body))}
    answer = httpx2.post(server.url, headers=wanted, content=body)
    assert answer.status_code == 400
    assert answer.json()["id"] is None
    assert answer.json()["error"]["code"] == code
    assert httpx2.get(f"{httpx2.URL(server.url).join('/health')}").status_code == 200


def test_a_million_brackets_cost_no_more_than_their_bytes(server):
    answer = httpx2.post(server.url, content=b"[" * 1024**2)
    assert answer.json()["error"]["message"].startswith("not JSON: recursion limit exceeded")
