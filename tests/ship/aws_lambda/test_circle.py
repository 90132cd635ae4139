"""The whole circle: built from a zip into S3, fetched from there, run by AWS's runtime, called in both eras."""

import base64
import hashlib
import json
import os
import re
import signal
import subprocess
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from pathlib import Path

import httpx2
import pytest
from fastmcp import Client

from tests.ship.archive.support import sha256, zipped
from tests.ship.aws_lambda.guests import FASTMCP, GUESTS, needing
from tests.ship.aws_lambda.lab.events import HOSTS, KINDS, Request, event
from tests.ship.aws_lambda.lab.front import front
from tests.ship.aws_lambda.lab.runtime_api import Function, tools
from tests.ship.aws_lambda.support import (
    BUCKET,
    HERE,
    KEY,
    beside_packages_of,
    build,
    pack_this_server,
    python_on_path,
    s3,
    unpacked,
)
from tests.support import Server, post

pytestmark = pytest.mark.thorough

ERAS = ["auto", "legacy"]
SECRET = "swordfish"
ALL_HOSTS = ",".join(HOSTS.values())
OF_BALANCERS = ["alb", "alb-multi"]
OTHERS = [kind for kind in KINDS if kind not in OF_BALANCERS]
THIS_SERVER = "this-server"
TOKEN = "0123456789abcdef"
WITH_TOKENS = {"MCP_AUTH": "token", "MCP_AUTH_TOKENS": f"ann={TOKEN}"}
PLAIN = {"server.py": FASTMCP}
AARCH64 = 183
"""What an ELF file says that is for it."""

WITH_REQUIREMENTS = zipped(
    {
        "server.py": needing("inflection", "inflection.titleize(text)"),
        "requirements.txt": "inflection==0.5.1\n",
        "data/greeting.txt": "hello",
    }
)
WITH_PROJECT = zipped(
    {
        "guest-main/src/server.py": needing("tomli_w", "tomli_w.dumps({'text': text})"),
        "guest-main/pyproject.toml": '[project]\nname = "guest"\nversion = "1"\ndependencies = ["tomli-w>=1.2"]\n',
    }
)
"""As GitHub packs a repository: all in one folder."""


@pytest.fixture(scope="module")
def store():
    with s3() as store:
        yield store


@pytest.fixture(scope="module")
def workspaces(tmp_path_factory):
    return tmp_path_factory.mktemp("workspaces")


@pytest.fixture(scope="module")
def arm64_python():
    """Another Python where there is one, and the PATH with it; else this one: the network may have no other."""
    path = python_on_path("3.13")
    return ("3.13", path) if path else (HERE, os.environ["PATH"])


@pytest.fixture(scope="module")
def builds(store, workspaces, arm64_python):
    """All builds, two at a time, while tests run that need others; each in a workspace of its name."""
    python, path = arm64_python
    elsewhere = {"ARCHITECTURE": "arm64", "PYTHON_VERSION": python, "PATH": path}
    nobody = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None, "S3_KEY": "unkept.zip"}

    def of(name, content, **variables):
        return partial(build, store, content, workspaces / name, **variables)

    asked = {
        "requirements": of("requirements", WITH_REQUIREMENTS),
        THIS_SERVER: partial(pack_this_server, workspaces / THIS_SERVER),
        "project": of("project", WITH_PROJECT, S3_KEY="project.zip", MCP_ENTRYPOINT="src/server.py"),
        "no-bucket": of("no-bucket", WITH_REQUIREMENTS, S3_KEY="unkept.zip", S3_BUCKET="nobodys-bucket"),
        "no-credentials": of("no-credentials", zipped(PLAIN), **elsewhere, **nobody),
    }
    pool = ThreadPoolExecutor(2)
    yield {name: pool.submit(work) for name, work in asked.items()}
    pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="module")
def built(builds):
    """A guest with requirements.txt, built into S3."""
    return succeeded(builds["requirements"])


@pytest.fixture(scope="module")
def stored(built, store, workspaces):
    """What S3 has of it, in a file, and what it says of that."""
    file = workspaces / "stored.zip"
    return file, store.ask("get_object", file, Bucket=BUCKET, Key=KEY, ChecksumMode="ENABLED")


@pytest.fixture(scope="module")
def with_packages(stored, workspaces):
    """That, as Lambda unpacks it."""
    return unpacked(stored[0], workspaces / "with-packages")


@pytest.fixture(scope="module")
def with_project(builds, store, workspaces):
    """A guest with pyproject.toml, built into S3, fetched and unpacked."""
    succeeded(builds["project"])
    file = workspaces / "project.zip"
    store.ask("get_object", file, Bucket=BUCKET, Key="project.zip")
    return unpacked(file, workspaces / "with-project")


