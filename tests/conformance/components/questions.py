"""tools-call-sampling, tools-call-elicitation, elicitation-*: calls that ask a client of the handshake era."""

from typing import Annotated, Final, Literal

import mcp_types as types
from fastmcp import Context
from fastmcp.tools import tool
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

TITLED: Final = [{"const": "value1", "title": "First"}, {"const": "value2", "title": "Second"}]


class Account(BaseModel):
    """Two fields that the suite expects, with its descriptions."""

    username: str = Field(description="User's response")
    email: str = Field(description="User's email address")


class Defaults(BaseModel):
    """SEP-1034: a default of each primitive type."""

    name: str = "John Doe"
    age: int = 30
    score: float = 95.5
    status: Literal["active", "inactive", "pending"] = "active"
    verified: bool = True


class Choices(BaseModel):
    """SEP-1330: every way to write a choice."""

    model_config = ConfigDict(alias_generator=to_camel)

    untitled_single: Literal["option1", "option2"]
    titled_single: Annotated[str, Field(json_schema_extra={"oneOf": TITLED})]
    legacy_enum: Annotated[str, Field(json_schema_extra={"enum": ["opt1", "opt2"], "enumNames": ["One", "Two"]})]
    untitled_multi: list[Literal["option1", "option2"]]
    titled_multi: Annotated[list[str], Field(json_schema_extra={"items": {"anyOf": TITLED}})]


@tool
async def test_sampling(prompt: str, ctx: Context) -> str:
    """Ask the client's model."""
    question = types.SamplingMessage(role="user", content=types.TextContent(text=prompt))
    answer = await ctx.session.create_message([question], max_tokens=100, related_request_id=ctx.request_id)
    return f"LLM response: {answer.content}"


@tool
async def test_elicitation(message: str, ctx: Context) -> str:
    """Ask the user for an account."""
    return f"User response: {await ctx.elicit(message, Account)}"


@tool
async def test_elicitation_sep1034_defaults(ctx: Context) -> str:
    """Ask the user, with a default in each field."""
    return f"User response: {await ctx.elicit('Please review', Defaults)}"


@tool
async def test_elicitation_sep1330_enums(ctx: Context) -> str:
    """Ask the user to choose."""
    return f"User response: {await ctx.elicit('Please choose', Choices)}"
