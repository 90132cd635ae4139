"""Whom the server answers: the guard against DNS rebinding and foreign web pages, and CORS for those it lets in."""

import logging
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Final, NamedTuple

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from serving.answers import refusal
from serving.errors import SettingsError
from serving.route_path import route_path
from serving.settings import Settings

log: Final = logging.getLogger("serving.web.guard")

PROBES: Final = frozenset({"/health", "/ready"})
"""Paths that answer for any host: a kubelet or load balancer asks by the pod's address, or sends no name at all."""
MOST_WARNINGS: Final = 20
"""How many refused hosts, and how many origins, are logged: nobody shall fill the log from outside."""
LONGEST_SHOWN: Final = 100
"""How much of a refused host or origin is shown, in characters."""
LONGEST: Final = 300
"""Longer headers are refused unread; a DNS name has at most 253 characters."""

_EXPOSED: Final = ("Mcp-Session-Id", "MCP-Protocol-Version", "Retry-After", "WWW-Authenticate", "X-Request-ID")
_AUTHORITY: Final = re.compile(r"([a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?|\[[0-9a-f.]*:[0-9a-f:.]*\])(?::([0-9]{1,5}))?")
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LOOPBACK: Final = re.compile(r"localhost|::1|127\.\d+\.\d+\.\d+")
_WILD: Final = re.compile(r"(|[^*]+://)\*\.(.+)")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


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


def guard(settings: Settings) -> list[Middleware]:
    """Build the Host/Origin guard with CORS inside of it.

    CORS may let anybody read the answers, because the guard has refused every origin that should not.

    Raises:
        SettingsError: an entry of `allowed_hosts` or `allowed_origins`, or `public_url`, is no such thing.
    """
    hosts = _entries(
        "MCP_ALLOWED_HOSTS",
        settings.allowed_hosts,
        _host_entry,
        "host names like mcp.example.com, *.example.com or 10.0.0.7:8000",
    )
    origins = _entries(
        "MCP_ALLOWED_ORIGINS",
        settings.allowed_origins,
        _origin_entry,
        "origins like https://app.example.com, https://*.example.com or http://10.0.0.7:8000",
    )
    own = _host_entry(settings.host)
    if own and not _address(own.name):  # a name that we were told to listen on is ours
        hosts.append(own._replace(port=None))
    if settings.public_url:
        [public] = _entries("MCP_PUBLIC_URL", [settings.public_url], _origin, "a URL like https://mcp.example.com")
        hosts.append(Place("", public.name, None))
        origins.append(public)
    return [
        Middleware(Guard, hosts=hosts, origins=origins),
        Middleware(
            CORSMiddleware,
            allow_origin_regex=".*",
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],  # Mcp-Param-* cannot be listed
            allow_private_network=True,
            expose_headers=_EXPOSED,
        ),
    ]


class Guard:
    """ASGI middleware: refuse requests for a foreign host with 421, and of a foreign origin with 403.

    Served are loopback hosts, the IP address that the client has connected to, and `hosts`; of origins, the host's
    own, loopback ones that call a loopback host, and `origins`. A request without Origin comes from no web page.
    This is what the MCP specification asks for (Streamable HTTP, security warning).
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[Place], origins: Sequence[Place]) -> None:
        self.app = app
        self.hosts = hosts
        self.origins = origins
        self.warned: defaultdict[str, set[str]] = defaultdict(set)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it; a websocket is refused by closing it."""
        refused: ASGIApp | None = None if scope["type"] == "lifespan" else self._refuse(scope)
        if refused and scope["type"] == "websocket":
            refused = WebSocketClose(1008)
        await (refused or self.app)(scope, receive, send)

    def _refuse(self, scope: Scope) -> Response | None:
        given = _values(scope, b"host")
        host = _only(given, _host)
        if host and not self._serves(host, scope):
            host = None
        if host is None and route_path(scope) not in PROBES:
            return self._refusal(421, "misdirected_request", "for the host", given, "MCP_ALLOWED_HOSTS")
        given = _values(scope, b"origin") or _hidden_origin(scope)
        if given and not self._lets_in(_only(given, _origin), host):
            return self._refusal(403, "forbidden_origin", "pages of the origin", given, "MCP_ALLOWED_ORIGINS")
        return None

    def _serves(self, host: Place, scope: Scope) -> bool:
        if _LOOPBACK.fullmatch(host.name) or any(_covers(entry, host) for entry in self.hosts):
            return True
        server = scope.get("server")  # no name can be rebound to an address that is written out
        return server is not None and _address(server[0]) == host.name

    def _lets_in(self, origin: Place | None, host: Place | None) -> bool:
        if origin is None:
            return False
        if host and origin.scheme in _DEFAULT_PORTS:
            # Only host and port are compared: behind an ingress that ends TLS, our own scheme is not the browser's.
            if (origin.name, origin.port) == (host.name, host.port or _DEFAULT_PORTS[origin.scheme]):
                return True
            if _LOOPBACK.fullmatch(origin.name) and _LOOPBACK.fullmatch(host.name):
                return True
        return any(_covers(entry, origin) for entry in self.origins)

    def _refusal(self, status: int, code: str, what: str, given: Iterable[str], key: str) -> Response:
        shown = ", ".join(given)[:LONGEST_SHOWN]
        message = f"this server does not answer {what} {shown!r}: if it should, add it to {key}"
        warned = self.warned[code]
        if message not in warned and len(warned) < MOST_WARNINGS:
            warned.add(message)
            log.warning(message)
        return refusal(status, code, message, {"Vary": "Origin"} if code == "forbidden_origin" else None)


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def _only(given: Sequence[str], read: Callable[[str], Place | None]) -> Place | None:
    return read(given[0]) if len(given) == 1 and len(given[0]) <= LONGEST else None


