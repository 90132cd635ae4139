"""The smallest tools there are: copy this file to start your own."""

from fastmcp.tools import tool


@tool(annotations={"readOnlyHint": True, "openWorldHint": False})
def echo(message: str) -> str:
    """Return the message, so that a client can see that the server is there."""
    return f"Echo: {message}"


@tool(annotations={"readOnlyHint": True, "openWorldHint": False})
def greet(name: str) -> str:
    """Greet somebody by name."""
    return f"Hello, {name}!"
