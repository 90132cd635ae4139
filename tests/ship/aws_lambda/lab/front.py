"""A service that invokes a function for HTTP, on this machine: so that what speaks HTTP can talk to the function."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

from tests.ship.aws_lambda.lab.events import HOP_BY_HOP, Request, Response, event, failed, response
from tests.ship.aws_lambda.lab.runtime_api import Answering, Function, body_of

LARGEST_BODY = {"alb": 1024 * 1024, "alb-multi": 1024 * 1024}
"""Bytes. All others are limited by what Lambda takes."""
NO_BODY = (204, 304)


@contextmanager
def front(function: Function, kind: str, host: str = "") -> Iterator[str]:
    """Serve HTTP on a free port as a service of this kind that is called `host`; yield its URL, without a path."""

    class Requests(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self):
            path, _, query = self.path.partition("?")
            request = Request(self.command, path, query, tuple(self.headers.items()), body_of(self))
            got = result(request)
            headers = [
                (name, value) for name, value in got.headers if name.lower() not in {*HOP_BY_HOP, "content-length"}
            ]
            self.send_response_only(got.status)
            for name, value in headers:
                self.send_header(name, value)
            if got.status not in NO_BODY:
                self.send_header("Content-Length", str(len(got.body)))
            self.end_headers()
            if self.command != "HEAD" and got.status not in NO_BODY:
                self.wfile.write(got.body)

        do_DELETE = do_GET = do_HEAD = do_OPTIONS = do_PATCH = do_POST = do_PUT = answer  # noqa: N815

        def log_message(self, *_):
            pass

    def result(request: Request) -> Response:
        if len(request.body) > LARGEST_BODY.get(kind, len(request.body)):
            return Response(413)
        outcome = function.invoke(event(kind, request, host))
        if outcome.error is None:
            return response(kind, outcome.payload)
        return Response(413) if outcome.error.kind == "RequestTooLargeException" else failed(kind)

    with Answering(("127.0.0.1", 0), Requests) as server:
        yield f"http://127.0.0.1:{server.server_port}"
