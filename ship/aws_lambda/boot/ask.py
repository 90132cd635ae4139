"""A JSON-RPC message to the app from whoever may invoke the function, which is AWS IAM's to say, and no token's."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from ship.aws_lambda.boot.exchange import Exchange

if TYPE_CHECKING:
    from starlette.types import ASGIApp

CALLER: Final = "aws-iam"
"""Who is calling, in logs and limits."""


async def ask(app: "ASGIApp", path: str, scopes: Sequence[str], message: dict[str, Any]) -> dict[str, Any] | None:
    """Return the app's answer to a message; None to a notification.

    Raises:
        ValueError: the app has not answered with JSON-RPC.
    """
    exchange = Exchange(json.dumps(message).encode())
    await getattr(app, "router", app)(_scope(path, scopes), exchange.receive, exchange.send)
    if "id" not in message:
        return None
    return _answer_in(exchange.body.decode())


def _scope(path: str, scopes: Sequence[str]) -> dict[str, Any]:
    from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
    from mcp.server.auth.provider import AccessToken
    from starlette.authentication import AuthCredentials

    headers = {
        "host": "localhost",
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        "authorization": f"Bearer {CALLER}",  # FastMCP looks whether there is one before it looks who it was
    }
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": (CALLER, 0),
        "server": ("localhost", 443),
        "user": AuthenticatedUser(AccessToken(token="", client_id=CALLER, scopes=list(scopes))),
        "auth": AuthCredentials(list(scopes)),
    }


def _answer_in(text: str) -> dict[str, Any]:
    """Return the answer in a body: JSON, or the last message of a stream."""
    lines = [line.removeprefix("data:") for line in text.splitlines() if line.startswith("data:")]
    answer = json.loads(lines[-1] if lines else text)
    if not isinstance(answer, dict) or "jsonrpc" not in answer:
        raise ValueError("expected JSON-RPC")
    return answer
