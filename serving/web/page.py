"""`GET /`: what this server is and where it answers; for a browser, a page that tries it out (`page.html`)."""

import hashlib
import re
from base64 import b64encode
from pathlib import Path
from typing import Final

import fastmcp
from fastmcp import FastMCP
from mcp_types.version import KNOWN_PROTOCOL_VERSIONS
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from serving.settings import Settings

PAGE: Final = Path(__file__).with_name("page.html")

_Q: Final = re.compile(r"q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)")
_HEADERS: Final = {"Vary": "Accept", "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}


def page_route(mcp: FastMCP, settings: Settings, runtime: str = "python") -> Route:
    """Build the route: `{"service", "version", "protocol", "endpoints", "runtime", "auth"}`, or the page.

    Protocol versions come newest first. `runtime` is what the tools run on: `python`, or what an adapter brings.
    Nothing here takes a token, so nothing here says what a token would protect.
    """
    body = {
        "protocol": KNOWN_PROTOCOL_VERSIONS[::-1],
        "endpoints": endpoints(settings),
        "runtime": runtime,
        "auth": settings.auth,
    }
    html = PAGE.read_text("utf-8") if settings.page else ""
    etag = f'"{hashlib.sha256(html.encode()).hexdigest()[:32]}"'
    headers = {**_HEADERS, **_page_headers(html), "ETag": etag}

    async def page(request: Request) -> Response:
        if not (settings.page and prefers_html(",".join(request.headers.getlist("accept")))):
            who = {"service": mcp.name, "version": mcp.version}  # asked now, because an adapter learns it late
            return JSONResponse(who | body, headers=_HEADERS)
        if etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(html, media_type="text/html", headers=headers)

    return Route("/", page)


def endpoints(settings: Settings) -> dict[str, str]:
    """Return the path of everything that answers over HTTP, by name."""
    sse = {"sse": settings.endpoint, "messages": fastmcp.settings.message_path}
    found = sse if settings.transport == "sse" else {"mcp": settings.endpoint}
    found |= {"health": "/health", "ready": "/ready"}
    if settings.rest:
        found |= {"tools": "/mcp/tools", "resources": "/mcp/resources", "execute": "/mcp/execute"}
        found |= {"openapi": "/openapi.json"}
    if settings.metrics_port == 0:
        found |= {"metrics": "/metrics"}
    return found


def prefers_html(accept: str) -> bool:
    """Tell a browser from a program: HTML must be wanted more than JSON (RFC 9110, 12.5.1)."""
    return _quality(accept, "text/html") > _quality(accept, "application/json")


def _quality(accept: str, media_type: str) -> float:
    """Return the weight of the most specific range that covers the type; 0 when none does, or when it is malformed."""
    ranges = ["*/*", media_type.partition("/")[0] + "/*", media_type]
    found = (-1, 0.0)
    for entry in accept.lower().split(","):
        name, *parameters = (part.strip() for part in entry.split(";"))
        if name in ranges:
            weight = next((part for part in parameters if part.startswith("q=")), "q=1")
            match = _Q.fullmatch(weight)
            found = max(found, (ranges.index(name), float(match[1]) if match else 0.0))
    return found[1]


def _page_headers(html: str) -> dict[str, str]:
    """Let the browser run this very script and style, talk to this server, and nothing else.

    Trusted types refuse what would parse a string as markup, should the script ever try.
    """
    policy = {
        "default-src": "'none'",
        "script-src": _hashes(html, "script"),
        "style-src": _hashes(html, "style"),
        "connect-src": "'self'",
        "img-src": "'self' data:",
        "media-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Referrer-Policy": "no-referrer",
        "X-Frame-Options": "DENY",
    }


def _hashes(html: str, tag: str) -> str:
    blocks = re.findall(rf"<{tag}\b[^>]*>(.*?)</{tag}>", html, re.DOTALL)
    return " ".join(f"'sha256-{b64encode(hashlib.sha256(block.encode()).digest()).decode()}'" for block in blocks)
