"""Which requests are plain tool calls."""

import json

import pytest

from serving.web.admission import MESSAGE
from serving.web.plain import plain_call
from tests.support import post


def scope(era, *, params=None, **headers):
    """The scope of a call, with other params and headers than usual."""
    request = post("http://localhost/mcp", era, "tools/call", {"name": "echo", "arguments": {"message": "hi"}})
    message = json.loads(request.content)
    message["params"] |= params or {}
    lines = {**request.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return {MESSAGE: message, "headers": [(name.encode(), value.encode()) for name, value in lines.items()]}


@pytest.mark.parametrize("stateless", [True, False])
def test_a_call_in_2026_07_28_is_plain_whether_or_not_others_have_sessions(stateless):
    asked = plain_call(scope("2026-07-28"), stateless=stateless)
    assert (asked.request_id, asked.name, asked.arguments) == (1, "echo", {"message": "hi"})
    assert (asked.protocol, asked.modern, asked.capabilities) == ("2026-07-28", True, {"elicitation": {}})
    assert asked.client == {"name": "test", "version": "0"}


def test_a_call_in_the_handshake_era_is_plain_where_nobody_has_a_session():
    assert plain_call(scope("legacy"), stateless=True).protocol == "2025-11-25"
    assert plain_call(scope("legacy"), stateless=False) is None
    without = scope("legacy")
    without["headers"] = [line for line in without["headers"] if line[0] != b"mcp-protocol-version"]
    assert plain_call(without, stateless=True).protocol is None


@pytest.mark.parametrize("era", ["2026-07-28", "legacy"])
@pytest.mark.parametrize(
    "odd",
    [
        {"params": {"name": 1}},
        {"params": {"arguments": [1]}},
        {"params": {"_meta": [1]}},
        {"params": {"requestState": "x"}},
        {"params": {"_meta": {"fastmcp": {"version": "1"}}}},
        {"params": {"_meta": {"progressToken": True}}},
        {"accept": "*/*"},
        {"accept": "text/event-stream"},
        {"content_type": "text/plain"},
        {"mcp_param_city": "Ulm"},
        {"mcp_protocol_version": "1999-01-01"},
    ],
)
def test_whatever_is_odd_about_a_call_is_for_the_sdk_to_see(era, odd):
    assert plain_call(scope(era, **odd), stateless=True) is None


@pytest.mark.parametrize("odd", [{"mcp_name": "another"}, {"mcp_method": "tools/list"}])
def test_so_are_headers_that_contradict_the_message(odd):
    assert plain_call(scope("2026-07-28", **odd), stateless=True) is None


def test_so_is_a_routing_header_that_comes_twice():
    twice = scope("2026-07-28")
    twice["headers"].append((b"mcp-name", b"echo"))
    assert plain_call(twice, stateless=True) is None


@pytest.mark.parametrize("message", [None, [], {"method": "tools/list", "id": 1}, {"method": "tools/call"}])
def test_other_messages_are_no_calls(message):
    assert plain_call({**scope("legacy"), MESSAGE: message}, stateless=True) is None
