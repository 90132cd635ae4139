"""What every MCP server answers, asked by FastMCP's own client in one era of the protocol."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

from fastmcp import Client
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult

from k8s.validation.report import Failed, Question, Report, Skipped, in_a_line
from k8s.validation.server import CALCULATE, ECHO, STATUS, Server, has_tool, is_five, listed, traceback_in

NO_SUCH: Final = "no_such_thing_7f3a"
_REFUSALS: Final = (-32602, -32601)
"""JSON-RPC's codes for what does not fit, and for what is not there."""


@dataclass(frozen=True)
class Era:
    """The client's mode, and the first version of those that it may end up with."""

    name: str
    mode: Literal["auto", "legacy"]


MODERN_ERA: Final = Era("2026-07-28", "auto")
HANDSHAKE_ERA: Final = Era("handshake", "legacy")


async def converse(report: Report, server: Server, era: Era, counts: dict[str, int]) -> None:
    """Ask all there is to ask in this era; `counts` is what /ready has said, if it has."""
    client = Client(server.url, mode=era.mode, auth=server.token or None, timeout=server.timeout)
    conversation = Conversation(server, era, client, counts)
    try:
        async with AsyncExitStack() as stack:
            if await report.ask(f"{era.name}: connects", partial(conversation.connect, stack)):
                await report.ask_all({f"{era.name}: {name}": ask for name, ask in conversation.questions().items()})
            else:
                report.skip(f"{era.name}: lists and calls", "there is no connection")
    except Exception as error:  # of a connection that was lost before
        report.fail(f"{era.name}: disconnects", in_a_line(error))


class Conversation:
    """The questions, in order."""

    def __init__(self, server: Server, era: Era, client: "Client[Any]", counts: dict[str, int]) -> None:
        self._server = server
        self._era = era
        self._client = client
        self._counts = counts
        self._tools: dict[str, dict[str, Any]] | None = None
        self._resources: set[str] | None = None

    def questions(self) -> dict[str, Question]:
        """Return the checks by name; those for servers of this template only where it is one."""
        known: dict[str, Question] = {
            "calls echo": self.echo,
            "calls calculate": self.calculate,
            f"reads {STATUS}": self.status,
        }
        return {
            "lists tools": self.tools,
            "lists resources": self.resources,
            **({f"calls {self._server.tool[0]}": self.tool} if self._server.tool else known),
            "a wrong argument is refused": self.wrong_argument,
            "an unknown tool is refused": self.unknown_tool,
        }

    async def connect(self, stack: AsyncExitStack) -> str:
        """`server/discover` in 2026-07-28, `initialize` before; the stack ends it."""
        await stack.enter_async_context(self._client)
        version, info = self._client.protocol_version or "", self._client.server_info
        modern = version >= MODERN_ERA.name
        if modern != (self._era is MODERN_ERA):
            if self._server.tool:
                raise Skipped(f"the server speaks {version}")
            raise Failed(f"the server speaks {version}, expected {MODERN_ERA.name}")
        return f"{version}, {info.name} {info.version}" if info else version

    async def tools(self) -> str:
        """What can be called."""
        found = await self._client.list_tools()
        self._tools = {tool.name: tool.input_schema for tool in found}
        return listed("tools", len(found), self._counts)

    async def resources(self) -> str:
        """What can be read."""
        capabilities = self._client.server_capabilities
        if capabilities and not capabilities.resources:
            raise Skipped("the server has none")
        found = await self._client.list_resources()
        self._resources = {str(resource.uri) for resource in found}
        return listed("resources", len(found), self._counts)

    async def tool(self) -> str:
        """The tool that was named."""
        name, arguments = self._server.tool or ECHO
        if name not in (known := self._listed_tools()):
            raise Failed(f"{name} is not listed: expected one of {', '.join(sorted(known)) or 'no tools'}")
        result = await self._client.call_tool_mcp(name, arguments)
        if result.is_error:
            raise Failed(f"the tool failed: {_text(result).splitlines()[0][:200]}")
        return f"{len(_text(result))} characters"

    async def echo(self) -> str:
        """What is sent comes back."""
        if ECHO[1]["message"] not in _text(await self._call(ECHO)):
            raise Failed("the message did not come back")
        return "the message came back"

    async def calculate(self) -> str:
        """2 + 3."""
        result = await self._call(CALCULATE)
        if not is_five(result.structured_content or _text(result)):
            raise Failed("2 + 3 is not 5")
        return "2 + 3 = 5"

    async def status(self) -> str:
        """A resource is read by its URI."""
        if self._resources is None:
            raise Skipped("the resources could not be listed")
        if STATUS not in self._resources:
            raise Skipped("it is not listed")
        contents = await self._client.read_resource(STATUS)
        if not contents or not getattr(contents[0], "text", ""):
            raise Failed("the resource is empty")
        return str(contents[0].mime_type)

    async def wrong_argument(self) -> str:
        """A tool that needs arguments gets another one: it does not run, and the answer tells no more than that."""
        needing = [name for name, schema in self._listed_tools().items() if schema.get("required")]
        if not needing:
            raise Skipped("no listed tool needs an argument")
        return await self._refused(needing[0], {NO_SUCH: 1})

    async def unknown_tool(self) -> str:
        """There is no such tool, and the answer tells no more than that."""
        return await self._refused(NO_SUCH, {})

    async def _refused(self, name: str, arguments: dict[str, Any]) -> str:
        try:
            result = await self._client.call_tool_mcp(name, arguments)
            said = _text(result)
        except MCPError as error:
            if error.code not in _REFUSALS:
                raise
            result, said = None, str(error)
        if result and not result.is_error:
            raise Failed(f"{name} was called as if nothing were wrong")
        if traceback_in(said):
            raise Failed("the answer shows a traceback")
        return "refused"

    def _listed_tools(self) -> dict[str, dict[str, Any]]:
        if self._tools is None:
            raise Skipped("the tools could not be listed")
        return self._tools

    async def _call(self, known: tuple[str, dict[str, Any]]) -> CallToolResult:
        if not has_tool(self._listed_tools(), known):
            raise Skipped(f"{known[0]} is not listed as this template has it")
        result = await self._client.call_tool_mcp(*known)
        if result.is_error:
            raise Failed(f"the tool failed: {_text(result).splitlines()[0][:200]}")
        return result


def _text(result: CallToolResult) -> str:
    return "\n".join(getattr(block, "text", "") for block in result.content) or " "
