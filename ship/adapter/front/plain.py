"""Which requests are plain tool calls: those of a client without a session, that cannot be asked, and of usual form."""

from dataclasses import dataclass

from mcp.shared.inbound import InboundModernRoute, classify_inbound_request, find_duplicated_routing_header
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS
from starlette.types import Scope

from serving.web.admission import MESSAGE
from ship.adapter.children.wire import Json

_CAN_BE_ASKED = frozenset({"elicitation", "sampling", "roots"})


@dataclass(frozen=True)
class Asked:
    """What is called, in the words of the SDK's CallToolRequestParams; `modern` is 2026-07-28."""

    request_id: str | int
    name: str
    arguments: Json
    meta: Json
    modern: bool


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
    modern = _is_modern(scope, message, stateless=stateless)
    return None if modern is None else Asked(message["id"], name, arguments, meta, modern)


def _is_modern(scope: Scope, message: Json, *, stateless: bool) -> bool | None:
    """Say of which era a request is, None if its headers do not fit."""
    lines = [(key.decode("latin-1"), value.decode("latin-1")) for key, value in scope["headers"]]
    headers = dict(lines)
    accepts = headers.get("accept", "")
    if "application/json" not in accepts or "text/event-stream" not in accepts:
        return None
    if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return None
    version = headers.get("mcp-protocol-version")
    if version is None or version in HANDSHAKE_PROTOCOL_VERSIONS:
        return False if stateless else None
    if version not in MODERN_PROTOCOL_VERSIONS or any(name.startswith("mcp-param-") for name in headers):
        return None
    route = classify_inbound_request(message, headers=headers)
    if find_duplicated_routing_header(lines) or not isinstance(route, InboundModernRoute):
        return None
    capabilities = route.client_capabilities
    return True if isinstance(capabilities, dict) and not capabilities.keys() & _CAN_BE_ASKED else None
