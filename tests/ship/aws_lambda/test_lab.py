"""The laboratory in which functions are tested is tested here, with functions that are a few lines."""

import base64
import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.ship.aws_lambda.lab.events import KINDS, Request, event, failed, recorded, response
from tests.ship.aws_lambda.lab.front import front
from tests.ship.aws_lambda.lab.runtime_api import LARGEST, Failure, Function, tools
from tests.support import ROOT

HANDLER = '''
import base64
import json
import os
import sys
import time

seen = []


def handler(event, context):
    """What the event says is returned as the body of a response of its kind."""
    said = {"event": event, "left": context.get_remaining_time_in_millis(), "id": context.aws_request_id}
    headers = {"Content-Type": "application/json", "WWW-Authenticate": "Bearer"}
    answer = {"statusCode": 201, "statusDescription": "201 Created", "isBase64Encoded": False, "body": json.dumps(said)}
    if "multiValueHeaders" in event:
        return answer | {"multiValueHeaders": {**{n: [v] for n, v in headers.items()}, "Set-Cookie": ["a=1", "b=2"]}}
    if "version" in event:
        return answer | {"headers": headers, "cookies": ["a=1", "b=2"]}
    return answer | {"headers": {**headers, "Set-Cookie": "b=2"}}


def back(event, context):
    """The body of a request as bytes, in Base64."""
    body = event.get("body") or ""
    content = base64.b64decode(body) if event["isBase64Encoded"] else body.encode()
    name = "multiValueHeaders" if "multiValueHeaders" in event else "headers"
    kind = ["application/octet-stream"] if name == "multiValueHeaders" else "application/octet-stream"
    return {"statusCode": 200, name: {"Content-Type": kind}, "isBase64Encoded": True,
            "body": base64.b64encode(content).decode()}


def count(event, context):
    seen.append(event)
    return len(seen)


def where(event, context):
    found = {}
    for name in event:
        try:
            __import__(name)
        except ImportError:
            found[name] = False
        else:
            found[name] = True
    return {"path": sys.path, "cwd": os.getcwd(), "environment": dict(os.environ), "found": found}


def trouble(event, context):
    print("Here it comes.", file=sys.stderr)
    if event == "raise":
        raise LookupError("no such thing")
    if event == "exit":
        os._exit(7)
    if event == "large":
        return "x" * (6 * 1024 * 1024 + 100)
    if event == "hang":
        time.sleep(600)
    return "well"
'''
pytestmark = pytest.mark.thorough


@pytest.fixture(scope="module", autouse=True)
def installed():
    tools()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    task = tmp_path_factory.mktemp("task")
    (task / "echo.py").write_text(HANDLER)
    (task / "broken.py").write_text("import nothing_of_this_name\n")
    return task


@pytest.fixture(scope="module")
def echo(folder):
    with Function(folder, "echo.handler") as function:
        yield function


@pytest.fixture(scope="module")
def back(folder):
    with Function(folder, "echo.back") as function:
        yield function


@pytest.fixture
def troubled(folder):
    with Function(folder, "echo.trouble") as function:
        yield function


