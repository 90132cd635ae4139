"""One JSON-RPC message, strictly JSON, or a sentence."""

import pytest

from serving.messages import BadMessage, read_json, read_message


@pytest.mark.parametrize(
    "body",
    [
        b"NaN",
        b'{"a": Infinity}',
        b"[-Infinity]",
        b"1e400",
        b'{"a": [-1E+400]}',
        b"1" * 400 + b".5",
        b"1" * 5000,
        b'"\\ud800"',
        b'"\\udc00 lone"',
        b"\xff",
        b"\xef\xbb\xbf{}",
        b"",
        b"{} {}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"{'a': 1}",
    ],
)
def test_what_is_not_json_is_refused_in_a_sentence(body):
    with pytest.raises(BadMessage, match=r"^not JSON: [A-Za-z ]+") as refused:
        read_json(body)
    assert refused.value.code == -32700


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"e1000": "1e400"}', {"e1000": "1e400"}),
        (b"[1e300, 123456789012345678901234567890]", [1e300, 123456789012345678901234567890]),
        (b'"\\ud83d\\ude00"', "\N{GRINNING FACE}"),
    ],
)
def test_what_is_json_is_read(body, value):
    assert read_json(body) == value


@pytest.mark.parametrize("request_id", ["null", "1.5", "1.0", "true", "[]", "{}"])
def test_a_request_whose_id_nobody_could_answer_to_is_refused(request_id):
    with pytest.raises(BadMessage, match="id: expected a string or a whole number") as refused:
        read_message(b'{"jsonrpc": "2.0", "method": "ping", "id": %s}' % request_id.encode())
    assert refused.value.code == -32600


@pytest.mark.parametrize("rest", ['"id": 1', '"id": "one"', '"params": {}'])
def test_requests_and_notifications_are_read(rest):
    body = f'{{"jsonrpc": "2.0", "method": "ping", {rest}}}'.encode()
    assert read_message(body)["method"] == "ping"


@pytest.mark.parametrize("body", [b"[%s]" % b",".join([b"1"] * 30_000), b"[%s]" % b",".join([b"[]"] * 30_000)])
def test_too_many_values_are_refused_before_they_are_checked(body):
    with pytest.raises(BadMessage, match="expected at most 20000 values in one message"):
        read_json(body)


def test_many_commas_in_a_text_are_no_values():
    assert read_json(b'"%s"' % (b"," * 100_000))


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"[]", "expected one JSON object: MCP knows no batches"),
        (b"5", "expected one JSON object: MCP knows no batches"),
        (b'{"method": "ping", "id": 1}', 'jsonrpc: expected "2.0"'),
        (b'{"jsonrpc": "2.0", "method": 5, "id": 1}', "method: expected text"),
        (b'{"jsonrpc": "2.0", "id": 1}', "method: missing"),
        (b'{"jsonrpc": "2.0", "method": "ping", "id": 1, "params": []}', "params: expected an object"),
    ],
)
def test_what_is_no_message_is_refused_in_our_words(body, fault):
    with pytest.raises(BadMessage) as refused:
        read_message(body)
    assert str(refused.value) == fault
    assert refused.value.answer["id"] == (1 if b'"id": 1' in body else None)


def test_an_error_response_may_have_no_id():
    assert read_message(b'{"jsonrpc": "2.0", "id": null, "error": {"code": 1, "message": ""}}')
