"""resources-*: a resource for each kind of content, one to watch and one with a parameter."""

from base64 import b64decode
from typing import Any

from fastmcp.resources import resource

from tests.conformance.components._content import PNG


@resource("test://static-text", mime_type="text/plain")
def static_text() -> str:
    """Return text."""
    return "This is the content of the static text resource."


@resource("test://static-binary", mime_type="image/png")
def static_binary() -> bytes:
    """Return an image."""
    return b64decode(PNG)


@resource("test://watched-resource", mime_type="text/plain")
def watched_resource() -> str:
    """Return what a client can subscribe to."""
    return "Watched resource content"


@resource("test://template/{id}/data", mime_type="application/json")
def template(id: str) -> dict[str, Any]:  # noqa: A002  the suites' name
    """Return what the address says."""
    return {"id": id, "templateTest": True, "data": f"Data for ID: {id}"}
