"""Which addresses are followed, and how they are shown: what is secret in one can be anywhere in it."""

from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from ship.mcpb.errors import BundleError, one_line

_EXPECTED: Final = "expected an address like https://example.com/x.mcpb or file:///path/x.mcpb"


def check(url: str, *, allow_http: bool) -> None:
    """See that BUNDLE_URL is an address that is followed: of a file here, or of a server.

    Raises:
        BundleError: it is not.
    """
    if is_local(url):
        path_of(url)
    else:
        check_address(url, allow_http=allow_http)


def check_address(url: str, *, allow_http: bool, called: str = "BUNDLE_URL") -> None:
    """See that an address is one that is followed. It is not shown, because it may have a password in any place.

    Raises:
        BundleError: it has another scheme, or no host.
    """
    try:
        parts = urlsplit(url)
        scheme, host, _ = parts.scheme.lower(), parts.hostname, parts.port
    except ValueError:
        scheme, host = "", None
    if scheme not in ("https", "http") or not host:
        raise BundleError(f"{called}: {_EXPECTED}")
    if scheme == "http" and not allow_http:
        raise BundleError(f"{called}: expected https (BUNDLE_ALLOW_HTTP=true allows http)")


def shown(url: str) -> str:
    """Return an address that is one, without what can be secret in it: all before the last @, and its query."""
    parts = urlsplit(url)
    return one_line(f"{parts.scheme}://{(parts.netloc + parts.path).rpartition('@')[2]}", 200)


def is_local(url: str) -> bool:
    """Say whether it is of a file, and not of a server."""
    return url.lower().startswith("file:")


def path_of(url: str) -> Path:
    """Return the path in a file: URL (RFC 8089)."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise BundleError(f"BUNDLE_URL: {_EXPECTED}") from None
    path = Path(unquote(parts.path))
    if parts.netloc not in ("", "localhost") or not path.is_absolute() or "\0" in str(path):
        raise BundleError("BUNDLE_URL: expected file:///, followed by a path of this machine")
    return path