@pytest.fixture(scope="module")
def packed(builds, workspaces):
    """This very server, packed as a user packs it, and unpacked."""
    file = Path(succeeded(builds[THIS_SERVER]).stdout.strip())
    assert file.with_name("lambda.zip.sha256").read_text() == f"{sha256(file.read_bytes())}  lambda.zip\n"
    return unpacked(file, workspaces / "packed")


def succeeded(build):
    done = build.result()
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def function_of(with_packages, workspaces, request):
    """Give the function that a guest is, with these variables, started once."""
    with ExitStack() as stack:

        @cache
        def folder(name):
            if name == THIS_SERVER:
                return request.getfixturevalue("packed")
            return beside_packages_of(with_packages, workspaces / f"guest-{name}", GUESTS[name])

        @cache
        def start(name, **variables):
            return stack.enter_context(Function(folder(name), **variables))

        yield start


@pytest.fixture(scope="module", params=[*GUESTS, THIS_SERVER])
def guest(request):
    return request.param


@pytest.fixture
def function(function_of, guest):
    """Each guest, behind every service."""
    return function_of(guest, MCP_ALLOWED_HOSTS=ALL_HOSTS)


@contextmanager
def over_http(folder, scratch, **variables):
    """Run a zip, unpacked, as the Lambda Web Adapter starts it, on a Python that has no packages."""
    bare = scratch / "bare"
    subprocess.run([tools() / "bin" / "python", "-m", "venv", "--without-pip", bare], check=True, capture_output=True)
    process = subprocess.Popen(
        [folder / "__boot__" / "run.sh"],
        env={"PATH": f"{bare / 'bin'}:/usr/bin:/bin", "PORT": "0", "LAMBDA_TASK_ROOT": str(folder), **variables},
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    server = Server(process)
    try:
        found = re.search(r"MCP on http://0\.0\.0\.0:(\d+)/mcp", server.wait_for("MCP on "))
        assert found
        server.url = f"http://127.0.0.1:{found[1]}/mcp"
        yield server
    finally:
        server.kill()
        process.wait()
        process.stderr.close()


def code_of(result):
    """The code in the error that a function answers."""
    return json.loads(result["body"])["error"]["code"]


def test_the_object_in_s3_says_what_it_is_and_has_the_checksum_that_s3_has_checked(stored):
    file, said = stored
    content = file.read_bytes()
    assert said["ContentType"] == "application/zip"
    assert base64.b64decode(said["ChecksumSHA256"]) == hashlib.sha256(content).digest()
    assert said["Metadata"] == {
        "sha256": sha256(content),
        "entrypoint": "server.py",
        "runtime": f"python{HERE}",
        "architecture": "x86_64",
    }


def test_a_build_says_what_it_does_and_in_the_end_what_there_is(built, stored):
    content = stored[0].read_bytes()
    with zipfile.ZipFile(stored[0]) as archive:
        unzipped = sum(entry.file_size for entry in archive.infolist())
        assert archive.read("data/greeting.txt") == b"hello"
    assert json.loads(built.stdout.splitlines()[-1]) == {
        "bucket": BUCKET,
        "key": KEY,
        "sha256": sha256(content),
        "bytes": len(content),
        "unzipped_bytes": unzipped,
        "entrypoint": "server.py",
        "handler": "__boot__.handler.handler",
        "runtime": f"python{HERE}",
        "architecture": "x86_64",
    }
    assert re.findall(r"^\[(\d+)/10\] \S", built.stderr, re.MULTILINE) == [str(number) for number in range(1, 11)]
    assert len(re.findall(r"^ +\d+\.\d s$", built.stderr, re.MULTILINE)) == 10


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_client_calls_it_through_every_service(function, guest, kind, mode):
    with front(function, kind) as url:
        async with Client(f"{url}/mcp", mode=mode) as client:
            assert (client.protocol_version == "2026-07-28") == (mode == "auto")
            names = {tool.name for tool in await client.list_tools()}
            if guest == THIS_SERVER:  # whatever tools it has
                assert names
            else:
                assert {"add", "bug"} <= names
                assert (await client.call_tool("add", {"a": 1, "b": 2})).content[0].text == "3"


def test_it_starts_once_and_so_does_its_lifespan(function, guest):
    for _ in range(3):
        assert function.invoke(event("function-url", Request("GET", "/health"))).payload["statusCode"] == 200
    assert function.starts == 1
    assert function.log.count("The lifespan begins.") == (0 if guest in ("contract", THIS_SERVER) else 1)


@pytest.mark.parametrize("kind", OTHERS)
def test_it_answers_as_what_aws_calls_it_when_nothing_is_configured(function_of, kind):
    with front(function_of("asgi"), kind) as url:
        got = httpx2.get(f"{url}/hello")
    assert (got.status_code, got.text) == (200, "hello")


@pytest.mark.parametrize("kind", OF_BALANCERS)
def test_behind_a_load_balancer_the_hosts_have_to_be_configured(function_of, kind):
    with front(function_of("asgi"), kind) as url:
        got = httpx2.get(f"{url}/hello")
    assert (got.status_code, got.json()["error"]["code"]) == (421, "misdirected_request")


@pytest.mark.parametrize("kind", KINDS)
def test_a_host_that_is_not_configured_is_refused(function_of, kind):
    with front(function_of("asgi", MCP_ALLOWED_HOSTS=ALL_HOSTS), kind, "evil.example") as url:
        assert httpx2.get(f"{url}/hello").status_code == 421


@pytest.mark.parametrize("mode", ERAS)
async def test_the_packages_of_requirements_txt_are_in_it(with_packages, mode):
    with Function(with_packages) as function, front(function, "function-url") as url:
        async with Client(f"{url}/mcp", mode=mode) as client:
            assert (await client.call_tool("more", {"text": "from lambda"})).data == "From Lambda"


@pytest.mark.parametrize("mode", ERAS)
async def test_the_dependencies_of_pyproject_toml_are_in_it(with_project, mode):
    with Function(with_project) as function, front(function, "api-v2") as url:
        async with Client(f"{url}/mcp", mode=mode) as client:
            assert (await client.call_tool("more", {"text": "x"})).data == 'text = "x"\n'


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
@pytest.mark.parametrize("name", GUESTS)
def test_what_a_bug_says_stays_here(function_of, name, mode):
    with front(function_of(name, MCP_ALLOWED_HOSTS=ALL_HOSTS), "api-v1") as url, httpx2.Client() as client:
        said = client.send(post(f"{url}/mcp", mode, "tools/call", {"name": "bug", "arguments": {}})).text
    assert '"isError":true' in said.replace(" ", "") or '"error"' in said
    assert SECRET not in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (f'raise ValueError("{SECRET}")', "server.py cannot be imported: ValueError at server.py:1"),
        ("import nothing_of_this_name", "server.py cannot be imported: ModuleNotFoundError (nothing_of_this_name)"),
        ("def (", "server.py cannot be imported: SyntaxError"),
        ("raise SystemExit(0)", "server.py cannot be imported: SystemExit at server.py:1"),
        ("mcp = 1", "server.py: expected a FastMCP object"),
    ],
    ids=["raises", "lacks a module", "is no Python", "leaves", "offers nothing"],
)
def test_what_cannot_be_served_ends_with_one_line_and_aws_is_told_no_more(with_packages, tmp_path, source, why):
    with Function(beside_packages_of(with_packages, tmp_path, {"server.py": source + "\n"})) as function:
        outcome = function.invoke(event("function-url", Request("GET", "/health")))
        assert outcome.exit_status == 1
        assert (outcome.error.kind, outcome.error.trace) == ("Runtime.ExitError", ())
        [line] = function.log.splitlines()
    assert why in line
    assert SECRET not in line


