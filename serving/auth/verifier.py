"""Who may call: the verifier that the settings ask for, and a warning when they ask for none."""

import logging
import re
from typing import TYPE_CHECKING, Final

from serving.auth.loopback import is_loopback
from serving.errors import SettingsError
from serving.settings import Settings

if TYPE_CHECKING:
    from fastmcp.server.auth import TokenVerifier
    from starlette.types import ASGIApp, Receive, Scope, Send

log: Final = logging.getLogger("serving.auth.verifier")

_USED_BY: Final = {
    "auth_tokens": ("token",),
    "auth_tokens_file": ("token",),
    "auth_key": ("jwt",),
    "auth_algorithm": ("jwt",),
    "auth_issuer": ("jwt",),
    "auth_audience": ("jwt",),
    "auth_scopes": ("token", "jwt"),
}
_warned: Final[list[str]] = []
_SCOPE: Final = re.compile(r"[!#-\[\]-~]+")
"""A scope as RFC 6749 (section 3.3) spells it; it is quoted in a header."""


def create_verifier(settings: Settings) -> "TokenVerifier | None":
    """Build what verifies tokens, for `FastMCP(auth=...)`; None when anybody may call.

    Raises:
        SettingsError: a setting of `auth` is missing or cannot be used, or one is given that it would not use:
            whoever sets a token believes the server to be protected by it.
    """
    _refuse_unused(settings)
    for scope in settings.auth_scopes:
        if not _SCOPE.fullmatch(scope):
            raise SettingsError(f"MCP_AUTH_SCOPES={scope}: expected scopes without spaces, quotes and backslashes")
    if settings.auth == "token":
        if not (settings.auth_tokens.get_secret_value() or settings.auth_tokens_file):
            raise SettingsError("MCP_AUTH=token: expected MCP_AUTH_TOKENS or MCP_AUTH_TOKENS_FILE as well")
        from serving.auth.tokens import StaticTokens

        return StaticTokens(settings)
    if settings.auth == "jwt":
        missing = [name for name in ("auth_key", "auth_issuer", "auth_audience") if not getattr(settings, name)]
        if missing:
            raise SettingsError(f"MCP_AUTH=jwt: expected {' and '.join(map(_key, missing))} as well")
        from serving.auth.jwt import JwtVerifier

        return JwtVerifier(settings)
    return None


def warn_if_open(host: str) -> None:
    """Log a warning, once, when a server that lets anybody call listens on `host`, beyond this machine."""
    if not _warned and not is_loopback(host):
        _warned.append(host)
        log.warning(
            "anybody who reaches %s may call every tool: MCP_AUTH=none, and this is not loopback. "
            "Set MCP_AUTH=token or jwt, or let only a proxy that authenticates reach this port",
            host,
        )


class WarnIfOpen:
    """ASGI middleware for servers that let anybody call: somebody else's runner alone knows where it listens."""

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Look at the address that a request came in on."""
        if (server := scope.get("server")) and server[0]:
            warn_if_open(server[0])
        await self.app(scope, receive, send)


def _refuse_unused(settings: Settings) -> None:
    for name, kinds in _USED_BY.items():
        given = getattr(settings, name) != Settings.model_fields[name].default
        if given and settings.auth not in kinds:
            raise SettingsError(f"{_key(name)} is set, but MCP_AUTH is {settings.auth}: expected {' or '.join(kinds)}")


def _key(name: str) -> str:
    return f"MCP_{name.upper()}"
