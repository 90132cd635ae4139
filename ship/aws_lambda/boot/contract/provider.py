"""An OAuth provider that is declared by its two URLs: authorization codes with PKCE, their exchange, and refreshes."""

import base64
import hashlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import quote_plus, urlencode, urlsplit

from ship.aws_lambda.boot.contract.errors import PublicError
from ship.aws_lambda.boot.contract.fields import read
from ship.aws_lambda.boot.contract.tokens import check_url, request_tokens

ClientAuth: TypeAlias = Literal["basic", "post"]
"""How the secret gets to the token endpoint: RFC 6749 2.3.1 wants a header; some providers know only the form."""

_OURS: Final = frozenset(
    {"response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method"}
)
_INPUT: Final = "oauthInput."


@dataclass(frozen=True, kw_only=True)
class Provider:
    """A provider and this client of it; each method gets an event's `oauthInput`."""

    authorization_url: str
    token_url: str
    client_id: str | None = None
    client_id_env: str | None = None
    client_secret_env: str | None = None
    scopes: tuple[str, ...] | list[str] = ()
    parameters: Mapping[str, str] | None = field(default=None)
    client_auth: ClientAuth = "basic"

    def __post_init__(self) -> None:
        check_url(self.authorization_url, "authorization_url")
        check_url(self.token_url, "token_url")
        if isinstance(self.scopes, str):
            raise TypeError("scopes: expected a list of strings")
        if taken := _OURS & (self.parameters or {}).keys():
            raise ValueError(f"parameters: expected none of those that are set already ({', '.join(sorted(taken))})")
        if self.client_auth not in ("basic", "post"):
            raise ValueError("client_auth: expected basic or post")

    def authorization(self, given: Mapping[str, Any]) -> dict[str, str]:
        """Return the URL that a user is sent to, and the verifier that the exchange of the code needs.

        Raises:
            PublicError: the redirect URI or the client's id is missing.
        """
        verifier = secrets.token_urlsafe(48)
        query = {
            "response_type": "code",
            "client_id": self._client_id(given),
            "redirect_uri": read(given, "redirectUri", str, _INPUT),
            **({"scope": " ".join(self.scopes)} if self.scopes else {}),
            **({"state": read(given, "state", str, _INPUT)} if given.get("state") is not None else {}),
            "code_challenge": challenge(verifier),
            "code_challenge_method": "S256",
            **(self.parameters or {}),
        }
        parts = urlsplit(self.authorization_url)
        both = "&".join(filter(None, (parts.query, urlencode(query))))
        return {"authorizationUrl": parts._replace(query=both).geturl(), "codeVerifier": verifier}

    async def exchange(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the tokens for an authorization code, as the provider answers.

        Raises:
            PublicError: something is missing, or the provider gives none.
        """
        form = {
            "grant_type": "authorization_code",
            "code": read(given, "code", str, _INPUT),
            "redirect_uri": read(given, "redirectUri", str, _INPUT),
            "code_verifier": read(given, "codeVerifier", str, _INPUT),
        }
        return await self._request(form, given)

    async def refresh(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return new tokens for a refresh token, which stays what it was when the provider gives no new one.

        Raises:
            PublicError: something is missing, or the provider gives none.
        """
        token = _refresh_token(given)
        tokens = await self._request({"grant_type": "refresh_token", "refresh_token": token}, given)
        return {"refresh_token": token, **tokens}

    async def _request(self, form: dict[str, str], given: Mapping[str, Any]) -> dict[str, Any]:
        client_id, secret = self._client_id(given), self._secret(given)
        if secret and self.client_auth == "basic":
            basic = f"{quote_plus(client_id)}:{quote_plus(secret)}"
            return await request_tokens(self.token_url, form, base64.b64encode(basic.encode()).decode())
        return await request_tokens(
            self.token_url, form | {"client_id": client_id} | ({"client_secret": secret} if secret else {})
        )

    def _client_id(self, given: Mapping[str, Any]) -> str:
        if self.client_id:
            return self.client_id
        return _environment(self.client_id_env) if self.client_id_env else read(given, "clientId", str, _INPUT)

    def _secret(self, given: Mapping[str, Any]) -> str:
        if self.client_secret_env:
            return _environment(self.client_secret_env)
        return read(given, "clientSecret", str, _INPUT) if given.get("clientSecret") else ""


def challenge(verifier: str) -> str:
    """Return the S256 challenge of a verifier (RFC 7636 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _refresh_token(given: Mapping[str, Any]) -> str:
    data = given.get("authData")
    for values, name in ((given, "refreshToken"), (data, "refresh_token"), (data, "refreshToken")):
        if isinstance(values, Mapping) and isinstance(values.get(name), str) and values[name]:
            return str(values[name])
    raise PublicError("oauthInput.refreshToken, or refresh_token in oauthInput.authData: expected a string")


def _environment(name: str) -> str:
    value = os.environ.get(name, "").strip()  # a file that it came from may end in a newline
    if not value:
        raise PublicError(f"{name} is not set in the server's environment: expected what the OAuth provider gave")
    return value
