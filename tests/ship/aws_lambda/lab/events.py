"""HTTP requests as the events that AWS's services make of them, and results of a function as their HTTP responses.

The shapes are those of AWS's developer guides (docs.aws.amazon.com):
- function-url: Lambda, "Invoking Lambda function URLs" (lambda/latest/dg/urls-invocation.html);
- api-v2: API Gateway, "Create AWS Lambda proxy integrations for HTTP APIs", payload format 2.0
  (apigateway/latest/developerguide/http-api-develop-integrations-lambda.html);
- api-v1: API Gateway, "Lambda proxy integrations" of REST APIs
  (apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html), and its "Important notes" on headers;
  api-v1-binary is the same with `*/*` among the API's binary media types;
- alb, and alb-multi with `lambda.multi_value_headers.enabled`: Elastic Load Balancing, "Use Lambda functions as targets
  of an Application Load Balancer" (elasticloadbalancing/latest/application/lambda-functions.html).

What these do not say is as others have seen it: an HTTP API decodes the path and takes the cookie header away, which a
function URL does not; function URLs and REST APIs rename WWW-Authenticate; an HTTP API says 500 where others say 502.
The events of requests as AWS sends them lie in ../events, one a kind.
"""

import base64
import binascii
import json
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

from tests.ship.aws_lambda.lab.runtime_api import ACCOUNT, REGION