def shape(value):
    """The names in it, and the types of what they name."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    return [shape(inner) for inner in value] if isinstance(value, list) else type(value)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "api-v1-binary"])
def test_an_event_is_as_aws_sends_it(kind):
    expected = recorded(kind)
    headers = expected.get("headers") or {name: values[0] for name, values in expected["multiValueHeaders"].items()}
    sent = tuple((name, value) for name, value in headers.items() if not name.lower().startswith("x-"))
    made = event(kind, Request("POST", "/mcp", "", sent, expected["body"].encode()))
    assert shape(made) == shape(expected)
    for name in ("body", "isBase64Encoded", "path", "rawPath", "rawQueryString", "resource", "pathParameters"):
        assert made.get(name) == expected.get(name)
    context, theirs = made["requestContext"], expected["requestContext"]
    for name in context.keys() - {"requestId", "time", "timeEpoch", "requestTime", "requestTimeEpoch"}:
        assert context[name] == theirs[name], name
    assert json.loads(expected["body"])["method"] == "tools/list"


@pytest.mark.parametrize("kind", KINDS)
def test_a_request_arrives_as_an_event_and_its_result_as_a_response(echo, kind):
    with front(echo, kind) as url:
        got = httpx2.post(f"{url}/a%20b?x=1&x=%C3%A9", headers=[("X-Two", "1"), ("X-Two", "2")], json={"question": "?"})
    said = got.json()
    assert got.status_code == 201
    assert got.headers.get_list("set-cookie") == (["b=2"] if kind == "alb" else ["a=1", "b=2"])
    renamed = kind == "function-url" or kind.startswith("api-v1")
    assert ("www-authenticate" in got.headers) is not renamed
    assert ("x-amzn-remapped-www-authenticate" in got.headers) is renamed
    assert 25_000 < said["left"] <= 30_000
    assert re.fullmatch(r"[0-9a-f-]{36}", said["id"])
    came = said["event"]
    body = came["body"]
    assert json.loads(base64.b64decode(body) if came["isBase64Encoded"] else body) == {"question": "?"}
    assert came["isBase64Encoded"] is (kind == "api-v1-binary")
    if kind in ("function-url", "api-v2"):
        assert came["headers"]["x-two"] == "1,2"
        assert came["queryStringParameters"] == {"x": "1,é"}
        assert came["rawQueryString"] == "x=1&x=%C3%A9"
        assert came["rawPath"] == ("/a b" if kind == "api-v2" else "/a%20b")
    elif kind.startswith("api-v1"):
        assert came["multiValueQueryStringParameters"] == {"x": ["1", "é"]}
        assert came["queryStringParameters"] == {"x": "é"}
        assert (came["path"], came["requestContext"]["path"]) == ("/a%20b", "/prod/a%20b")
    elif kind == "alb":
        assert (came["headers"]["x-two"], came["queryStringParameters"]) == ("2", {"x": "%C3%A9"})
    else:
        assert came["multiValueHeaders"]["x-two"] == ["1", "2"]
        assert came["multiValueQueryStringParameters"] == {"x": ["1", "%C3%A9"]}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "api-v1"])
def test_bytes_come_back_as_they_went(back, kind):
    content = bytes(range(256))
    with front(back, kind) as url:
        headers = {"Content-Type": "application/octet-stream"}
        assert httpx2.post(url, content=content, headers=headers).content == content
        assert httpx2.post(url, content=iter([content, content]), headers=headers).content == content * 2  # chunked
        assert httpx2.get(url).content == b""


def test_a_rest_api_without_binary_types_leaves_base64_as_it_is(back):
    with front(back, "api-v1") as url:
        assert httpx2.post(url, content="é", headers={"Content-Type": "text/plain"}).content == b"w6k="


@pytest.mark.parametrize("kind", ["function-url", "api-v2"])
def test_cookies_stand_apart(kind):
    made = event(kind, Request("GET", "/", headers=(("Cookie", "a=1; b=2"),)))
    assert made["cookies"] == ["a=1", "b=2"]
    assert ("cookie" in made["headers"]) is (kind == "function-url")
    assert "body" not in made
    assert "queryStringParameters" not in made


@pytest.mark.parametrize("kind", ["function-url", "api-v2", "alb", "alb-multi"])
@pytest.mark.parametrize(
    ("headers", "as_text"),
    [
        ({"Content-Type": "application/json; charset=utf-8"}, True),
        ({"Content-Type": "text/csv"}, True),
        ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, False),
        ({"Content-Type": "application/x-www-form-urlencoded"}, False),
        ({}, False),
    ],
)
def test_what_is_not_known_to_be_text_is_base64(kind, headers, as_text):
    made = event(kind, Request("POST", "/", headers=tuple(headers.items()), body=b"{}"))
    assert (made["body"], made["isBase64Encoded"]) == (("{}", False) if as_text else ("e30=", True))


@pytest.mark.parametrize("kind", ["function-url", "api-v2"])
@pytest.mark.parametrize(("result", "body"), [("hello", b"hello"), ({"a": 1}, b'{"a": 1}'), (None, b"null")])
def test_format_2_takes_anything_for_a_body(kind, result, body):
    got = response(kind, result)
    assert (got.status, got.header("content-type"), got.body) == (200, "application/json", body)


@pytest.mark.parametrize(
    ("kind", "result"),
    [
        ("function-url", {"statusCode": "nonsense"}),
        ("function-url", {"statusCode": 200, "body": {"a": 1}}),
        ("api-v2", {"statusCode": 200, "body": "%", "isBase64Encoded": True}),
        ("api-v1", "hello"),
        ("api-v1", {"body": "hello"}),
        ("api-v1", {"statusCode": 200, "multiValueHeaders": {"a": "b"}}),
        ("api-v1", {"statusCode": 200, "headers": [["a", "b"]]}),
        ("alb", None),
        ("alb", {"statusCode": "200"}),
        ("alb", {"statusCode": 200, "headers": {"a": 1}}),
    ],
)
def test_what_is_no_response_is_the_functions_failure(kind, result):
    assert response(kind, result) == failed(kind)
    assert failed(kind).status == (500 if kind == "api-v2" else 502)


def test_a_load_balancer_reads_only_the_headers_of_its_setting():
    both = {"statusCode": 200, "headers": {"A": "1"}, "multiValueHeaders": {"B": ["2", "3"]}}
    assert response("alb", both).headers == (("A", "1"),)
    assert response("alb-multi", both).headers == (("B", "2"), ("B", "3"))
    assert response("api-v1", both).headers == (("A", "1"), ("B", "2"), ("B", "3"))


def test_one_process_serves_one_event_after_another(folder):
    with Function(folder, "echo.count") as function:
        with ThreadPoolExecutor(8) as together:
            counted = list(together.map(function.invoke, range(16)))
        assert sorted(outcome.payload for outcome in counted) == list(range(1, 17))
        assert function.starts == 1


def test_a_function_sees_what_it_would_see_in_lambda(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("MCP_PORT", "1")
    with Function(folder, "echo.where", memory=512, layers=[tmp_path], MCP_AUTH="none") as function:
        seen = function.invoke(["awslambdaric", "boto3", "mangum", "moto", "pip"]).payload
    environment = seen["environment"]
    assert seen["path"][:2] == [str(folder), str(tmp_path)]
    assert seen["cwd"] == environment["LAMBDA_TASK_ROOT"] == str(folder)
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "512"
    assert environment["_HANDLER"] == "echo.where"
    assert environment["MCP_AUTH"] == "none"
    assert not {"MCP_PORT", "HOME", "VIRTUAL_ENV"} & environment.keys()
    assert [name for name, found in seen["found"].items() if found] == ["awslambdaric"]


def test_an_exception_is_told_and_the_process_stays(troubled):
    outcome = troubled.invoke("raise")
    assert (outcome.error.kind, outcome.error.message) == ("LookupError", "no such thing")
    assert "echo.py" in outcome.error.trace[-1]
    assert outcome.exit_status is None
    assert troubled.invoke("nothing").payload == "well"
    assert troubled.starts == 1
    assert troubled.log.count("Here it comes.") == 2
    assert "[ERROR] LookupError: no such thing" in troubled.log


def test_a_process_that_ends_is_told_and_replaced(troubled):
    outcome = troubled.invoke("exit")
    assert outcome.error == Failure("Runtime.ExitError", "Runtime exited with error: exit status 7")
    assert outcome.exit_status == 7
    assert troubled.invoke("nothing").payload == "well"
    assert troubled.starts == 2


def test_what_takes_too_long_is_killed(troubled):
    assert troubled.invoke("nothing").payload == "well"
    outcome = troubled.invoke("hang", seconds=0.1)
    assert outcome.error.kind == "Sandbox.Timedout"
    assert outcome.error.message.endswith("Error: Task timed out after 0.10 seconds")
    assert troubled.pid is None
    assert troubled.invoke("nothing").payload == "well"


def test_what_is_too_large_fails(troubled):
    assert troubled.invoke("large").error.kind == "Function.ResponseSizeTooLarge"
    assert troubled.invoke("x" * LARGEST).error.kind == "RequestTooLargeException"
    assert troubled.invoke("nothing").payload == "well"


def test_a_handler_that_cannot_be_imported_says_why(folder):
    with Function(folder, "broken.handler") as function:
        for start in (1, 2):
            outcome = function.invoke({})
            assert outcome.error.kind == "Runtime.ImportModuleError"
            assert "No module named 'nothing_of_this_name'" in outcome.error.message
            assert (outcome.exit_status, function.starts) == (1, start)


@pytest.mark.parametrize("kind", KINDS)
def test_a_function_that_fails_is_a_gateways_error(folder, kind):
    with Function(folder, "broken.handler") as function, front(function, kind) as url:
        assert httpx2.get(url).status_code == (500 if kind == "api-v2" else 502)


def test_a_load_balancer_takes_a_mebibyte_and_others_what_lambda_takes(back):
    for kind, most in (("alb", 1024 * 1024), ("function-url", 4 * 1024 * 1024)):
        with front(back, kind) as url:
            assert httpx2.post(url, content=bytes(most)).status_code == 200
            assert httpx2.post(url, content=bytes(most * 2)).status_code == 413


def test_a_client_that_hangs_up_disturbs_nobody(echo):
    with front(echo, "function-url") as url:
        address = urlsplit(url)
        with socket.create_connection((address.hostname, address.port)) as client:
            client.sendall(b"POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
        assert httpx2.get(url).status_code == 201


@pytest.mark.parametrize("ours", ["ship/aws_lambda", "tests/ship/aws_lambda"])
def test_its_locks_have_what_the_servers_lock_has_in_the_same_version(ours):
    def versions(folder):
        return dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / folder / "requirements.txt").read_text(), re.MULTILINE))

    mine, servers = versions(ours), versions(".") | versions("ship/aws_lambda")
    shared = mine.keys() & servers
    assert {name: mine[name] for name in shared} == {name: servers[name] for name in shared}
    for name in re.findall(r"^[\w.-]+", (ROOT / ours / "requirements.in").read_text(), re.MULTILINE):
        assert name in mine
