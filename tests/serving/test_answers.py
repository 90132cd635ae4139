"""One shape for every refusal."""

import json

from serving.answers import refusal


def test_a_refusal_says_what_to_programs_and_to_people():
    answer = refusal(503, "busy", "too many calls", {"Retry-After": "1"})
    assert json.loads(bytes(answer.body)) == {
        "error": {"code": "busy", "message": "too many calls", "request_id": None}
    }
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
