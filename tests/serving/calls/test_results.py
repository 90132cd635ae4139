"""What is answered: no heavier than it may be, and always JSON."""

import json

import httpx2
import pytest

from tests.support import HELLO, SAMPLE, post, run, serving

MODES = ["2026-07-28", "legacy"]


@pytest.fixture(scope="module")
def server():
    with serving(MCP_MAX_RESULT_BYTES="1000") as running:
        yield running


def ask(server, mode, method, **params):
    with httpx2.Client(timeout=20) as client:
        text = client.send(post(server.url, mode, method, params)).text
    message = json.loads(text.partition("data: ")[2] or text, parse_constant=pytest.fail)
    return message.get("result") or message["error"]


def call(server, mode, tool, **arguments):
    return ask(server, mode, "tools/call", name=tool, arguments=arguments)


@pytest.mark.parametrize("mode", MODES)
def test_an_answer_that_is_too_heavy_is_an_error_that_says_so(server, mode):
    assert call(server, mode, "heavy", size=300)["content"][0]["text"] == "x" * 300
    result = call(server, mode, "heavy", size=3000)
    assert result["isError"]
    assert "bytes, more than 1000 (MCP_MAX_RESULT_BYTES): ask for less" in result["content"][0]["text"]
    assert "xxx" not in result["content"][0]["text"]


@pytest.mark.parametrize("mode", MODES)
def test_a_resource_that_is_too_heavy_is_an_error_that_says_so(server, mode):
    assert (
        "more than 1000 (MCP_MAX_RESULT_BYTES)" in ask(server, mode, "resources/read", uri="sample://heavy")["message"]
    )


@pytest.mark.parametrize("mode", MODES)
def test_text_that_cannot_be_encoded_is_mended(server, mode):
    assert call(server, mode, "odd_result")["structuredContent"] == {"result": "caf?"}
    assert call(server, mode, "odd_error")["content"][0]["text"] == "no file caf?"
    assert ask(server, mode, "resources/read", uri="sample://odd")["contents"][0]["text"] == "caf?"
    assert ask(server, mode, "prompts/get", name="odd_prompt")["messages"][0]["content"]["text"] == "caf?"


def test_a_stdio_server_survives_text_that_cannot_be_encoded():
    requests = [{"method": "initialize", "params": HELLO}]
    for name in ("odd_error", "odd_notice", "odd_result"):
        requests.append({"method": "tools/call", "params": {"name": name, "arguments": {}}})
    lines = [json.dumps({"jsonrpc": "2.0", "id": number, **request}) for number, request in enumerate(requests)]
    lines.insert(1, '{"jsonrpc": "2.0", "method": "notifications/initialized"}')
    output = run("--transport", "stdio", script=SAMPLE, stdin="\n".join(lines) + "\n").stdout
    answers = [json.loads(line) for line in output.splitlines()]
    assert {answer["id"] for answer in answers if "id" in answer} == {0, 1, 2, 3}
