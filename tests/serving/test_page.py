"""`GET /`."""

import pytest
from fastmcp import FastMCP
from httpx2 import ASGITransport, AsyncClient

from serving.app import create_app
from serving.settings import Settings


@pytest.mark.parametrize(
    ("settings", "endpoint"), [({}, "/mcp"), ({"path": "/tools"}, "/tools"), ({"transport": "sse"}, "/sse")]
)
async def test_the_page_says_what_this_is_and_where_it_answers(settings, endpoint):
    app = create_app(FastMCP("test", version="1.2.3"), Settings(**settings))
    async with AsyncClient(transport=ASGITransport(app), base_url="http://localhost:8000") as client:
        assert (await client.get("/")).json() == {
            "service": "test",
            "version": "1.2.3",
            "protocol": ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"],
            "endpoints": {"mcp": endpoint, "health": "/health", "ready": "/ready"},
        }
