"""`python -m __boot__`: the guest over plain HTTP, as the Lambda Web Adapter asks for it, which streams answers."""

import signal
from typing import TYPE_CHECKING, NoReturn

from serving.run import explain_errors
from serving.stop import leave
from ship.aws_lambda.boot.last_words import WriteLogsFirst
from ship.aws_lambda.boot.start import start

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


def main() -> None:
    """Serve on MCP_HOST and PORT until SIGTERM; then leave with 0."""
    signal.signal(signal.SIGTERM, _leave)  # until uvicorn takes over, and when it raises again what stopped it
    with explain_errors():
        served = start()
        from serving.web.listener import listen
        from serving.web.server import serve_app

        app = served.app if served.named_hosts else NoBalancer(served.app)
        serve_app(WriteLogsFirst(app), served.settings, listen(served.settings.host, served.settings.port))


def _leave(*_: object) -> NoReturn:
    leave()


class NoBalancer:
    """ASGI middleware: refuse what comes through a load balancer, which the adapter writes into a header of its own."""

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass on what comes by a name of AWS."""
        contexts = [value for name, value in scope.get("headers", ()) if name == b"x-amzn-request-context"]
        if any(b'"elb"' in value for value in contexts):
            from serving.answers import refusal
            from ship.aws_lambda.boot.runtime import HOSTS_ARE_NOT_NAMED

            return await refusal(421, "misdirected_request", HOSTS_ARE_NOT_NAMED)(scope, receive, send)
        return await self.app(scope, receive, send)


if __name__ == "__main__":
    main()
