"""What the build image is asked for: each variable that is missing or cannot be is named, and no secret is."""

import pytest

from serving.errors import StartError
from ship.aws_lambda.pack.order import MOST_UNZIPPED_BYTES, PYTHONS, THIS_PYTHON, Target, read_order, read_target

ENOUGH = {"ZIP_URL": "https://example.com/x.zip", "S3_BUCKET": "builds", "S3_KEY": "server.zip"}


def refused(**variables):
    """The one line that says why these variables, besides what is enough, cannot be."""
    with pytest.raises(StartError) as raised:
        read_order({**ENOUGH, **variables})
    message = str(raised.value)
    assert len(message.splitlines()) == 1
    return message


def test_three_variables_are_enough():
    order = read_order(ENOUGH)
    assert (order.source.url, order.bucket, order.key) == tuple(ENOUGH.values())
    assert order.target == Target(python=THIS_PYTHON, architecture="x86_64")
    assert (order.endpoint, order.entrypoint, order.source.sha256) == ("", "", "")
    assert (order.source.seconds, order.source.allow_http) == (300, False)
    assert order.source.max_bytes == order.source.max_unpacked_bytes == MOST_UNZIPPED_BYTES == 262_144_000


def test_a_variable_that_is_empty_is_as_if_it_was_not_there():
    empty = dict.fromkeys(
        (
            "ZIP_SHA256",
            "ZIP_SECONDS",
            "ZIP_ALLOW_HTTP",
            "PYTHON_VERSION",
            "ARCHITECTURE",
            "AWS_ENDPOINT_URL_S3",
            "AWS_ENDPOINT_URL",
            "MCP_ENTRYPOINT",
        ),
        "",
    )
    assert read_order({**ENOUGH, **empty}) == read_order(ENOUGH)


def test_all_that_can_be_asked_for():
    order = read_order(
        {
            "ZIP_URL": "http://example.com/x.zip",
            "ZIP_ALLOW_HTTP": "True",
            "ZIP_SHA256": "AB" * 32,
            "ZIP_SECONDS": "1.5",
            "S3_BUCKET": "arn:aws:s3:eu-west-1:123456789012:accesspoint/builds",
            "S3_KEY": "builds/größe 1.zip",
            "PYTHON_VERSION": "3.12",
            "ARCHITECTURE": "arm64",
            "AWS_ENDPOINT_URL": "https://other.example.com",
            "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9000",
            "MCP_ENTRYPOINT": "src/server.py:mcp",
        }
    )
    assert (order.source.sha256, order.source.seconds, order.source.allow_http) == ("ab" * 32, 1.5, True)
    assert order.target == Target(python="3.12", architecture="arm64")
    assert (order.endpoint, order.entrypoint) == ("http://127.0.0.1:9000", "src/server.py:mcp")


@pytest.mark.parametrize("name", ENOUGH)
def test_what_is_missing_is_named(name):
    assert refused(**{name: ""}) == f"{name}: expected a value, and nothing is set"


