"""The two sides of a round of 2026-07-28: the questions that end it, and the answers that the next one brings."""

from typing import Any

import mcp_types as types
from fastmcp import Context


def ask(state: str | None = None, /, **questions: types.InputRequest) -> types.InputRequiredResult:
    """End this round; the client calls again with `state` and the answers."""
    return types.InputRequiredResult(input_requests=questions, request_state=state)


def form(message: str, **fields: str) -> types.ElicitRequest:
    """Make a question to the user from the names and JSON types of the fields."""
    schema = {
        "type": "object",
        "properties": {name: {"type": kind} for name, kind in fields.items()},
        "required": list(fields),
    }
    return types.ElicitRequest(params=types.ElicitRequestFormParams(message=message, requested_schema=schema))


def sample(text: str) -> types.CreateMessageRequest:
    """Make a question to the client's model."""
    message = types.SamplingMessage(role="user", content=types.TextContent(text=text))
    return types.CreateMessageRequest(params=types.CreateMessageRequestParams(messages=[message], max_tokens=100))


def answers(ctx: Context) -> types.InputResponses:
    """Return the answers that came with this round."""
    return ctx.input_responses or {}


def filled_in(ctx: Context, question: str) -> dict[str, Any]:
    """Return the fields that the user filled in; none when the question was declined or not asked yet."""
    answer = answers(ctx).get(question)
    return dict(answer.content or {}) if isinstance(answer, types.ElicitResult) else {}