@pytest.mark.parametrize("kind", KINDS)
def test_an_app_that_raises_is_an_error_without_details(function_of, kind):
    function = function_of("asgi", MCP_ALLOWED_HOSTS=ALL_HOSTS)
    with front(function, kind) as url:
        got = httpx2.get(f"{url}/fail")
        assert httpx2.get(f"{url}/hello").text == "hello"
    assert got.status_code == 500
    assert SECRET not in got.text
    assert function.starts == 1


@pytest.mark.parametrize("kind", KINDS)
def test_when_time_is_over_it_says_so_and_goes_on(function_of, kind):
    function = function_of("asgi", MCP_ALLOWED_HOSTS=ALL_HOSTS)
    result = function.invoke(event(kind, Request("GET", "/never")), seconds=1).payload
    assert (result["statusCode"], code_of(result)) == (504, "timeout")
    assert function.invoke(event(kind, Request("GET", "/hello"))).payload["statusCode"] == 200
    assert function.starts == 1


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
def test_when_time_is_over_what_a_tool_has_told_is_no_answer(function_of, mode):
    function = function_of("fastmcp", MCP_ALLOWED_HOSTS=ALL_HOSTS)
    asked = post("http://x/mcp", mode, "tools/call", {"name": "wait", "arguments": {}})
    request = Request("POST", "/mcp", "", tuple(asked.headers.items()), asked.content)
    result = function.invoke(event("function-url", request), seconds=1).payload
    assert (result["statusCode"], code_of(result)) == (504, "timeout")
    assert function.starts == 1


