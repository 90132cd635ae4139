"""A realistic tool: it calls an HTTP API with a key from the environment and one client for the whole server."""

import os
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Any, Final

import anyio
import httpx2
from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.server.lifespan import lifespan
from fastmcp.tools import tool
from pydantic import BaseModel, Field, ValidationError

TIMEOUT: Final = httpx2.Timeout(10, connect=3)
RETRY_AFTER: Final = 0.5
"""Seconds before the one retry, of a GET only: when nobody answered, or with a server error."""


class Weather(BaseModel):
    """What the API answers; the tool's output schema is made from it."""

    city: str
    temperature: float = Field(allow_inf_nan=False, description="in degrees Celsius")
    conditions: str = Field(description="in a few words, like 'light rain'")


@lifespan
async def http_api(_: FastMCP) -> AsyncIterator[dict[str, Any]]:
    """Open the client when the server starts and close it when it stops."""
    base_url = os.environ.get("WEATHER_API_URL", "https://api.example.com/v1")
    async with httpx2.AsyncClient(base_url=base_url, timeout=TIMEOUT) as client:
        yield {"weather_api": client}


@tool(annotations={"readOnlyHint": True, "openWorldHint": True})
async def weather(
    city: Annotated[str, Field(min_length=1, max_length=100, description="like 'Lisbon'")], ctx: Context
) -> Weather:
    """Report the current weather in a city.

    Fails when no key is configured, the city is unknown, or the weather service does not answer.
    """
    key = os.environ.get("WEATHER_API_KEY", "").strip()  # a file that it came from may end in a newline
    if not key:
        raise ToolError("No key for the weather service: set WEATHER_API_KEY in the server's environment")
    response = await _get(ctx.lifespan_context["weather_api"], "/weather", key, {"city": city})
    if response.status_code == httpx2.codes.NOT_FOUND:
        raise ToolError(f"The weather service knows no city named {city!r}: check the spelling")
    if response.status_code in (httpx2.codes.UNAUTHORIZED, httpx2.codes.FORBIDDEN):
        raise ToolError("The weather service refuses the key: check WEATHER_API_KEY in the server's environment")
    if not response.is_success:
        raise ToolError(f"The weather service answered {response.status_code}: try again in a few minutes")
    try:
        return Weather.model_validate_json(response.content)
    except ValidationError:
        raise ToolError("The weather service answered something else than weather: check WEATHER_API_URL") from None


async def _get(client: httpx2.AsyncClient, path: str, key: str, params: dict[str, str]) -> httpx2.Response:
    request = client.build_request("GET", path, params=params, headers={"Authorization": f"Bearer {key}"})
    with suppress(httpx2.RequestError):
        response = await client.send(request)
        if not response.is_server_error:
            return response
    await anyio.sleep(RETRY_AFTER)
    try:
        return await client.send(request)
    except httpx2.RequestError:
        raise ToolError("The weather service does not answer: try again in a few minutes") from None
