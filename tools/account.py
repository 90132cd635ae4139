"""A tool that not everybody may call: over HTTP it takes a token with the scope `account`."""

from fastmcp.server.auth import require_scopes
from fastmcp.server.dependencies import get_access_token
from fastmcp.tools import tool


@tool(auth=require_scopes("account"), annotations={"readOnlyHint": True, "openWorldHint": False})
def whoami() -> str:
    """Say who is calling: the owner of the token."""
    token = get_access_token()
    return token.client_id if token else "whoever has started this server"  # over stdio there are no tokens