def _hidden_origin(scope: Scope) -> list[str]:
    # Browsers send Origin with a POST, but not with what a page embeds, and a GET can run a resource's code. Such a
    # page counts as one that hides where it comes from. A link from another site to ours works: it opens a document.
    if "cross-site" not in _values(scope, b"sec-fetch-site"):
        return []
    opened = scope.get("method") in ("GET", "HEAD") and "document" in _values(scope, b"sec-fetch-dest")
    return [] if opened else ["null"]


def _covers(entry: Place, given: Place) -> bool:
    if entry.name == "*":
        return True
    if entry.scheme != given.scheme:
        return False
    if entry.name != given.name and not (entry.name.startswith("*") and given.name.endswith(entry.name[1:])):
        return False
    if entry.scheme or entry.port == given.port:
        return entry.port == given.port
    # A Host without a port is at the default one of whichever scheme the client has used.
    return entry.port is None or (given.port is None and entry.port in _DEFAULT_PORTS.values())


@lru_cache(maxsize=128)  # a server is called by few names, and 127.0.0.1 takes 3 microseconds to read
def _host(text: str, scheme: str = "") -> Place | None:
    """Read `name[:port]`, with IPv6 addresses in brackets; None when it is anything else.

    A name that ends in a number is an IPv4 address in four parts or nothing: browsers also take `2130706433` and
    `0x7f.1` for 127.0.0.1 (WHATWG URL, "ends in a number").
    """
    found = _AUTHORITY.fullmatch(text.lower()) if text.isascii() else None
    if found is None:
        return None
    name = found[1].removesuffix(".")
    if name[0] == "[" or _NUMBER.fullmatch(name.rpartition(".")[2]):
        name = _address(name.strip("[]")) or ""
    port = int(found[2]) if found[2] else _DEFAULT_PORTS.get(scheme)
    return Place(scheme, name, port) if name and (port or 0) <= 65535 else None


def _origin(text: str) -> Place | None:
    """Read `scheme://host[:port]`, as browsers serialise an origin (RFC 6454), or `null`."""
    scheme, _, authority = text.partition("://")
    scheme = scheme.lower()
    if text == "null":
        return NULL
    return _host(authority, scheme) if text.isascii() and _SCHEME.fullmatch(scheme) else None


def _address(text: str) -> str | None:
    """Return an IP address in its canonical form, an IPv4 one that is mapped into IPv6 as IPv4; else None."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return str((isinstance(address, IPv6Address) and address.ipv4_mapped) or address)


def _entries(key: str, given: Iterable[str], read: Callable[[str], Place | None], expected: str) -> list[Place]:
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
    if place is None or (wild and _address(place.name)):
        return None
    return place._replace(name=f"*.{place.name}") if wild else place


def _host_entry(text: str) -> Place | None:
    return _host(f"[{text}]" if ":" in text and _address(text) else text)


def _origin_entry(text: str) -> Place | None:
    return _origin(text.removesuffix("/"))
