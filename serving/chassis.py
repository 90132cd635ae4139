"""What makes a FastMCP server one of ours, whoever runs it: arguments for its constructor."""

from typing import TYPE_CHECKING, Any

from serving.auth.verifier import create_verifier
from serving.calls.order import around_calls
from serving.errors import SettingsError
from serving.settings import Settings

if TYPE_CHECKING:
    from mcp.server.request_state import RequestStateSecurity


def chassis(settings: Settings) -> dict[str, Any]:
    """Return the arguments for `FastMCP(name, ..., **chassis(settings))`.

    Raises:
        SettingsError: settings that do not fit each other.
    """
    return {
        "auth": create_verifier(settings),
        "middleware": [around_calls(settings)],
        "mask_error_details": True,  # a bug's message can quote what it was called with
        "strict_input_validation": settings.strict_input,
        "request_state_security": _seal(settings),
    }


def _seal(settings: Settings) -> "RequestStateSecurity | None":
    """Seal multi-round state with the keys that replicas share; None is a key that only this process has."""
    keys = [key for part in settings.request_state_keys.get_secret_value().split(",") if (key := part.strip())]
    if not keys:
        return None
    from mcp.server.request_state import RequestStateSecurity

    try:
        return RequestStateSecurity(keys=keys)
    except ValueError:
        raise SettingsError(
            "MCP_REQUEST_STATE_KEYS: expected different keys of at least 32 characters (openssl rand -hex 32 makes one)"
        ) from None
