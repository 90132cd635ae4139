"""Hooks for calls, and for nothing else."""

from fastmcp import Client, FastMCP
from mcp_types import PromptReference

from serving.calls.hooks import AroundCalls, CallMiddleware


class Note(CallMiddleware):
    def __init__(self):
        self.seen = []

    async def note(self, context, call_next):
        self.seen.append(context.method)
        return await call_next(context)

    on_call_tool = on_complete = note


async def test_a_hook_is_asked_about_its_kind_of_call_only():
    note = Note()
    mcp = FastMCP("test", middleware=[AroundCalls([note])])
    mcp.tool(lambda: 1, name="one")
    mcp.resource("test://one")(lambda: "1")
    mcp.prompt(lambda: "1", name="one")
    mcp.completion(lambda *_: [])
    async with Client(mcp) as client:
        await client.list_tools()
        await client.read_resource("test://one")
        await client.get_prompt("one")
        await client.call_tool("one")
        await client.complete(PromptReference(type="ref/prompt", name="one"), {"name": "a", "value": ""})
    assert note.seen == ["tools/call", "completion/complete"]
