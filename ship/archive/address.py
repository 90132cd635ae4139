"""Which addresses are followed, and how they are shown: what is secret in one can be anywhere in it."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from ship.archive.errors import ArchiveError, one_line
from ship.archive.source import Source


def check(source: Source) -> None:
    """See that a source has an address that is followed: of a file here, or of a server.

    Raises:
        ArchiveError: it has none.
    """
    if is_local(source.url):
        path_of(source)
    else:
        check_address(source.url, source)


def check_address(url: str, source: Source, called: str = "") -> None:
    """See that an address, the source's or one that it leads to, is of a server, and followed.

    It is not shown, because it may have a password in any place: it is `called` so, or as the setting.

    Raises:
        ArchiveError: it has another scheme, or no host.
    """
    called = called or source.setting("URL")
    try:
        parts = urlsplit(url)
        scheme, host, _ = parts.scheme.lower(), parts.hostname, parts.port
    except ValueError:
        scheme, host = "", None
    if scheme not in ("https", "http") or not host:
        raise ArchiveError(f"{called}: {_expected(source)}")
    if scheme == "http" and not source.allow_http:
        raise ArchiveError(f"{called}: expected https ({source.setting('ALLOW_HTTP')}=true allows http)")


def shown(url: str) -> str:
    """Return an address that is one, without what can be secret in it: all before the last @, and its query."""
    parts = urlsplit(url)
    return one_line(f"{parts.scheme}://{(parts.netloc + parts.path).rpartition('@')[2]}", 200)


def is_local(url: str) -> bool:
    """Say whether it is of a file, and not of a server."""
    return url.lower().startswith("file:")


def path_of(source: Source) -> Path:
    """Return the path in a source's file: URL (RFC 8089)."""
    try:
        parts = urlsplit(source.url)
    except ValueError:
        raise ArchiveError(f"{source.setting('URL')}: {_expected(source)}") from None
    path = Path(unquote(parts.path))
    if parts.netloc not in ("", "localhost") or not path.is_absolute() or "\0" in str(path):
        raise ArchiveError(f"{source.setting('URL')}: expected file:///, followed by a path of this machine")
    return path


def _expected(source: Source) -> str:
    return f"expected an address like https://example.com/{source.example} or file:///path/{source.example}"
