"""tools-call-*: one tool for each kind of content."""

import mcp_types as types
from fastmcp.exceptions import ToolError
from fastmcp.tools import tool

from tests.conformance.components._content import IMAGE, SOUND, embed


@tool
def test_simple_text() -> str:
    """Return text."""
    return "This is a simple text response for testing."


@tool
def test_image_content() -> types.ImageContent:
    """Return an image."""
    return IMAGE


@tool
def test_audio_content() -> types.AudioContent:
    """Return a sound."""
    return SOUND


@tool
def test_embedded_resource() -> types.EmbeddedResource:
    """Return a resource."""
    return embed("test://embedded-resource", "text/plain", "This is an embedded resource content.")


@tool
def test_multiple_content_types() -> list[types.ContentBlock]:
    """Return text, an image and a resource."""
    resource = embed("test://mixed-content-resource", "application/json", '{"test":"data","value":123}')
    return [types.TextContent(text="Multiple content types test:"), IMAGE, resource]


@tool
def test_error_handling() -> None:
    """Fail."""
    raise ToolError("This tool intentionally returns an error for testing")
