"""The stdio server that is wrapped: one tool that gives back what it is told."""

from fastmcp import FastMCP

mcp = FastMCP("echo")


@mcp.tool
def echo(message: str) -> str:
    """Give the message back."""
    return f"Echo: {message}"


if __name__ == "__main__":
    mcp.run("stdio", show_banner=False)
