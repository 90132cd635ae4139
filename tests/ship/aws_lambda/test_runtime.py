"""The function in this process: small apps, events as they are recorded, and what goes wrong."""

import asyncio
import base64
import json
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from serving.settings import Settings
from ship.aws_lambda.boot.runtime import MOST_BYTES, MOST_BYTES_OF_ALB, Function
from ship.aws_lambda.boot.start import Served
from tests.ship.aws_lambda.lab.events import KINDS, event, recorded, response
from tests.ship.aws_lambda.lab.events import Request as Asked

HOST = "mcp.example.com"
GATEWAYS = [kind for kind in KINDS if not kind.startswith("alb")]
BALANCERS = [kind for kind in KINDS if kind.startswith("alb")]


class Context:
    aws_request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"

    def __init__(self, seconds=30):
        self.seconds = seconds

    def get_remaining_time_in_millis(self):
        return int(self.seconds * 1000)


async def shown(request: Request) -> Response:
    """What the app sees of a request."""
    seen = {
        "method": request.method,
        "path": request.url.path,
        "query": request.url.query,
        "client": request.client and request.client.host,
        "scheme": request.url.scheme,
        "headers": dict(request.headers),
        "body": base64.b64encode(await request.body()).decode(),
    }
    return JSONResponse(seen)


async def failing(_: Request) -> Response:
    raise ValueError("hunter2")


async def slow(_: Request) -> Response:
    await asyncio.Event().wait()
    raise AssertionError


async def long(request: Request) -> Response:
    return PlainTextResponse("x" * int(request.query_params["bytes"]))


async def binary(_: Request) -> Response:
    return Response(bytes(range(256)), media_type="application/octet-stream")


BODY = '{"name": "Zoë"}'.encode()
ROUTES = [("/shown", shown), ("/failing", failing), ("/slow", slow), ("/long", long), ("/binary", binary)]


@pytest.fixture
def loop():
    """Functions leave their loop as the current one."""
    yield
    asyncio.get_event_loop_policy().get_event_loop().close()
    asyncio.set_event_loop(None)


@pytest.fixture
def function(loop):
    app = Starlette(routes=[Route(path, handler, methods=["GET", "POST"]) for path, handler in ROUTES])
    return Function(Served(app, Settings(), named_hosts=True))


def asked(function, kind, path, *, method="GET", query="", headers=(), body=b"", context=None):
    request = Asked(method, path, query, tuple(headers), body)
    return response(kind, function(event(kind, request, HOST), context or Context()))


