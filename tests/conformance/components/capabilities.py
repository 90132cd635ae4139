"""server-stateless, input-required-result-capability-check: tools that mind what the client says that it can do."""

import mcp_types as types
from fastmcp import Context
from fastmcp.tools import tool
from mcp import MCPError

from tests.conformance.components._rounds import ask, form, sample


@tool
def test_missing_capability(ctx: Context) -> None:
    """Insist on a client that can sample."""
    needed = types.ClientCapabilities(sampling=types.SamplingCapability())
    if not ctx.session.check_client_capability(needed):
        data = types.MissingRequiredClientCapabilityErrorData(required_capabilities=needed)
        raise MCPError(
            types.MISSING_REQUIRED_CLIENT_CAPABILITY,
            "This tool needs a client that can sample",
            data.model_dump(by_alias=True, exclude_none=True),
        )


@tool
def test_input_required_result_capabilities(ctx: Context) -> str | types.InputRequiredResult:
    """Ask only what the client can answer."""
    declared = ctx.session.client_capabilities
    if ctx.input_responses or not declared:
        return "Nothing to ask"
    questions: dict[str, types.InputRequest] = {}
    if declared.sampling:
        questions["greeting"] = sample("Generate a greeting")
    if declared.elicitation:
        questions["user_name"] = form("What is your name?", name="string")
    return ask("asked", **questions)
