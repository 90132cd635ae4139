"""Lambda's HTTP events, where they need more than Mangum knows: who the client is, which path, which request."""

from ipaddress import ip_address
from typing import Any, Protocol

Event = dict[str, Any]
Scope = dict[str, Any]


class Context(Protocol):
    """What Lambda says about an invocation."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the function may still take."""


def is_http(event: Event) -> bool:
    """Say whether an event is a request of a function URL, an API gateway or a load balancer."""
    return isinstance(event, dict) and isinstance(event.get("requestContext"), dict)


def is_alb(event: Event) -> bool:
    """Say whether an event is of an Application Load Balancer."""
    return "elb" in event["requestContext"]


def without_stage(event: Event) -> Event:
    """Return an event of an HTTP API without its stage in the path, which only the addresses of AWS have.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
    """
    http, stage = event["requestContext"].get("http"), event["requestContext"].get("stage")
    if not http or not stage or stage == "$default" or not f"{http['path']}/".startswith(f"/{stage}/"):
        return event
    path = http["path"].removeprefix(f"/{stage}") or "/"
    return {**event, "requestContext": {**event["requestContext"], "http": {**http, "path": path}}}


def complete(scope: Scope, event: Event, context: Context) -> Scope:
    """Return a request's scope with nothing in it that a client has made up, and the id that AWS knows it by."""
    headers = [(bytes(name), bytes(value)) for name, value in scope["headers"]]
    if not any(name == b"x-request-id" for name, _ in headers):
        headers.append((b"x-request-id", context.aws_request_id.encode()))
    return {
        **scope,
        "headers": headers,
        "scheme": "http" if scope["scheme"] == "http" else "https",
        "server": None,  # Mangum takes it from the header Host
        "client": (_client(scope["client"][0], event), 0),
    }


def _client(said: str, event: Event) -> str:
    """Return the client's address: of what a load balancer passes on, the last one, before which anybody can write."""
    address = said.rpartition(",")[2].strip() if is_alb(event) else said
    for one in (address, address.rpartition(":")[0].strip("[]")):  # a balancer may be told to keep the port
        try:
            return str(ip_address(one))
        except ValueError:
            continue
    return "unknown"
