"""Hosts and origins, as headers and settings name them: read strictly, and compared."""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Final, NamedTuple

from serving.errors import SettingsError

DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_AUTHORITY: Final = re.compile(r"([a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?|\[[0-9a-f.]*:[0-9a-f:.]*\])(?::([0-9]{1,5}))?")
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_WILD: Final = re.compile(r"(|[^*]+://)\*\.(.+)")


class Place(NamedTuple):
    """A host as headers and settings name it.

    `scheme` is empty where it comes from a Host header, `name` is in lower case and without the trailing dot (IP
    addresses in their one canonical form), `port` is None where none is given and the scheme implies none. In
    settings, `name` may also be `*` or begin with `*.`; a Host without scheme and port then stands for any port.
    """

    scheme: str
    name: str
    port: int | None


ANY: Final = Place("", "*", None)
NULL: Final = Place("null", "", None)
"""The origin of a page that has none, such as a file or a sandboxed frame; it must be listed to be let in."""


def covers(entry: Place, given: Place) -> bool:
    """Tell whether an entry of the settings stands for a host or origin that was given."""
    if entry.name == "*":
        return True
    if entry.scheme != given.scheme:
        return False
    if entry.name != given.name and not (entry.name.startswith("*") and given.name.endswith(entry.name[1:])):
        return False
    if entry.scheme or entry.port == given.port:
        return entry.port == given.port
    # A Host without a port is at the default one of whichever scheme the client has used.
    return entry.port is None or (given.port is None and entry.port in DEFAULT_PORTS.values())


@lru_cache(maxsize=128)  # a server is called by few names, and 127.0.0.1 takes 3 microseconds to read
def read_host(text: str, scheme: str = "") -> Place | None:
    """Read `name[:port]`, with IPv6 addresses in brackets; None when it is anything else.

    A name that ends in a number is an IPv4 address in four parts or nothing: browsers also take `2130706433` and
    `0x7f.1` for 127.0.0.1 (WHATWG URL, "ends in a number").
    """
    found = _AUTHORITY.fullmatch(text.lower()) if text.isascii() else None
    if found is None:
        return None
    name = found[1].removesuffix(".")
    if name[0] == "[" or _NUMBER.fullmatch(name.rpartition(".")[2]):
        name = canonical_address(name.strip("[]")) or ""
    port = int(found[2]) if found[2] else DEFAULT_PORTS.get(scheme)
    return Place(scheme, name, port) if name and (port or 0) <= 65535 else None


def read_origin(text: str) -> Place | None:
    """Read `scheme://host[:port]`, as browsers serialise an origin (RFC 6454), or `null`."""
    scheme, _, authority = text.partition("://")
    scheme = scheme.lower()
    if text == "null":
        return NULL
    return read_host(authority, scheme) if text.isascii() and _SCHEME.fullmatch(scheme) else None


def canonical_address(text: str) -> str | None:
    """Return an IP address in its canonical form, an IPv4 one that is mapped into IPv6 as IPv4; else None."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return str((isinstance(address, IPv6Address) and address.ipv4_mapped) or address)


def read_entries(key: str, given: Iterable[str], read: Callable[[str], Place | None], expected: str) -> list[Place]:
    """Read the entries of the setting `key`, `*` and wildcards included.

    Raises:
        SettingsError: one that is not as `expected`.
    """
    found = []
    for text in given:
        place = ANY if text == "*" else _entry(text, read)
        if place is None:
            raise SettingsError(f"{key}={text}: expected {expected}")
        found.append(place)
    return found


def _entry(text: str, read: Callable[[str], Place | None]) -> Place | None:
    wild = _WILD.fullmatch(text)  # no name has an asterisk, so it is taken off to read the rest
    place = read(wild[1] + wild[2] if wild else text)
    if place is None or (wild and canonical_address(place.name)):
        return None
    return place._replace(name=f"*.{place.name}") if wild else place


def host_entry(text: str) -> Place | None:
    """Read an entry of `allowed_hosts`; IPv6 addresses need no brackets there."""
    return read_host(f"[{text}]" if ":" in text and canonical_address(text) else text)


def origin_entry(text: str) -> Place | None:
    """Read an entry of `allowed_origins`; a slash at the end does no harm there."""
    return read_origin(text.removesuffix("/"))
