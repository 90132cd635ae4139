"""Whom the server answers: the guard against DNS rebinding and foreign web pages, and CORS for those it lets in."""

import logging
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from serving.answers import refusal
from serving.route_path import route_path
from serving.settings import Settings
from serving.web.places import (
    DEFAULT_PORTS,
    Place,
    canonical_address,
    covers,
    host_entry,
    origin_entry,
    read_entries,
    read_host,
    read_origin,
)

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
_LOOPBACK: Final = re.compile(r"localhost|::1|127\.\d+\.\d+\.\d+")


def guard(settings: Settings) -> list[Middleware]:
    """Build the Host/Origin guard with CORS inside of it.

    CORS may let anybody read the answers, because the guard has refused every origin that should not.

    Raises:
        SettingsError: an entry of `allowed_hosts` or `allowed_origins`, or `public_url`, is no such thing.
    """
    hosts = read_entries(
        "MCP_ALLOWED_HOSTS",
        settings.allowed_hosts,
        host_entry,
        "host names like mcp.example.com, *.example.com or 10.0.0.7:8000",
    )
    origins = read_entries(
        "MCP_ALLOWED_ORIGINS",
        settings.allowed_origins,
        origin_entry,
        "origins like https://app.example.com, https://*.example.com or http://10.0.0.7:8000",
    )
    own = host_entry(settings.host)
    if own and not canonical_address(own.name):  # a name that we were told to listen on is ours
        hosts.append(own._replace(port=None))
    if settings.public_url:
        [public] = read_entries(
            "MCP_PUBLIC_URL", [settings.public_url], read_origin, "a URL like https://mcp.example.com"
        )
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
        host = _only(given, read_host)
        if host and not self._serves(host, scope):
            host = None
        if host is None and route_path(scope) not in PROBES:
            return self._refusal(421, "misdirected_request", "for the host", given, "MCP_ALLOWED_HOSTS")
        given = _values(scope, b"origin") or _hidden_origin(scope)
        if given and not self._lets_in(_only(given, read_origin), host):
            return self._refusal(403, "forbidden_origin", "pages of the origin", given, "MCP_ALLOWED_ORIGINS")
        return None

    def _serves(self, host: Place, scope: Scope) -> bool:
        if _LOOPBACK.fullmatch(host.name) or any(covers(entry, host) for entry in self.hosts):
            return True
        server = scope.get("server")  # no name can be rebound to an address that is written out
        return server is not None and canonical_address(server[0]) == host.name

    def _lets_in(self, origin: Place | None, host: Place | None) -> bool:
        if origin is None:
            return False
        if host and origin.scheme in DEFAULT_PORTS:
            # Only host and port are compared: behind an ingress that ends TLS, our own scheme is not the browser's.
            if (origin.name, origin.port) == (host.name, host.port or DEFAULT_PORTS[origin.scheme]):
                return True
            if _LOOPBACK.fullmatch(origin.name) and _LOOPBACK.fullmatch(host.name):
                return True
        return any(covers(entry, origin) for entry in self.origins)

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
