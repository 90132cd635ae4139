"""FastMCP's way to a child: what it lists, and which child a request goes to.

FastMCP's own ProxyProvider opens a connection to its backend for each call, and knows neither a pool nor an end of it.
"""

import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import mcp_types as types
from fastmcp import FastMCP
from fastmcp.prompts import Prompt
from fastmcp.resources import Resource, ResourceTemplate
from fastmcp.server.dependencies import get_context
from fastmcp.server.providers import Provider
from fastmcp.tools import Tool
from fastmcp.utilities.components import FastMCPComponent
from fastmcp.utilities.versions import VersionSpec
from mcp.server.connection import Connection
from mcp.shared.exceptions import MCPError
from mcp_types import METHOD_NOT_FOUND
from pydantic import ValidationError

from ship.adapter.children.child import Child
from ship.adapter.children.pool import Pool
from ship.adapter.children.sessions import SessionChildren
from ship.adapter.front.caller import Rounds
from ship.adapter.front.components import ChildPrompt, ChildResource, ChildTemplate, ChildTool

log: Final = logging.getLogger("ship.adapter.front.provider")


class ChildProvider(Provider):
    """Offers what the children do. Lists are asked for once, and again when a child says that they have changed."""

    def __init__(self, pool: Pool, sessions: SessionChildren | None) -> None:
        super().__init__()
        self._pool, self._sessions = pool, sessions
        self._rounds = Rounds()

    async def pick(self) -> Child:
        """Return the child for the request that is being answered.

        Raises:
            ChildGoneError: none lives, or none is left for this session.
        """
        try:
            request = get_context().request_context
        except RuntimeError:
            request = None
        return await self.child_of(request.session._connection) if request else self._pool.pick()

    async def child_of(self, connection: Connection) -> Child:
        """Return the child for a request over this connection, to which the SDK gives a handler no other way.

        Raises:
            ChildGoneError: as `pick`.
        """
        own = await self._sessions.of(connection) if self._sessions else None
        return own or self._pool.pick()

    def shared(self) -> Child:
        """Return a child for a request that belongs to no session.

        Raises:
            ChildGoneError: none lives.
        """
        return self._pool.pick()

    def offer_completions(self, mcp: FastMCP) -> None:
        """Let `mcp` complete arguments if the child does; else clients are not told that it can."""
        if self._pool.pick().can("completions"):
            mcp.add_completion_handler(self._complete)

    async def _complete(self, reference: Any, argument: Any, context: Any) -> types.Completion:
        params = {"ref": reference, "argument": argument} | ({"context": context} if context else {})
        wire = {key: value.model_dump(mode="json", by_alias=True, exclude_none=True) for key, value in params.items()}
        answer = await (await self.pick()).request("completion/complete", wire)
        return types.CompleteResult.model_validate(answer).completion

    async def _list_tools(self) -> Sequence[Tool]:
        return list((await self.tools(await self.pick())).values())

    async def _get_tool(self, name: str, version: VersionSpec | None = None) -> Tool | None:
        return (await self.tools(await self.pick())).get(name)

    async def tools(self, child: Child) -> dict[str, ChildTool]:
        """Return a child's tools by name."""
        return await self._listed(child, "tools", "tools/list", lambda one: ChildTool.of(one, self.pick, self._rounds))

    async def _list_resources(self) -> Sequence[Resource]:
        return list((await self._resources()).values())

    async def _get_resource(self, uri: str, version: VersionSpec | None = None) -> Resource | None:
        listed = (await self._resources()).get(uri)
        if listed or not (await self.pick()).can("resources"):
            return listed
        try:  # whether there is one, is for the child to say
            return ChildResource.of({"uri": uri, "name": uri}, self.pick)
        except ValidationError:
            return None

    async def _resources(self) -> dict[str, ChildResource]:
        make = lambda one: ChildResource.of(one, self.pick)  # noqa: E731
        return await self._listed(await self.pick(), "resources", "resources/list", make, key="uri")

    async def get_tasks(self) -> Sequence[FastMCPComponent]:
        """Return nothing, where FastMCP would ask for every list: none of it is a task that runs in the background."""
        return ()

    async def _list_resource_templates(self) -> Sequence[ResourceTemplate]:
        child = await self.pick()
        kind, method = "resourceTemplates", "resources/templates/list"
        return list((await self._listed(child, kind, method, ChildTemplate.of, key="uriTemplate")).values())

    async def _list_prompts(self) -> Sequence[Prompt]:
        return list((await self._prompts()).values())

    async def _get_prompt(self, name: str, version: VersionSpec | None = None) -> Prompt | None:
        return (await self._prompts()).get(name)

    async def _prompts(self) -> dict[str, ChildPrompt]:
        make = lambda one: ChildPrompt.of(one, self.pick)  # noqa: E731
        return await self._listed(await self.pick(), "prompts", "prompts/list", make)

    async def _listed(self, child: Child, kind: str, method: str, make: Any, key: str = "name") -> dict[str, Any]:
        capability = method.split("/")[0]
        if not child.can(capability):
            return {}
        if kind not in child.lists:
            lists = child.lists  # if they change meanwhile, it is replaced by another one
            lists[kind] = {found[0]: found[1] async for found in _made(child, kind, method, make, key)}
            return dict(lists[kind])
        listed: dict[str, Any] = child.lists[kind]
        return listed


async def _made(child: Child, kind: str, method: str, make: Any, key: str) -> AsyncIterator[tuple[str, Any]]:
    try:
        async for one in child.pages(method, kind):
            try:
                yield one[key], make(one)
            except (KeyError, TypeError, ValidationError):
                log.warning("what the child lists is not of the protocol, and left out", extra={"list": kind})
    except MCPError as error:
        if error.error.code != METHOD_NOT_FOUND:  # one that has no templates may know no list of them
            raise
