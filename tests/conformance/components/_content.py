"""Content that tools, resources and prompts return alike."""

from typing import Final

import mcp_types as types

PNG: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNgAAAAAgAB5Sfe/AAAAABJRU5ErkJggg=="
WAV: Final = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQIAAAAAAA=="
IMAGE: Final = types.ImageContent(data=PNG, mime_type="image/png")
SOUND: Final = types.AudioContent(data=WAV, mime_type="audio/wav")


def embed(uri: str, mime_type: str, text: str) -> types.EmbeddedResource:
    """Put text into a message as a resource."""
    return types.EmbeddedResource(resource=types.TextResourceContents(uri=uri, mime_type=mime_type, text=text))
