"""The wire itself, without a client library: 2026-07-28 and its errors."""

import json
from collections.abc import Iterator

import httpx2
import pytest

from tests.support import Server, post, serving_all

ERA = "2026-07-28"
HEADER_MISMATCH, METHOD_NOT_FOUND, UNSUPPORTED_VERSION, INVALID_PARAMS = -32020, -32601, -32022, -32602


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving_all() as server:
        yield server


def send(request: httpx2.Request) -> httpx2.Response:
    with httpx2.Client() as client:
        return client.send(request)


def result_of(reply: httpx2.Response) -> dict:
    """The message of a plain JSON reply or of the first event of a stream."""
    if reply.headers["content-type"].startswith("application/json"):
        return reply.json()
    return json.loads(next(line[6:] for line in reply.text.splitlines() if line.startswith("data: {")))


def test_discover_says_what_the_server_is_and_speaks(server):
    reply = send(post(server.url, ERA, "server/discover"))
    assert reply.status_code == 200
    result = result_of(reply)["result"]
    assert ERA in result["supportedVersions"]
    assert result["resultType"] == "complete"
    assert {"tools", "resources", "prompts", "completions"} <= result["capabilities"].keys()


def test_a_list_says_how_long_it_may_be_kept(server):
    result = result_of(send(post(server.url, ERA, "tools/list")))["result"]
    assert {"ttlMs", "cacheScope", "resultType"} <= result.keys()


@pytest.mark.parametrize(
    ("header", "value"), [("mcp-method", "tools/list"), ("mcp-name", "other"), ("mcp-name", None), ("mcp-method", None)]
)
def test_headers_that_disagree_with_the_body_are_refused(server, header, value):
    request = post(server.url, ERA, "tools/call", {"name": "echo", "arguments": {"message": "hi"}})
    if value is None:
        del request.headers[header]
    else:
        request.headers[header] = value
    reply = send(request)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, HEADER_MISMATCH)


def test_an_unknown_method_is_not_found(server):
    reply = send(post(server.url, ERA, "tools/sing"))
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, METHOD_NOT_FOUND)


def test_an_unsupported_version_is_refused_with_those_that_are(server):
    reply = send(post(server.url, "2099-01-01", "tools/list"))
    error = reply.json()["error"]
    assert (reply.status_code, error["code"]) == (400, UNSUPPORTED_VERSION)
    assert ERA in error["data"]["supported"]


def test_a_resource_that_does_not_exist_is_named(server):
    error = send(post(server.url, ERA, "resources/read", {"uri": "sample://nowhere"})).json()["error"]
    assert error["code"] == INVALID_PARAMS
    assert error["data"] == {"uri": "sample://nowhere"}


def test_nothing_but_json_rpc_is_understood(server):
    request = post(server.url, ERA, "tools/list")
    broken = httpx2.Request("POST", server.url, headers={**request.headers, "content-length": "3"}, content=b"{x}")
    reply = send(broken)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, -32700)
