"""What every server on this chassis is made with."""

import httpx2
import pytest
from fastmcp import FastMCP

from serving.chassis import chassis
from serving.errors import SettingsError
from serving.settings import Settings


def test_a_server_made_with_it_hides_what_bugs_say():
    assert chassis(Settings())["mask_error_details"]


@pytest.mark.parametrize("keys", ["short", f"{'a' * 32},{'a' * 32}", f"{'a' * 32},short"])
def test_keys_that_seal_nothing_are_refused_without_being_shown(keys):
    with pytest.raises(SettingsError, match="MCP_REQUEST_STATE_KEYS: expected different keys") as refused:
        chassis(Settings(request_state_keys=keys))
    assert keys not in str(refused.value)


async def test_somebody_elses_runner_asks_for_the_token_too():
    settings = Settings(auth="token", auth_tokens="0123456789abcdef")
    app = FastMCP("test", **chassis(settings)).http_app()
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as client:
        assert (await client.post("/mcp", json={})).status_code == 401
