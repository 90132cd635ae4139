"""What a call over the REST API sees of its client: one that gets the result and nothing else."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, cast

from fastmcp.exceptions import ToolError
from fastmcp.server.dependencies import bind_request_context
from mcp.server.connection import Connection
from mcp.server.context import ServerRequestContext
from mcp.server.session import ServerSession
from mcp.shared.dispatcher import CallOptions, DispatchContext
from mcp_types.version import LATEST_HANDSHAKE_VERSION
from starlette.requests import Request

from serving.request_id import current_request_id


class AsksTheClientError(ToolError):
    """A call that has a question for the client, which only MCP can carry; `endpoint` is where that answers."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(f"this has to ask the client something, which takes MCP: call it at {endpoint}")


@contextmanager
def rest_context(method: str, request: Request, endpoint: str) -> Iterator[None]:
    """Bind what FastMCP's `Context` needs, for a call that came as `request` and not as an MCP message.

    Without it a tool that merely logs to its client would fail. A tool that asks its client something gets an
    AsksTheClientError.
    """
    channel = _OneWay(endpoint)
    # An era in which a server may ask: questions then end in `channel`, and not in advice about protocol versions.
    connection = Connection(channel, protocol_version=LATEST_HANDSHAKE_VERSION)
    context: ServerRequestContext[dict[str, Any], Request] = ServerRequestContext(
        session=ServerSession(cast("DispatchContext[Any]", channel), connection),
        lifespan_context={},  # Context.lifespan_context asks the server itself
        protocol_version=connection.protocol_version,
        method=method,
        request_id=current_request_id(),
        request=request,
    )
    with bind_request_context(context):
        yield


class _OneWay:
    """The part of the SDK's DispatchContext that a session uses; nobody hears what it is told."""

    can_send_request: Final = False

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    async def send_raw_request(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None
    ) -> dict[str, Any]:
        raise AsksTheClientError(self.endpoint)

    async def notify(self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None) -> None:
        pass

    async def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        pass
