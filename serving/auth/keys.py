"""The public keys that JWTs are verified with: a PEM read at the start, or a key set that is fetched."""

import json
import warnings
from pathlib import Path
from typing import Any, Final

import anyio
import httpx2
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from serving.errors import SettingsError

FETCH_SECONDS: Final = 10
MAX_BYTES: Final = 1024**2
"""A longer key set is not read."""

_KEY_TYPES: Final[dict[str, type[RSAKey | ECKey | OKPKey]]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
_EXPECTED: Final = "expected a JWKS URL, a PEM public key or its file"


def read_pem(given: str, algorithm: str) -> str:
    """Return the public key that `given` is, or that the file of this name has, as PEM.

    Raises:
        SettingsError: it is no public key, or not one for `algorithm`; never shows what was given, which may be secret.
    """
    if "-----BEGIN" not in given:
        try:
            given = Path(given).read_text("utf-8")
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"MCP_AUTH_KEY: {_EXPECTED} ({getattr(error, 'strerror', None) or 'no text'})"
            ) from None
    if "PRIVATE KEY-----" in given:
        raise SettingsError("MCP_AUTH_KEY: expected the public key; the private one belongs to who issues the tokens")
    given = given.replace("\\n", "\n")  # how an env file writes more than one line
    for key_type in _KEY_TYPES:
        try:
            key = _import(given, key_type)
        except SecurityWarning as error:
            raise SettingsError(f"MCP_AUTH_KEY: expected a stronger key ({error})") from None
        except (JoseError, ValueError, TypeError):
            continue  # not of this type
        if not _fits(key, algorithm):
            kind = f"{key_type} {getattr(key, 'curve_name', '')}".rstrip()
            raise SettingsError(f"MCP_AUTH_KEY: expected a key for MCP_AUTH_ALGORITHM={algorithm}, not {kind}")
        return key.as_pem(private=False).decode()
    raise SettingsError(f"MCP_AUTH_KEY: {_EXPECTED}")


async def fetch_keys(url: str, algorithm: str) -> list[dict[str, Any]]:
    """Return those keys of the set at `url` (RFC 7517) that can verify signatures with `algorithm`.

    Raises:
        Exception: whatever prevents it; the server at `url` is somebody else's.
    """
    with anyio.fail_after(FETCH_SECONDS):
        async with (
            httpx2.AsyncClient(headers={"Accept-Encoding": "identity"}, follow_redirects=False) as client,
            client.stream("GET", url) as response,
        ):
            if response.status_code != 200:
                raise ValueError(f"status {response.status_code}")
            content = bytearray()
            async for chunk in response.aiter_raw():  # raw, as a compressed set could grow without limit
                content += chunk
                if len(content) > MAX_BYTES:
                    raise ValueError(f"more than {MAX_BYTES} bytes")
    keys = [key for key in json.loads(content)["keys"] if _is_usable(key, algorithm)]
    if not keys:
        raise ValueError(f"no key for {algorithm}")
    return keys


def _is_usable(key: Any, algorithm: str) -> bool:
    """Tell whether a member of the set is for us: others are to be ignored (RFC 7517, section 5)."""
    if not isinstance(key, dict):
        return False
    try:
        imported = _import(key, JWSRegistry.algorithms[algorithm].key_type)
    except (JoseError, SecurityWarning, ValueError, TypeError, KeyError):
        return False
    return _fits(imported, algorithm) and not imported.is_private


def _import(key: str | dict[str, Any], key_type: str) -> RSAKey | ECKey | OKPKey:
    with warnings.catch_warnings():
        warnings.simplefilter("error", SecurityWarning)  # RSA keys of less than 2048 bits, which RFC 7518 forbids
        return _KEY_TYPES[key_type].import_key(key)


def _fits(key: RSAKey | ECKey | OKPKey, algorithm: str) -> bool:
    try:
        JWSRegistry.algorithms[algorithm].check_key(key)
    except JoseError:
        return False
    return True
