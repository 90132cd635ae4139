"""One request to a token endpoint, with an end whatever the other side does, and no secret in what is said of it."""

import json
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

import anyio
import httpx2

from ship.aws_lambda.boot.contract.errors import PublicError

TIMEOUT: Final = httpx2.Timeout(10, connect=3)
SECONDS: Final = 15.0
"""For the whole request: an endpoint that sends a byte now and then would never be silent for long."""
MOST_BYTES: Final = 64 * 1024

_CODES: Final = frozenset(
    {
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    }
)
"""What an error can be by RFC 6749 5.2; whatever else the provider writes stays with it."""


def check_url(url: str, name: str) -> None:
    """See that it is https, or http of a loopback host, without a user or a fragment.

    Raises:
        ValueError: it is not. The message has the name, and not what could be secret in the URL.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except (ValueError, AttributeError):
        raise ValueError(f"{name}: expected an https address") from None
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))):
        raise ValueError(f"{name}: expected an https address, or http for a loopback host")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ValueError(f"{name}: expected an address without a user and a fragment")


async def request_tokens(url: str, form: Mapping[str, str], basic: str = "") -> dict[str, Any]:
    """Post a form to a token endpoint and return what it answers, which has an `access_token`.

    Raises:
        PublicError: it answers something else, too much, too late, or not at all.
    """
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    if basic:
        headers["Authorization"] = f"Basic {basic}"
    try:
        with anyio.fail_after(SECONDS):
            async with httpx2.AsyncClient(timeout=TIMEOUT, follow_redirects=False) as client:
                status, body = await _post(client, url, dict(form), headers)
    except (TimeoutError, httpx2.TimeoutException):
        raise PublicError("the token endpoint did not answer in time") from None
    except (httpx2.HTTPError, OSError) as error:
        raise PublicError(f"the token endpoint does not answer ({type(error).__name__})") from None
    return _tokens(status, body)


async def _post(client: httpx2.AsyncClient, url: str, form: dict[str, str], headers: dict[str, str]) -> Any:
    async with client.stream("POST", url, data=form, headers=headers) as response:
        body = b""
        async for piece in response.aiter_raw():  # raw: what is unpacked on the way could have no end
            body += piece
            if len(body) > MOST_BYTES:
                raise PublicError(f"the token endpoint answered with more than {MOST_BYTES} bytes")
        return response.status_code, body


def _tokens(status: int, body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    answer = found if isinstance(found, dict) else {}
    code = answer.get("error")
    reason = f" ({code})" if isinstance(code, str) and code in _CODES else ""
    if status != httpx2.codes.OK or code:  # some answer an error with 200
        raise PublicError(f"the token endpoint answered {status}{reason}")
    if not isinstance(answer.get("access_token"), str) or not answer["access_token"]:
        raise PublicError("the token endpoint answered without an access_token")
    return answer


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
