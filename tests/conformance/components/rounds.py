"""input-required-result-*: calls that ask a client of 2026-07-28, which then calls again with the answer."""

import mcp_types as types
from fastmcp import Context
from fastmcp.tools import Tool, tool

from tests.conformance.components._rounds import answers, ask, filled_in, form, sample


@tool
def test_input_required_result_elicitation(ctx: Context) -> str | types.InputRequiredResult:
    """Ask the user."""
    if name := filled_in(ctx, "user_name").get("name"):
        return f"Hello, {name}!"
    return ask(user_name=form("What is your name?", name="string"))


@tool
def test_input_required_result_sampling(ctx: Context) -> str | types.InputRequiredResult:
    """Ask the client's model."""
    if answer := answers(ctx).get("capital_question"):
        return f"LLM response: {answer}"
    return ask(capital_question=sample("What is the capital of France?"))


@tool
def test_input_required_result_list_roots(ctx: Context) -> str | types.InputRequiredResult:
    """Ask for the client's roots."""
    if answer := answers(ctx).get("client_roots"):
        return f"Roots: {answer}"
    return ask(client_roots=types.ListRootsRequest())


@tool
def test_input_required_result_multiple_inputs(ctx: Context) -> str | types.InputRequiredResult:
    """Ask the user, the client's model and for its roots at once."""
    if answers(ctx).keys() >= {"user_name", "greeting", "client_roots"}:
        return "All answers arrived"
    return ask(
        "asked",
        user_name=form("What is your name?", name="string"),
        greeting=sample("Generate a greeting"),
        client_roots=types.ListRootsRequest(),
    )


@tool
def test_input_required_result_request_state(ctx: Context) -> str | types.InputRequiredResult:
    """Ask the user and get the state back; one that was tampered with never gets here."""
    if ctx.request_state == "asked" and filled_in(ctx, "confirm"):
        return "state-ok"
    return ask("asked", confirm=form("Please confirm", ok="boolean"))


@tool
def test_input_required_result_multi_round(ctx: Context) -> str | types.InputRequiredResult:
    """Ask the user twice; the state carries the first answer."""
    if color := filled_in(ctx, "step2").get("color"):
        return f"{ctx.request_state} likes {color}"
    if name := filled_in(ctx, "step1").get("name"):
        return ask(name, step2=form("Step 2: What is your favorite color?", color="string"))
    return ask("somebody", step1=form("Step 1: What is your name?", name="string"))


# The suite also knows two of them by another name.
streaming = Tool.from_function(test_input_required_result_elicitation, name="test_streaming_elicitation")
tampered = Tool.from_function(
    test_input_required_result_request_state, name="test_input_required_result_tampered_state"
)
