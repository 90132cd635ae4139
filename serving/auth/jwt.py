"""JWTs of an authorization server: FastMCP's verifier, and what it leaves open closed."""

import logging
import math
import re
import time
import warnings
from typing import Any, Final
from urllib.parse import urlsplit

from fastmcp.server.auth import AccessToken, TokenVerifier
from fastmcp.server.auth.providers.jwt import JWTVerifier
from fastmcp.utilities.auth import decode_jwt_header
from joserfc.errors import SecurityWarning
from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware

from serving.auth.bearer import Bearer, CannotVerifyError
from serving.auth.keys import fetch_keys, read_pem
from serving.auth.loopback import is_loopback
from serving.errors import SettingsError
from serving.settings import Settings

log: Final = logging.getLogger("serving.auth.jwt")

LEEWAY_SECONDS: Final = 30
"""How far ahead of ours the clock of the authorization server may be; not how long an expired token lives on."""
REFRESH_SECONDS: Final = 30
"""How often keys are fetched at most. That happens for an unknown key, and when an hour has passed."""
MAX_CHARACTERS: Final = 16 * 1024
"""A longer token is refused unread."""


class JwtVerifier(TokenVerifier):
    """Lets in whoever brings a JWT that `settings.auth_issuer` has signed for `settings.auth_audience`.

    More than FastMCP's, it insists on `exp`, refuses `nbf` and `iat` in the future, any other algorithm than the
    one of the settings, extensions (`crit`), and claims of types that RFC 7519 forbids. It lets in tokens without
    the scopes that are required: they are good ones, and whoever asks for the scopes answers 403.

    Raises:
        SettingsError: `settings.auth_key` cannot be used.
    """

    def __init__(self, settings: Settings, *, refresh_seconds: float = REFRESH_SECONDS) -> None:
        super().__init__(required_scopes=list(settings.auth_scopes))
        self._signed = _SignedTokens(settings, refresh_seconds)
        self._algorithm = settings.auth_algorithm

    def get_middleware(self) -> list[Middleware]:
        """Return what authenticates requests: the SDK's, which then also knows tokens that cannot be verified."""
        return [Middleware(AuthenticationMiddleware, backend=Bearer(self)), Middleware(AuthContextMiddleware)]

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return who brings this token, or None when it is bad in any way.

        Raises:
            CannotVerifyError: its key is unknown, and the key set cannot be fetched.
        """
        try:
            if not self._may_be_ours(token):
                return None
            access = await self._signed.verify_token(token)
            if access and (flaw := _flaw(access.claims)):
                log.warning("a token is refused: %s", flaw)
                return None
            return access
        except CannotVerifyError:
            raise
        except Exception as error:  # whatever a hostile token brings about
            log.debug("a token is refused: %s", type(error).__name__)
            return None

    def _may_be_ours(self, token: str) -> bool:
        """Look at the header, so that nobody makes us fetch keys for what would be refused anyway."""
        if len(token) > MAX_CHARACTERS or not token.isascii():
            return False
        header = decode_jwt_header(token)
        return header["alg"] == self._algorithm and "crit" not in header and isinstance(header.get("kid", ""), str)


class _SignedTokens(JWTVerifier):
    """FastMCP's verifier, with keys that are read and fetched by serving.auth.keys."""

    def __init__(self, settings: Settings, refresh_seconds: float) -> None:
        url = settings.auth_key if settings.auth_key.startswith(("http://", "https://")) else None
        super().__init__(
            public_key=None if url else read_pem(settings.auth_key, settings.auth_algorithm),
            jwks_uri=url,
            issuer=settings.auth_issuer,
            audience=settings.auth_audience,
            algorithm=settings.auth_algorithm,
            jwks_refresh_interval=refresh_seconds,
        )
        self._fetched = url is None
        self.logger.addFilter(_without_values)
        if url:
            _check_url(url)
        if settings.auth_algorithm == "EdDSA":  # RFC 9864 has renamed it; many servers have not
            warnings.filterwarnings("ignore", "EdDSA is deprecated", SecurityWarning)

    async def _get_verification_key(self, token: str) -> str | bytes:
        try:
            return await super()._get_verification_key(token)
        except ValueError as error:
            if self._fetched:
                raise
            raise CannotVerifyError from error

    async def _fetch_jwks(self) -> dict[str, Any]:
        self._fetched = False  # also when this is cancelled
        try:
            keys = await fetch_keys(str(self.jwks_uri), self.algorithm)
        except Exception as error:
            reason = str(error) or type(error).__name__
            log.error("the keys of MCP_AUTH_KEY cannot be fetched: %s", reason)  # noqa: TRY400  at most every 30 s
            raise ValueError(reason) from error
        self._fetched = True
        return {"keys": keys}


def _flaw(claims: dict[str, Any]) -> str:
    """Return what is wrong with claims that FastMCP has accepted."""
    if not _is_time(claims.get("exp")):
        return "expected exp, a number"
    for name in ("nbf", "iat"):
        if name in claims and not (_is_time(claims[name]) and claims[name] <= time.time() + LEEWAY_SECONDS):
            return f"expected {name} to be a number, and not in the future"
    for name in ("client_id", "azp", "sub"):
        value = claims.get(name, "")
        if not isinstance(value, str) or not value.isprintable():  # it ends up in logs
            return f"expected {name} to be a printable string"
    return ""


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        host, user = parts.hostname or "", parts.username
    except ValueError:
        host, user = "", None
    if user is not None:
        raise SettingsError("MCP_AUTH_KEY: expected a URL without user and password")
    if not host:
        raise SettingsError(f"MCP_AUTH_KEY={url}: expected a URL with a host")
    if url.startswith("http://") and not is_loopback(host):
        log.warning("MCP_AUTH_KEY=%s: whoever is between here and there can replace the keys; expected https", url)


def _without_values(record: logging.LogRecord) -> bool:
    """Keep FastMCP's reasons and drop what it quotes from the token."""
    record.msg, record.args = re.sub(r"%[a-z]", "...", str(record.msg)), None
    return True
