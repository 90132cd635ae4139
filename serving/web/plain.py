"""Which requests are plain tool calls: those of a client without a session and of usual form."""

from dataclasses import dataclass
from typing import Any

from mcp.shared.inbound import InboundModernRoute, classify_inbound_request
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS
from starlette.types import Scope

from serving.web.admission import MESSAGE


@dataclass(frozen=True, slots=True)
class Asked:
    """What is called, in the words of the SDK's CallToolRequestParams.

    `protocol` is what the client names, None in the handshake era when it names none. `capabilities` and `client` are
    what it says of itself in 2026-07-28, unchecked.
    """

    request_id: str | int
    name: str
    arguments: dict[str, Any]
    meta: dict[str, Any]
    protocol: str | None
    modern: bool
    capabilities: Any = None
    client: Any = None


def plain_call(scope: Scope, *, stateless: bool) -> Asked | None:
    """Return the tool call in a request; None if it is anything that FastMCP and the SDK should look at."""
    message = scope.get(MESSAGE) or {}
    params = message.get("params") or {}
    if message.get("method") != "tools/call" or "id" not in message or params.keys() - {"name", "arguments", "_meta"}:
        return None
    name, arguments, meta = params.get("name"), params.get("arguments", {}), params.get("_meta", {})
    if not (isinstance(name, str) and isinstance(arguments, dict) and isinstance(meta, dict)):
        return None
    if "fastmcp" in meta or type(meta.get("progressToken", "")) not in (str, int):
        return None
    lines = [(key.decode("latin-1"), value.decode("latin-1")) for key, value in scope["headers"]]
    headers = dict(lines)
    if not _is_usual(headers) or len(lines) > len(headers):  # some come twice
        return None
    version = headers.get("mcp-protocol-version")
    if version is None or version in HANDSHAKE_PROTOCOL_VERSIONS:
        return Asked(message["id"], name, arguments, meta, version, modern=False) if stateless else None
    route = classify_inbound_request(message, headers=headers) if version in MODERN_PROTOCOL_VERSIONS else None
    if not isinstance(route, InboundModernRoute):
        return None
    capabilities, client = route.client_capabilities, route.client_info
    return Asked(message["id"], name, arguments, meta, version, modern=True, capabilities=capabilities, client=client)


def _is_usual(headers: dict[str, str]) -> bool:
    accepts = {part.partition(";")[0].strip() for part in headers.get("accept", "").split(",")}
    return (
        {"application/json", "text/event-stream"} <= accepts
        and headers.get("content-type", "").partition(";")[0].strip() == "application/json"
        and not any(name.startswith("mcp-param-") for name in headers)
    )