@pytest.mark.parametrize("name", ["fastmcp", "sdk"])
@pytest.mark.parametrize("mode", ERAS)
async def test_a_tool_has_what_its_lifespan_has_opened(function_of, name, mode):
    with front(function_of(name, MCP_ALLOWED_HOSTS=ALL_HOSTS), "api-v2") as url:
        async with Client(f"{url}/mcp", mode=mode) as client:
            assert (await client.call_tool("database")).content[0].text == "open"


def test_routes_of_a_guest_are_behind_the_token_too(function_of):
    for variables, status in (({}, 200), (WITH_TOKENS, 401)):
        with front(function_of("fastmcp", MCP_ALLOWED_HOSTS=ALL_HOSTS, **variables), "api-v2") as url:
            assert httpx2.get(f"{url}/hello").status_code == status


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_nobody_passes_on_is_an_error(function_of, kind):
    most = 1024**2 if kind in OF_BALANCERS else 6 * 1024**2
    with front(function_of("asgi", MCP_ALLOWED_HOSTS=ALL_HOSTS), kind) as url:
        assert len(httpx2.get(f"{url}/large?bytes={most - 1000}").content) == most - 1000
        got = httpx2.get(f"{url}/large?bytes={most}")
    assert (got.status_code, got.json()["error"]["code"]) == (500, "answer_too_long")


@pytest.mark.parametrize(
    "nonsense",
    [{}, {"hello": "world"}, [], "text", None, {"requestContext": "x"}, {"requestContext": {}}, {"version": "2.0"}],
    ids=json.dumps,
)
def test_an_event_that_is_none_is_a_bad_request(function_of, nonsense):
    result = function_of("asgi").invoke(nonsense).payload
    assert (result["statusCode"], code_of(result)) == (400, "bad_request")


@pytest.mark.parametrize("kind", KINDS)
async def test_who_has_no_token_is_refused(function_of, kind):
    with front(function_of("contract", MCP_ALLOWED_HOSTS=ALL_HOSTS, **WITH_TOKENS), kind) as url:
        for headers in ({}, {"Authorization": f"Bearer not-{TOKEN}"}):
            assert httpx2.post(f"{url}/mcp", json={}, headers=headers).status_code == 401
        async with Client(f"{url}/mcp", auth=TOKEN) as client:
            assert await client.list_tools()


def test_the_platform_needs_no_token(function_of):
    function = function_of("contract", MCP_ALLOWED_HOSTS=ALL_HOSTS, **WITH_TOKENS)
    found = function.invoke({"action": "discover"}).payload
    assert found["success"] is True
    assert found["discovery"]["implementation"] == {"name": "calculator-server", "version": "1.0.0"}
    assert [tool["name"] for tool in found["discovery"]["tools"]] == ["add", "bug"]
    call = {"name": "add", "arguments": {"a": 1, "b": 2}}
    question = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": call}
    asked = function.invoke({"action": "mcp.request", "messages": [question]}).payload
    [answer] = map(json.loads, asked["responses"])
    assert (answer["id"], answer["result"]["content"][0]["text"]) == (7, "3")
    oauth = function.invoke({"action": "oauth", "oauthAction": "get"}).payload
    assert oauth == {"success": True, "oauth": {"enabled": True, "hasForm": False}}
    called = function.invoke({"action": "callback", "name": "arrived", "event": {"number": 7}}).payload
    assert called == {"success": True, "result": {"seen": 7}}


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_is_the_platform_over_http(function_of, kind):
    with front(function_of("contract", MCP_ALLOWED_HOSTS=ALL_HOSTS, **WITH_TOKENS), kind) as url:
        for action in ({"action": "discover"}, {"action": "oauth", "oauthAction": "get"}):
            assert httpx2.post(f"{url}/mcp", json=action).status_code == 401
            allowed = httpx2.post(
                f"{url}/mcp?action=discover", json=action, headers={"Authorization": f"Bearer {TOKEN}"}
            )
            assert allowed.status_code == 400
            assert "success" not in allowed.text


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize("name", ["fastmcp", "sdk"])
@pytest.mark.parametrize("kind", ["function-url", "alb"])
async def test_progress_is_in_the_answer_that_comes_in_one_piece(function_of, name, kind, mode):
    told = []

    async def tell(progress, total, message):
        told.append((progress, total, message))

    with front(function_of(name, MCP_ALLOWED_HOSTS=ALL_HOSTS), kind) as url:
        async with Client(f"{url}/mcp", mode=mode) as client:
            result = await client.call_tool("count", {"to": 3}, progress_handler=tell)
    assert result.content[0].text == "3"
    assert told == [(1, 3, "at 1"), (2, 3, "at 2"), (3, 3, "at 3")]


