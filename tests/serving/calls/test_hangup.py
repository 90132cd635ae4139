"""A call whose client is gone; that it is cancelled in every era is shown in tests/test_eras.py."""

import asyncio
import json

import pytest
from httpx2 import AsyncClient

from tests.support import post, serving


@pytest.mark.parametrize("variables", [{}, {"MCP_JSON_RESPONSE": "true"}])
async def test_a_call_that_was_hung_up_is_logged_as_cancelled(variables):
    with serving(**variables) as server:
        async with AsyncClient() as http:
            call = asyncio.create_task(
                http.send(post(server.url, "legacy", "tools/call", {"name": "hang", "arguments": {"key": ""}}))
            )
            seen = post(server.url, "legacy", "tools/call", {"name": "seen", "arguments": {"key": ""}})
            while "started" not in (await http.send(seen)).text:
                pass
            call.cancel()
            while "cancelled" not in (await http.send(seen)).text:
                pass
        server.stop()
    calls = [json.loads(line) for line in server.log if "hang" in line]
    assert [(line["tool"], line["outcome"]) for line in calls] == [("hang", "cancelled")]