def test_all_that_is_missing_is_said_at_once():
    with pytest.raises(StartError, match=r"^ZIP_URL and S3_BUCKET and S3_KEY: expected a value"):
        read_order({})


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("ZIP_SHA256", "abc", "64 hexadecimal digits"),
        ("ZIP_SHA256", "g" * 64, "64 hexadecimal digits"),
        ("ZIP_SECONDS", "soon", "seconds, above 0 and up to 86400"),
        ("ZIP_SECONDS", "0", "seconds, above 0"),
        ("ZIP_SECONDS", "-1", "seconds, above 0"),
        ("ZIP_SECONDS", "nan", "seconds, above 0"),
        ("ZIP_SECONDS", "inf", "seconds, above 0"),
        ("ZIP_SECONDS", "86401", "seconds, above 0 and up to 86400"),
        ("ZIP_ALLOW_HTTP", "yes", "true or false"),
        ("PYTHON_VERSION", "2.7", "one of 3.11, 3.12, 3.13, 3.14"),
        ("PYTHON_VERSION", "3", "one of 3.11"),
        ("PYTHON_VERSION", "3.10.1", "one of 3.11"),
        ("ARCHITECTURE", "aarch64", "x86_64 or arm64"),
        ("S3_BUCKET", "UPPER", "the name of a bucket"),
        ("S3_BUCKET", "x", "the name of a bucket"),
        ("S3_BUCKET", "s3://builds", "the name of a bucket"),
        ("S3_KEY", "/server.zip", "at most 1,024 bytes, without / at either end"),
        ("S3_KEY", "builds/", "at most 1,024 bytes, without / at either end"),
        ("MCP_ENTRYPOINT", "../x.py", "a file like src/server.py, or server.py:mcp"),
        ("MCP_ENTRYPOINT", "src/../x.py", "a file like src/server.py"),
        ("MCP_ENTRYPOINT", "/x.py", "a file like src/server.py"),
        ("MCP_ENTRYPOINT", "x.txt", "a file like src/server.py"),
        ("MCP_ENTRYPOINT", "server", "a file like src/server.py"),
        ("MCP_ENTRYPOINT", "server.py:1x", "a file like src/server.py"),
        ("MCP_ENTRYPOINT", "server.py:", "a file like src/server.py"),
        ("MCP_ENTRYPOINT", "server.py:a:b", "a file like src/server.py"),
    ],
)
def test_what_cannot_be_is_named_with_its_value_and_what_was_expected(name, value, expected):
    assert refused(**{name: value}).startswith(f"{name}={value}: expected {expected}")


@pytest.mark.parametrize(
    "key", ["k" * 1025, "ü" * 513, "a\nb", "a\0b", "a\udcff"], ids=["long", "long-in-bytes", "lines", "nul", "no-text"]
)
def test_a_key_that_s3_does_not_take_is_refused(key):
    assert refused(S3_KEY=key).startswith("S3_KEY=")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://user:hunter2@example.com/x.zip?token=hunter2",
        "http://user:hunter2@example.com/x.zip?token=hunter2",
        "https://user:hunter2@/x.zip",
        "https://user:hunter2@example.com:port/x.zip",
        "https://user:hunter2@[::1/x.zip",
        "file://hunter2/x.zip",
        "file:hunter2/x.zip",
        "hunter2",
    ],
)
def test_an_address_that_is_not_followed_is_not_shown(url):
    message = refused(ZIP_URL=url)
    assert message.startswith("ZIP_URL: expected ")
    assert "hunter2" not in message


def test_http_is_followed_only_when_that_is_allowed():
    assert refused(ZIP_URL="http://example.com/x.zip") == "ZIP_URL: expected https (ZIP_ALLOW_HTTP=true allows http)"
    assert read_order({**ENOUGH, "ZIP_URL": "http://example.com/x.zip", "ZIP_ALLOW_HTTP": "true"}).source.allow_http
    assert read_order({**ENOUGH, "ZIP_URL": "file:///x.zip"}).source.url == "file:///x.zip"


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
@pytest.mark.parametrize(
    "url",
    [
        "https://user:hunter2@s3.example.com",
        "hunter2",
        "s3://hunter2",
        "https://",
        "https://[::1/hunter2",
        "http://s3.example.com:hunter2",
    ],
)
def test_an_endpoint_that_cannot_be_is_not_shown(name, url):
    message = refused(**{name: url})
    assert message == "AWS_ENDPOINT_URL: expected an address like https://s3.example.com"


@pytest.mark.parametrize("entrypoint", ["größe.py", "a\nb.py", f"{'a' * 253}.py"], ids=["letters", "lines", "long"])
def test_an_entry_point_that_s3_does_not_keep_is_refused(entrypoint):
    assert refused(MCP_ENTRYPOINT=entrypoint).startswith("MCP_ENTRYPOINT=")


def test_what_an_order_looks_like_in_a_log_has_no_address_in_it():
    assert "hunter2" not in repr(read_order({**ENOUGH, "ZIP_URL": "https://user:hunter2@example.com/x.zip"}))


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("architecture", ["x86_64", "arm64"])
def test_each_lambda_can_be_asked_for(python, architecture):
    assert read_target(python, architecture) == Target(python=python, architecture=architecture)


def test_a_python_may_be_called_as_its_images_have_it_in_a_variable():
    assert read_target("3.13.5", "x86_64") == Target(python="3.13", architecture="x86_64")