@pytest.mark.parametrize("kind", KINDS)
def test_a_request_of_each_kind_is_the_same_request(function, kind):
    headers = [("content-type", "application/json"), ("x-one", "1")]
    answer = asked(function, kind, "/shown", method="POST", query="a=1&b=x%20y&a=2", headers=headers, body=BODY)
    assert answer.status == 200
    seen = json.loads(answer.body)
    assert (seen["method"], seen["path"]) == ("POST", "/shown")
    assert base64.b64decode(seen["body"]) == BODY
    assert seen["headers"]["x-one"] == "1"
    assert seen["headers"]["x-request-id"] == Context.aws_request_id
    assert "b=x" in seen["query"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_is_no_text_arrives_as_it_is(function, kind):
    answer = asked(function, kind, "/binary", headers=[("accept", "application/octet-stream")])
    expected = bytes(range(256))
    # A REST API decodes only what it is configured for.
    assert answer.body == (base64.b64encode(expected) if kind == "api-v1" else expected)


@pytest.mark.parametrize("name", ["function-url", "api-v2", "api-v1", "alb", "alb-multi"])
def test_a_recorded_event_is_answered(function, name):
    answer = function(recorded(name), Context())
    assert answer["statusCode"] == 404  # there is no /mcp in this app
    assert json.dumps(answer)


@pytest.mark.parametrize("kind", BALANCERS)
def test_behind_a_load_balancer_the_client_is_whom_the_balancer_has_seen(function, kind):
    answer = asked(function, kind, "/shown", headers=[("x-forwarded-for", "6.6.6.6, 203.0.113.7")])
    assert json.loads(answer.body)["client"] != "6.6.6.6"


@pytest.mark.parametrize("kind", BALANCERS)
def test_behind_a_load_balancer_nobody_is_answered_until_its_hosts_are_named(function, kind):
    function._served = Served(function._served.app, Settings(), named_hosts=False)
    answer = asked(function, kind, "/shown")
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (421, "misdirected_request")
    assert ("content-type", "application/json") in answer.headers


@pytest.mark.parametrize("kind", GATEWAYS)
def test_behind_an_address_of_aws_any_name_is_answered(function, kind):
    function._served = Served(function._served.app, Settings(), named_hosts=False)
    assert asked(function, kind, "/shown").status == 200


def test_a_stage_is_no_part_of_the_path(function):
    given = event("api-v2", Asked("GET", "/prod/shown", "", (), b""), HOST)
    given["requestContext"]["stage"] = "prod"
    assert json.loads(function(given, Context())["body"])["path"] == "/shown"


@pytest.mark.parametrize("kind", KINDS)
def test_a_bug_is_500_and_says_nothing_of_itself(function, kind, caplog):
    answer = asked(function, kind, "/failing")
    assert answer.status == 500
    assert b"hunter2" not in answer.body
    assert b"Traceback" not in answer.body


@pytest.mark.parametrize("kind", KINDS)
def test_what_takes_longer_than_the_function_may_is_504(function, kind):
    answer = asked(function, kind, "/slow", context=Context(0.55))
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (504, "timeout")
    assert asked(function, kind, "/shown").status == 200


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_is_too_long_for_lambda_says_so(function, kind):
    most = MOST_BYTES_OF_ALB if kind in BALANCERS else MOST_BYTES
    assert asked(function, kind, "/long", query=f"bytes={most - 2048}").status == 200
    answer = asked(function, kind, "/long", query=f"bytes={most}")
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (500, "answer_too_long")


ODD: list[object] = [
    None,
    [],
    "text",
    {},
    {"Records": [{"eventSource": "aws:s3"}]},
    {"requestContext": {}},
    {"requestContext": {"elb": {}}},
    {"requestContext": {"connectionId": "x", "eventType": "CONNECT"}, "headers": {}},
    {"version": "2.0", "requestContext": {"http": {}}, "headers": {}},
    {**recorded("function-url"), "body": "abc", "isBase64Encoded": True},
    {**recorded("function-url"), "headers": {"host": "a:b:c"}},
    {**recorded("function-url"), "headers": None},
]


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_an_event_that_is_no_request_gets_an_answer_all_the_same(function, odd):
    answer = function(odd, Context())
    assert answer["statusCode"] == 400
    assert json.loads(answer["body"])["error"]["code"] == "bad_request"


def test_an_app_starts_once_and_its_lifespan_is_the_same_for_all_events(loop):
    began = []

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            began.append(asyncio.get_running_loop())
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await PlainTextResponse(str(began == [asyncio.get_running_loop()]))(scope, receive, send)

    function = Function(Served(app, Settings(), named_hosts=True))
    assert [asked(function, "function-url", "/").body for _ in range(3)] == [b"True"] * 3


def test_an_app_without_a_lifespan_is_served(loop):
    async def app(scope, receive, send):
        assert scope["type"] == "http"
        await PlainTextResponse("here")(scope, receive, send)

    function = Function(Served(app, Settings(), named_hosts=True))
    assert asked(function, "function-url", "/").body == b"here"


def test_what_an_app_says_after_its_answer_is_in_no_other_answer(loop):
    late = SimpleNamespace(send=None)

    async def app(scope, receive, send):
        assert scope["type"] == "http"
        if late.send:
            await late.send({"type": "http.response.body", "body": b"of somebody else", "more_body": False})
        late.send = send
        await PlainTextResponse("mine")(scope, receive, send)

    function = Function(Served(app, Settings(), named_hosts=True))
    assert [asked(function, "function-url", "/").body for _ in range(2)] == [b"mine"] * 2
