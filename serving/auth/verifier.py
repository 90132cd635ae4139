"""Who may call: the verifier that the settings ask for, and a warning when they ask for none."""

import logging
import re
from functools import cache
from typing import TYPE_CHECKING, Final

from serving.auth.loopback import is_loopback
from serving.errors import SettingsError
from serving.settings import Settings

if TYPE_CHECKING:
    from fastmcp.server.auth import TokenVerifier

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
        for name in ("auth_key", "auth_issuer", "auth_audience"):
            if not getattr(settings, name):
                raise SettingsError(f"MCP_AUTH=jwt: expected {_key(name)} as well")
        from serving.auth.jwt import JwtVerifier

        return JwtVerifier(settings)
    return None


@cache
def warn_if_open(settings: Settings) -> None:
    """Log a warning, once, when anybody may call a server that listens beyond this machine."""
    if settings.auth == "none" and not is_loopback(settings.host):
        log.warning(
            "anybody who reaches %s may call every tool: MCP_AUTH=none and MCP_HOST is not loopback. "
            "Set MCP_AUTH=token or jwt, or let only a proxy that authenticates reach this port",
            settings.host,
        )


def _refuse_unused(settings: Settings) -> None:
    for name, kinds in _USED_BY.items():
        given = getattr(settings, name) != Settings.model_fields[name].default
        if given and settings.auth not in kinds:
            raise SettingsError(f"MCP_AUTH={settings.auth}: expected {' or '.join(kinds)}, as {_key(name)} is set")


def _key(name: str) -> str:
    return f"MCP_{name.upper()}"
