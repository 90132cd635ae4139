"""Completions are as visible as what they complete, which FastMCP does not look at."""

from typing import Any

from fastmcp import FastMCP
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS

from serving.calls.hooks import Call, CallMiddleware, Next


class HideCompletions(CallMiddleware):
    """Refuse completions for a prompt or resource template that the caller may not see, as if there were none."""

    async def on_complete(self, context: Call, call_next: Next) -> Any:
        """Complete what can be seen.

        Raises:
            MCPError: there is no such prompt or template, as far as the caller may know.
        """
        reference = context.message.get("ref") if isinstance(context.message, dict) else None
        if isinstance(reference, dict) and context.fastmcp_context:
            what = reference.get("name") or reference.get("uri")
            if what not in await _visible(context.fastmcp_context.fastmcp, reference.get("type")):
                raise MCPError(INVALID_PARAMS, f"nothing to complete: {str(what)[:100]!r} is not here")
        return await call_next(context)


async def _visible(server: FastMCP, kind: Any) -> set[str]:
    if kind == "ref/prompt":
        return {prompt.name for prompt in await server.list_prompts(run_middleware=False)}
    return {template.uri_template for template in await server.list_resource_templates(run_middleware=False)}
