"""The simple contract: an MCP server of plain functions, with OAuth and callbacks, for `from boot import simple`."""

from ship.aws_lambda.boot.contract.arguments import get_args
from ship.aws_lambda.boot.contract.authorization import oauth, set_oauth_handler
from ship.aws_lambda.boot.contract.errors import PublicError
from ship.aws_lambda.boot.contract.events import callback, callbacks, set_callback_handler
from ship.aws_lambda.boot.contract.server import SimpleServer, create_server, start_server

__all__ = [
    "PublicError",
    "SimpleServer",
    "callback",
    "callbacks",
    "create_server",
    "get_args",
    "oauth",
    "set_callback_handler",
    "set_oauth_handler",
    "start_server",
]