@pytest.mark.parametrize("mode", ERAS)
async def test_as_a_plain_server_it_tells_progress_as_it_happens(with_packages, tmp_path, mode):
    with over_http(with_packages, tmp_path) as server:
        async with Client(server.url, mode=mode) as client, Client(server.url, mode=mode) as other:

            async def open_the_gate(*_):
                assert (await other.call_tool("opening")).data == "done"

            result = await client.call_tool("wait", progress_handler=open_the_gate)
        assert result.data == "opened"
        assert httpx2.get(f"{server.base}/ready").json()["status"] == "ready"
        balanced = {"x-amzn-request-context": '{"elb":{"targetGroupArn":"arn"}}'}  # as the adapter tells it
        assert httpx2.get(f"{server.base}/hello", headers=balanced).status_code == 421
        assert httpx2.get(f"{server.base}/hello").status_code == 200
        assert server.stop(signal.SIGTERM) == 0


def test_two_builds_of_one_zip_are_the_same_byte_by_byte(builds, stored, workspaces):
    told(builds["no-bucket"].result(), 10)
    assert (workspaces / "no-bucket" / "function.zip").read_bytes() == stored[0].read_bytes()


def test_what_is_built_for_arm64_has_nothing_of_another_machine(builds, workspaces, arm64_python):
    told(builds["no-credentials"].result(), 10)
    with zipfile.ZipFile(workspaces / "no-credentials" / "function.zip") as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    programs = {name: content for name, content in contents.items() if content.startswith(b"\x7fELF")}
    assert {name for name in contents if name.endswith(".so")} <= programs.keys()
    assert programs
    assert {int.from_bytes(content[18:20], "little") for content in programs.values()} == {AARCH64}
    wheels = [content.decode() for name, content in contents.items() if name.endswith(".dist-info/WHEEL")]
    tags = re.findall(r"^Tag: (\S+)", "\n".join(wheels), re.MULTILINE)
    assert tags
    assert [tag for tag in tags if not re.search(r"-none-any$|manylinux\w*_aarch64", tag)] == []
    tag = f"cpython-{arm64_python[0].replace('.', '')}.pyc"
    assert {name for name in contents if name.endswith(".pyc") and not name.endswith(tag)} == set()
    assert f"__boot__/__pycache__/handler.{tag}" in contents


@pytest.mark.parametrize(
    ("files", "at", "variables", "step", "why"),
    [
        (PLAIN, "guest.zip", {"ZIP_SHA256": "0" * 64}, 2, "ZIP_SHA256"),
        (PLAIN, "nothing.zip", {}, 1, "404"),
        ({"../../evil.py": "", **PLAIN}, "guest.zip", {}, 3, "evil.py"),
        ({"README.md": ""}, "guest.zip", {}, 4, "no entry point"),
        ({**PLAIN, "requirements.txt": "inflection==99\n"}, "guest.zip", {}, 5, "inflection==99"),
        ({**PLAIN, "requirements.txt": "fastmcp<3\n"}, "guest.zip", {}, 5, "fastmcp<3"),
    ],
    ids=[
        "another checksum",
        "nothing there",
        "out of the folder",
        "no entry point",
        "no such package",
        "not with ours",
    ],
)
def test_a_build_that_fails_uploads_nothing_and_says_why_in_one_line(store, tmp_path, files, at, variables, step, why):
    done = build(store, zipped(files), tmp_path / "workspace", at, S3_KEY="refused.zip", **variables)
    assert told(done, step)
    assert why in told(done, step)
    assert "refused.zip" not in store.objects()
    assert not list(tmp_path.rglob("evil.py"))


@pytest.mark.parametrize(("lacking", "why"), [("bucket", "NoSuchBucket"), ("credentials", "credentials")])
def test_what_s3_does_not_take_is_said_in_one_line(builds, store, lacking, why):
    assert why in told(builds[f"no-{lacking}"].result(), 10)
    assert "unkept.zip" not in store.objects()


def told(done, step):
    """What a build that fails at a step says of it: its last line, after the steps."""
    assert (done.returncode, done.stdout) == (1, "")
    *steps, last = done.stderr.splitlines()
    assert [line for line in steps if not re.match(r"\[\d+/10\] |      ", line)] == []
    found = re.fullmatch(rf"build: step {step} \(.+?\) failed: (.+)", last)
    assert found, last
    return found[1]
