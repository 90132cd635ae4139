"""Completions are as visible as what they complete."""

import httpx2
import pytest

from tests.support import post, serving

WITH, WITHOUT = "w" * 16, "o" * 16


@pytest.fixture(scope="module")
def server():
    with serving(MCP_AUTH="token", MCP_AUTH_TOKENS=f"with={WITH} sample, without={WITHOUT}") as running:
        yield running


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
@pytest.mark.parametrize(
    "reference",
    [{"type": "ref/prompt", "name": "guarded_prompt"}, {"type": "ref/resource", "uri": "guarded://{name}"}],
)
def test_what_a_caller_may_not_see_cannot_be_completed(server, mode, reference):
    def complete(token, reference):
        params = {"ref": reference, "argument": {"name": "name", "value": "a"}}
        request = post(server.url, mode, "completion/complete", params)
        request.headers["authorization"] = f"Bearer {token}"
        with httpx2.Client() as client:
            return client.send(request).text

    assert "apple" in complete(WITH, reference)
    assert "is not here" in complete(WITHOUT, reference)
    assert "apple" in complete(WITHOUT, {"type": "ref/prompt", "name": "describe"})