KINDS = ("function-url", "api-v2", "api-v1", "api-v1-binary", "alb", "alb-multi")
RECORDED = Path(__file__).resolve().parent.parent / "events"
SOURCE = "203.0.113.7"
"""Who asks: an address that is nobody's."""
HOSTS = {
    "function-url": f"abcdefghijklmnopqrstuvwxyz012345.lambda-url.{REGION}.on.aws",
    "api-v2": f"a1b2c3d4e5.execute-api.{REGION}.amazonaws.com",
    "api-v1": f"f6g7h8i9j0.execute-api.{REGION}.amazonaws.com",
    "alb": f"mcp-1234567890.{REGION}.elb.amazonaws.com",
}
STAGE = "prod"
TEXT = ("application/json", "application/javascript", "application/xml")
HOP_BY_HOP = {"connection", "expect", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
ANONYMOUS = (
    *("accessKey", "accountId", "caller", "cognitoAuthenticationProvider", "cognitoAuthenticationType"),
    *("cognitoIdentityId", "cognitoIdentityPoolId", "principalOrgId", "user", "userArn"),
)
"""What a REST API says of who asks, and does not know where it authenticates nobody."""

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Request:
    """A request; its path and query are as they are on the wire."""

    method: str
    path: str
    query: str = ""
    headers: Headers = ()
    body: bytes = b""


@dataclass(frozen=True)
class Response:
    """What the client gets."""

    status: int
    headers: Headers = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The value of a header, the last one if there are more."""
        return {key.lower(): value for key, value in self.headers}.get(name.lower())


class MalformedError(ValueError):
    """What the function returned is no response to the service that invoked it."""


def recorded(kind: str) -> dict[str, Any]:
    """The recorded event of a kind: an MCP client that asks for the tools."""
    return json.loads((RECORDED / f"{kind}.json").read_text())


def event(kind: str, request: Request, host: str = "") -> dict[str, Any]:
    """The event that a service of this kind makes of a request to `host`; if none is named, that is its own."""
    family = kind.removesuffix("-multi").removesuffix("-binary")
    host = host or HOSTS[family]
    arrived = forwarded(request, host, family)
    if family == "alb":
        return of_alb(request, arrived, many=kind == "alb-multi")
    if family == "api-v1":
        return of_rest_api(request, arrived, host, binary=kind == "api-v1-binary")
    return of_format_2(family, request, arrived, host)


def forwarded(request: Request, host: str, family: str) -> list[tuple[str, str]]:
    """The headers that reach the function. Who came in by a proxy is named by it."""
    hidden = {*HOP_BY_HOP, "host", "content-length", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto"}
    before = [value for name, value in request.headers if name.lower() == "x-forwarded-for"]
    arrived = [(name, value) for name, value in request.headers if name.lower() not in hidden]
    if request.body:
        arrived.append(("Content-Length", str(len(request.body))))
    arrived += [
        ("Host", host),
        ("X-Amzn-Trace-Id", f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]}"),
        ("X-Forwarded-For", ", ".join([*before, SOURCE])),
        ("X-Forwarded-Port", "443"),
        ("X-Forwarded-Proto", "https"),
    ]
    if family == "function-url":
        arrived += [("X-Amzn-Tls-Cipher-Suite", "TLS_AES_128_GCM_SHA256"), ("X-Amzn-Tls-Version", "TLSv1.3")]
    return arrived if family == "api-v1" else [(name.lower(), value) for name, value in arrived]


def grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Every value of every name; names that differ only in case are one, as it was first spelt."""
    spelt: dict[str, str] = {}
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(spelt.setdefault(name.lower(), name), []).append(value)
    return values


def last(values: dict[str, list[str]]) -> dict[str, str]:
    """Of every name the last value."""
    return {name: several[-1] for name, several in values.items()}


def parameters(query: str) -> dict[str, list[str]]:
    """The parameters of a query, decoded. Unlike headers', their names differ in case."""
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        found.setdefault(name, []).append(value)
    return found


def undecoded(query: str) -> dict[str, list[str]]:
    """The parameters of a query as a load balancer passes them on: as they came."""
    found: dict[str, list[str]] = {}
    for part in filter(None, query.split("&")):
        name, _, value = part.partition("=")
        found.setdefault(name, []).append(value)
    return found


def is_text(headers: Headers) -> bool:
    """Whether a body is passed on as it is, and not in Base64."""
    first = {name.lower(): value for name, value in reversed(headers)}
    kind = first.get("content-type", "").partition(";")[0].strip().lower()
    return "content-encoding" not in first and (kind.startswith("text/") or kind in TEXT)


def body_in(request: Request, as_text: bool) -> dict[str, Any]:
    """How a body stands in an event. Text is UTF-8 to all of them, whatever its charset says."""
    body = request.body.decode(errors="replace") if as_text else base64.b64encode(request.body).decode()
    return {"body": body, "isBase64Encoded": not as_text}


def of_format_2(family: str, request: Request, arrived: list[tuple[str, str]], host: str) -> dict[str, Any]:
    headers = {name: ",".join(several) for name, several in grouped(arrived).items()}
    cookies = [crumb for name, value in arrived if name == "cookie" for crumb in value.split("; ")]
    if family == "api-v2":
        headers.pop("cookie", None)
    query = {name: ",".join(several) for name, several in parameters(request.query).items()}
    path = unquote(request.path) if family == "api-v2" else request.path
    now = time.time()
    made = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": {
            "accountId": ACCOUNT if family == "api-v2" else "anonymous",
            "apiId": host.partition(".")[0],
            "domainName": host,
            "domainPrefix": host.partition(".")[0],
            "http": {
                "method": request.method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": SOURCE,
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": "MCPexampleRequestId=" if family == "api-v2" else str(uuid.uuid4()),
            "routeKey": "$default",
            "stage": "$default",
            "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
            "timeEpoch": int(now * 1000),
        },
        "isBase64Encoded": False,
    }
    # These are left out rather than empty.
    if cookies:
        made["cookies"] = cookies
    if query:
        made["queryStringParameters"] = query
    return made | (body_in(request, is_text(request.headers)) if request.body else {})


def of_rest_api(request: Request, arrived: list[tuple[str, str]], host: str, *, binary: bool) -> dict[str, Any]:
    headers, query = grouped(arrived), parameters(request.query)
    agent = next((value for name, value in arrived if name.lower() == "user-agent"), None)
    now = time.time()
    at_root = request.path == "/"
    resource = "/" if at_root else "/{proxy+}"
    return {
        "resource": resource,
        "path": request.path,
        "httpMethod": request.method,
        "headers": last(headers),
        "multiValueHeaders": headers,
        "queryStringParameters": last(query) or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": None if at_root else {"proxy": unquote(request.path.removeprefix("/"))},
        "stageVariables": None,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": host.partition(".")[0],
            "deploymentId": "k1l2m3",
            "domainName": host,
            "domainPrefix": host.partition(".")[0],
            "extendedRequestId": "MCPexampleExtended=",
            "httpMethod": request.method,
            "identity": dict.fromkeys(ANONYMOUS) | {"sourceIp": SOURCE, "userAgent": agent},
            "path": f"/{STAGE}{request.path}",
            "protocol": "HTTP/1.1",
            "requestId": str(uuid.uuid4()),
            "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
            "requestTimeEpoch": int(now * 1000),
            "resourceId": "n4o5p6",
            "resourcePath": resource,
            "stage": STAGE,
        },
        "body": None,
        "isBase64Encoded": False,
    } | (body_in(request, as_text=not binary) if request.body else {})


