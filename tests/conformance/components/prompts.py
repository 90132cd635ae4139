"""prompts-*, input-required-result-non-tool-request: a prompt for each kind of content, and one that asks."""

import mcp_types as types
from fastmcp import Context
from fastmcp.prompts import Message, prompt

from tests.conformance.components._content import IMAGE, embed
from tests.conformance.components._rounds import ask, filled_in, form


@prompt
def test_simple_prompt() -> str:
    """Return text."""
    return "This is a simple prompt for testing."


@prompt
def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
    """Return the arguments."""
    return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"


@prompt
def test_prompt_with_embedded_resource(resourceUri: str) -> list[Message]:  # noqa: N803  the suites' name
    """Return a resource and text."""
    resource = embed(resourceUri, "text/plain", "Embedded resource content for testing.")
    return [Message(resource), Message("Please process the embedded resource above.")]


@prompt
def test_prompt_with_image() -> list[Message]:
    """Return an image and text."""
    return [Message(IMAGE), Message("Please analyze the image above.")]


@prompt
def test_input_required_result_prompt(ctx: Context) -> str | types.InputRequiredResult:
    """Ask the user."""
    if text := filled_in(ctx, "user_context").get("context"):
        return f"Use this context: {text}"
    return ask(user_context=form("What context should the prompt use?", context="string"))
