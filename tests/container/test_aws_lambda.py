"""The image that makes a zip for AWS Lambda of any server, and what is in that zip in the Python that it is for."""

import json
import subprocess

import pytest

from serving.identity import read_identity
from ship.image.engine import DOCKER
from tests.container.engine import ANY_USER
from tests.ship.archive.support import web, zipped
from tests.ship.aws_lambda.lab.events import Request, event, response
from tests.ship.aws_lambda.support import BUCKET, KEY, s3, unpacked
from tests.support import make

IMAGE = f"{read_identity().name}-lambda-build:{read_identity().version}"
PYTHON = "3.13"
SERVER = """
from fastmcp import FastMCP

mcp = FastMCP("Guest")


@mcp.tool
def add(a: int, b: int) -> int:
    return a + b
"""
INVOKED = """
import json, sys, types

from __boot__.handler import handler

context = types.SimpleNamespace(aws_request_id="1", get_remaining_time_in_millis=lambda: 30_000)
json.dump(handler(json.load(sys.stdin), context), sys.stdout)
"""
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "add", "arguments": {"a": 1, "b": 2}}}


@pytest.fixture(scope="module")
def lambda_image(engine):
    """The image, built as a user builds it."""
    built = make("lambda-image", f"PYTHON_VERSION={PYTHON}", seconds=600)
    assert built.returncode == 0, built.stderr
    return IMAGE


@pytest.fixture(scope="module")
def there():
    """S3 on this machine."""
    with s3() as server:
        yield server


def built(image, there, *options, **variables):
    """Run the image; what it may use of this machine is S3 and the zip, over the loopback interface."""
    with web(guest_zip=zipped({"server.py": SERVER})) as (url, _):
        told = {"ZIP_URL": f"{url}/guest.zip", "ZIP_ALLOW_HTTP": "true", "S3_BUCKET": BUCKET, "S3_KEY": KEY}
        told |= there.variables | variables
        given = [word for name, value in told.items() for word in ("--env", f"{name}={value}")]
        hardened = ("--network", "host", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL")
        return subprocess.run(
            [DOCKER, "run", "--rm", *hardened, *options, *given, image],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


def test_a_server_becomes_a_function_that_answers_in_the_python_it_was_made_for(lambda_image, there, tmp_path):
    done = built(lambda_image, there, *ANY_USER)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["runtime"], said["entrypoint"]) == (f"python{PYTHON}", "server.py")
    assert "[10/10] Upload" in done.stderr
    there.ask("get_object", tmp_path / "function.zip", Bucket=BUCKET, Key=KEY)
    folder = unpacked(tmp_path / "function.zip", tmp_path / "task")
    headers = (("content-type", "application/json"), ("accept", "application/json, text/event-stream"))
    asked = event("function-url", Request("POST", "/mcp", "", headers, json.dumps(CALL).encode()), "x.on.aws")
    ran = subprocess.run(
        [
            *(DOCKER, "run", "--rm", "--interactive", "--network", "none", "--read-only", "--tmpfs", "/tmp"),
            *("--volume", f"{folder}:/var/task:ro", "--workdir", "/var/task", "--user", "993:990"),
            *(f"python:{PYTHON}-slim", "python", "-c", INVOKED),
        ],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    answer = response("function-url", json.loads(ran.stdout))
    assert answer.status == 200
    assert b'"structuredContent":{"result":3}' in answer.body


def test_what_is_wrong_is_one_line_and_nothing_is_uploaded(lambda_image, there):
    done = built(lambda_image, there, S3_KEY="nothing.zip", ZIP_SHA256="0" * 64)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith("build: step 2 (Verify) failed: ZIP_SHA256=000")
    assert "nothing.zip" not in there.objects()


def test_without_anything_it_says_what_is_missing(lambda_image):
    done = subprocess.run(
        [DOCKER, "run", "--rm", "--network", "none", lambda_image], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "build: ZIP_URL and S3_BUCKET and S3_KEY: expected a value, and nothing is set\n"