def of_alb(request: Request, arrived: list[tuple[str, str]], *, many: bool) -> dict[str, Any]:
    headers, query = grouped(arrived), undecoded(request.query)
    made = {
        "requestContext": {
            "elb": {
                "targetGroupArn": f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/mcp/0123456789abcdef"
            }
        },
        "httpMethod": request.method,
        "path": request.path,
    }
    made |= (
        {"multiValueQueryStringParameters": query, "multiValueHeaders": headers}
        if many
        else {"queryStringParameters": last(query), "headers": last(headers)}
    )
    return made | body_in(request, as_text=not request.body or is_text(request.headers))


def response(kind: str, result: Any) -> Response:
    """The response that a service of this kind makes of what the function returned."""
    try:
        return made_of(kind, result)
    except MalformedError:
        return failed(kind)


def failed(kind: str) -> Response:
    """The response of a function that has none: it raised, ended, took too long or returned something else."""
    if kind == "function-url":
        return Response(502, (("Content-Type", "application/json"),), b"Internal Server Error")
    if kind == "api-v2":
        return Response(500, (("Content-Type", "application/json"),), b'{"message":"Internal Server Error"}')
    if kind.startswith("api-v1"):
        return Response(502, (("Content-Type", "application/json"),), b'{"message": "Internal server error"}')
    page = b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n</html>\r\n"
    return Response(502, (("Content-Type", "text/html"), ("Server", "awselb/2.0")), page)


def made_of(kind: str, result: Any) -> Response:
    """As `response`, but says what is wrong."""
    format_2 = kind in ("function-url", "api-v2")
    if format_2 and not (isinstance(result, dict) and "statusCode" in result):
        body = result if isinstance(result, str) else json.dumps(result)
        return Response(200, (("Content-Type", "application/json"),), body.encode())
    if not isinstance(result, dict):
        raise MalformedError(f"not an object: {result!r}")
    headers = headers_of(kind, result)
    if format_2:
        headers += [("Set-Cookie", cookie) for cookie in result.get("cookies") or []]
    if kind == "function-url" or kind.startswith("api-v1"):
        renamed = {"www-authenticate": "x-amzn-Remapped-www-authenticate"}
        headers = [(renamed.get(name.lower(), name), value) for name, value in headers]
    text = result.get("body") or ""
    if not isinstance(text, str):
        raise MalformedError(f"body is not a string: {text!r}")
    content = text.encode()
    # A REST API decodes nothing unless it has been told which types are binary.
    if result.get("isBase64Encoded") and kind != "api-v1":
        try:
            content = base64.b64decode(text, validate=True)
        except binascii.Error as error:
            raise MalformedError(f"body is not Base64: {error}") from error
    return Response(status_of(kind, result), tuple(headers), content)


def status_of(kind: str, result: dict[str, Any]) -> int:
    status = result.get("statusCode")
    if isinstance(status, str) and status.isdecimal() and not kind.startswith("alb"):
        status = int(status)
    if not isinstance(status, int) or not 100 <= status <= 599:
        raise MalformedError(f"statusCode is {status!r}")
    return status


def headers_of(kind: str, result: dict[str, Any]) -> list[tuple[str, str]]:
    """The headers of a result. Which of its two fields counts is the service's, and a load balancer's setting."""
    single, many = result.get("headers") or {}, result.get("multiValueHeaders") or {}
    if not isinstance(single, dict) or not isinstance(many, dict):
        raise MalformedError("headers are not an object")
    if kind == "alb-multi":
        single = {}
    elif not kind.startswith("api-v1"):
        many = {}
    several = {name.lower(): (name, [value]) for name, value in single.items()}
    for name, values in many.items():
        if not isinstance(values, list):
            raise MalformedError(f"header {name} is not a list: {values!r}")
        before = several.get(name.lower(), (name, []))[1]
        several[name.lower()] = (name, [*(value for value in before if value not in values), *values])
    pairs = [(name, value) for name, values in several.values() for value in values]
    for name, value in pairs:
        if not isinstance(value, str) and (kind.startswith("alb") or not isinstance(value, int | float)):
            raise MalformedError(f"header {name} is not a string: {value!r}")
    return [(name, value if isinstance(value, str) else json.dumps(value)) for name, value in pairs]
