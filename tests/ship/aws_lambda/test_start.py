"""From an entry point to an app: every kind of guest, and what keeps one from being served."""

import json
import re
import subprocess
import sys

import pytest

from tests.support import ROOT, environment

STARTED = """
import json, sys
from pathlib import Path

from serving.run import explain_errors
from ship.aws_lambda.boot.runtime import Function
from ship.aws_lambda.boot.start import start


class Context:
    aws_request_id = "1"

    def get_remaining_time_in_millis(self):
        return 30_000


with explain_errors():
    function = Function(start(Path(sys.argv[1])))
for event in map(json.loads, sys.stdin):
    print(json.dumps(function(event, Context())))
"""
FASTMCP = """
from fastmcp import FastMCP
from starlette.responses import PlainTextResponse

mcp = FastMCP("Fast", version="1.2")


@mcp.tool
def add(a: int, b: int) -> int:
    return a + b


@mcp.custom_route("/own", methods=["GET"])
async def own(_):
    return PlainTextResponse("own")
"""
SDK = """
from mcp.server.mcpserver import MCPServer

server = MCPServer("Sdk")


@server.tool()
def add(a: int, b: int) -> int:
    return a + b
"""
LOWLEVEL = """
import mcp_types as types
from mcp.server.lowlevel import Server


async def list_tools(ctx, params):
    return types.ListToolsResult(tools=[types.Tool(name="add", input_schema={"type": "object"})])


server = Server("Low", on_list_tools=list_tools)
"""
CONTRACT = """
from boot import metorial

server = metorial.create_server("My Server")


@server.list_tools()
async def list_tools():
    return [{"name": "add"}]
"""
APP = """
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route


async def own(_):
    return PlainTextResponse("own")


app = Starlette(routes=[Route("/own", own)])
"""
SERVERS = {"FastMCP": FASTMCP, "MCPServer": SDK, "Server": LOWLEVEL, "contract": CONTRACT}
TOKEN = "a-token-of-at-least-32-characters"
BEARER = {"authorization": f"Bearer {TOKEN}"}
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
README = (ROOT / "ship" / "aws_lambda" / "README.md").read_text()


def get(path, **headers):
    http = {"method": "GET", "path": path, "sourceIp": "192.0.2.1"}
    return {"version": "2.0", "headers": {"host": "x.on.aws", **headers}, "requestContext": {"http": http}}


def post(message, **headers):
    sent = {"content-type": "application/json", "accept": "application/json, text/event-stream", **headers}
    asked = get("/mcp", **sent)
    asked["requestContext"]["http"]["method"] = "POST"
    return asked | {"body": json.dumps(message)}


def started(folder, *events, source=None, entrypoint="server.py", **variables):
    if source is not None:
        file = folder / entrypoint.partition(":")[0]
        file.parent.mkdir(exist_ok=True)
        file.write_text(source)
    return subprocess.run(
        [sys.executable, "-c", STARTED, str(folder)],
        input="".join(json.dumps(event) + "\n" for event in events),
        env=environment(PYTHONPATH=str(ROOT), MCP_ENTRYPOINT=entrypoint, **variables),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def answers(done):
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("kind", SERVERS)
def test_every_kind_of_server_is_behind_the_chassis(tmp_path, kind):
    events = (get("/mcp/tools", **BEARER), get("/ready"), get("/own"), get("/own", **BEARER))
    settings = {"MCP_AUTH": "token", "MCP_AUTH_TOKENS": TOKEN}
    listed, ready, without, with_token = answers(started(tmp_path, *events, source=SERVERS[kind], **settings))
    assert [tool["name"] for tool in json.loads(listed["body"])["tools"]] == ["add"]
    assert json.loads(ready["body"])["tools_count"] == 1
    assert without["statusCode"] == 401
    assert with_token["statusCode"] == (200 if kind == "FastMCP" else 404)


def test_an_app_is_behind_tokens_too_and_has_probes(tmp_path):
    events = (get("/health"), get("/own"), get("/own", **BEARER))
    settings = {"MCP_AUTH": "token", "MCP_AUTH_TOKENS": TOKEN}
    health, without, with_token = answers(started(tmp_path, *events, source=APP, **settings))
    assert [one["statusCode"] for one in (health, without, with_token)] == [200, 401, 200]
    assert with_token["body"] == "own"


def test_a_server_of_this_template_is_served_as_it_is():
    [ready] = answers(started(ROOT, get("/ready")))
    assert json.loads(ready["body"])["status"] == "ready"


def test_an_object_can_be_named(tmp_path):
    source = FASTMCP + '\nother = FastMCP("Other")\n'
    [health] = answers(started(tmp_path, get("/health"), source=source, entrypoint="src/main.py:other"))
    assert json.loads(health["body"])["service"] == "Other"


def test_of_several_servers_the_one_with_the_usual_name_is_served(tmp_path):
    source = FASTMCP.replace("mcp = ", 'other = FastMCP("Other")\nmcp = ')
    [health] = answers(started(tmp_path, get("/health"), source=source))
    assert json.loads(health["body"])["service"] == "Fast"


GUARDED = """
from fastmcp import FastMCP
from starlette.responses import PlainTextResponse

mcp = FastMCP("Open")
inner = None


async def guarded(wrapped, scope, receive, send):
    await PlainTextResponse("no", 401)(scope, receive, send)
"""
UNCLEAR = {
    "two servers": FASTMCP.replace("mcp =", "one =").replace("@mcp", "@one") + '\ntwo = FastMCP("Two")\n',
    "an open one beside one with tokens": """
from fastmcp import FastMCP
from fastmcp.server.auth import StaticTokenVerifier

mcp = FastMCP("Open")
closed = FastMCP("Closed", auth=StaticTokenVerifier({"t": {"client_id": "ann", "scopes": []}}))
""",
    "an app that does not lead to the server": FASTMCP + "\nfrom fastapi_like import app\n",
    "a partial": GUARDED + "\nimport functools\n\napp = functools.partial(guarded, inner)\n",
    "a lambda": GUARDED + "\napp = lambda scope, receive, send: guarded(inner, scope, receive, send)\n",
    "an object": GUARDED
    + """

class App:
    def __call__(self, scope, receive, send):
        return guarded(inner, scope, receive, send)


app = App()
""",
}


@pytest.mark.parametrize("kind", UNCLEAR)
def test_where_it_is_not_clear_what_is_to_be_served_nothing_is(tmp_path, kind):
    (tmp_path / "fastapi_like.py").write_text(APP)
    done = started(tmp_path, post(LIST), source=UNCLEAR[kind])
    assert (done.returncode, done.stdout) == (1, "")
    assert "as in MCP_ENTRYPOINT=server.py:app" in done.stderr


@pytest.mark.parametrize("kind", ["a partial", "a lambda", "an object"])
def test_an_app_that_is_named_is_served_whatever_it_is_made_of(tmp_path, kind):
    [refused] = answers(started(tmp_path, post(LIST), source=UNCLEAR[kind], entrypoint="server.py:app"))
    assert (refused["statusCode"], refused["body"]) == (401, "no")


def test_an_app_under_another_name_is_an_app(tmp_path):
    source = (
        FASTMCP
        + """
from starlette.middleware import Middleware


class Nobody:
    def __init__(self, app):
        pass

    async def __call__(self, scope, receive, send):
        await PlainTextResponse("no", 401)(scope, receive, send)


http_app = mcp.http_app(middleware=[Middleware(Nobody)])
"""
    )
    [refused] = answers(started(tmp_path, post(LIST), source=source))
    assert refused["statusCode"] == 401


def test_an_app_that_a_server_is_mounted_in_is_served(tmp_path):
    source = (
        FASTMCP
        + """
from starlette.applications import Starlette
from starlette.routing import Mount

inside = mcp.http_app()
app = Starlette(routes=[Mount("/", inside)], lifespan=inside.lifespan)
"""
    )
    [listed] = answers(started(tmp_path, post(LIST), source=source))
    assert '"tools":' in listed["body"]


def test_what_answers_to_any_name_is_no_server(tmp_path):
    source = (
        FASTMCP
        + """

class Anything:
    def __getattr__(self, name):
        return Anything()

    def __bool__(self):
        raise NotImplementedError


db = Anything()


@mcp.tool
async def application(name: str = "", email: str = "", job: str = "") -> str:
    return name
"""
    )
    [ready] = answers(started(tmp_path, get("/ready"), source=source))
    assert json.loads(ready["body"])["tools_count"] == 2


def test_hosts_in_a_file_count_for_who_reads_that_file(tmp_path):
    (tmp_path / ".env").write_text("MCP_ALLOWED_HOSTS=mine.example.com\n")
    [health] = answers(started(tmp_path, get("/mcp/tools"), source=FASTMCP))
    assert health["statusCode"] == 200


OWN_TOKENS = {
    "FastMCP": f"""
from fastmcp import FastMCP
from fastmcp.server.auth import StaticTokenVerifier

mcp = FastMCP("Mine", auth=StaticTokenVerifier({{"{TOKEN}": {{"client_id": "ann", "scopes": []}}}}))
""",
    "MCPServer": f"""
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer


class Verifier:
    async def verify_token(self, token):
        return AccessToken(token=token, client_id="ann", scopes=[]) if token == "{TOKEN}" else None


auth = AuthSettings(issuer_url="https://id.example.com", resource_server_url="https://mcp.example.com")
server = MCPServer("Mine", token_verifier=Verifier(), auth=auth)
""",
    "an app around a FastMCP": f"""
from fastmcp import FastMCP
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse


class Key:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http" and (b"authorization", b"Bearer {TOKEN}") not in scope["headers"]:
            return await PlainTextResponse("no", 401)(scope, receive, send)
        await self.app(scope, receive, send)


mcp = FastMCP("Mine")
app = mcp.http_app(middleware=[Middleware(Key)])
""",
}


@pytest.mark.parametrize("kind", OWN_TOKENS)
def test_a_server_that_asks_for_tokens_itself_goes_on_doing_so(tmp_path, kind):
    without, with_token = answers(started(tmp_path, post(LIST), post(LIST, **BEARER), source=OWN_TOKENS[kind]))
    assert (without["statusCode"], with_token["statusCode"]) == (401, 200)
    assert '"tools":' in with_token["body"]


@pytest.mark.parametrize("kind", ["FastMCP", "MCPServer"])
def test_nobody_is_asked_for_two_tokens(tmp_path, kind):
    done = started(tmp_path, source=OWN_TOKENS[kind], MCP_AUTH="token", MCP_AUTH_TOKENS=TOKEN)
    assert done.returncode == 2
    assert "MCP_AUTH=token: expected none, because the server asks for tokens itself" in done.stderr


def test_an_apps_tokens_and_those_of_the_settings_are_both_asked_for(tmp_path):
    settings = {"MCP_AUTH": "token", "MCP_AUTH_TOKENS": "another-token-of-at-least-32-characters"}
    source = OWN_TOKENS["an app around a FastMCP"]
    first, second = answers(started(tmp_path, post(LIST, **BEARER), post(LIST), source=source, **settings))
    assert (first["statusCode"], second["statusCode"]) == (401, 401)


def test_what_is_open_by_its_path_is_ours(tmp_path):
    source = (
        FASTMCP
        + """

@mcp.custom_route("/health", methods=["GET"])
async def theirs(_):
    return PlainTextResponse("theirs")
"""
    )
    [health] = answers(started(tmp_path, get("/health"), source=source))
    assert json.loads(health["body"])["status"] == "healthy"


def test_an_entry_point_that_another_module_imports_runs_once(tmp_path):
    (tmp_path / "more.py").write_text("from server import mcp\n\n\n@mcp.tool\ndef more() -> int:\n    return 1\n")
    source = FASTMCP + "\nimport more\n"
    [ready] = answers(started(tmp_path, get("/ready"), source=source))
    assert json.loads(ready["body"])["tools_count"] == 2


def test_only_the_simple_contract_has_actions(tmp_path):
    ask = {"action": "mcp.request", "messages": [LIST]}
    [refused] = answers(started(tmp_path, ask, source=FASTMCP))
    assert refused["statusCode"] == 400
    [asked] = answers(started(tmp_path, ask, source=CONTRACT, MCP_AUTH="token", MCP_AUTH_TOKENS=TOKEN))
    assert [tool["name"] for tool in json.loads(asked["responses"][0])["result"]["tools"]] == ["add"]


EXITS = {
    "FastMCP": FASTMCP.replace("return a + b", "raise SystemExit(3)"),
    "Server": LOWLEVEL.replace("    return types", "    raise SystemExit(3)\n    return types"),
    "contract": CONTRACT.replace("async def list_tools():", "def list_tools():\n    raise SystemExit(3)"),
    "app": APP.replace("    return Plain", "    raise SystemExit(3)\n    return Plain"),
}


@pytest.mark.parametrize("kind", EXITS)
def test_code_that_would_end_the_process_fails_and_the_next_event_is_answered(tmp_path, kind):
    call = LIST | {"method": "tools/call", "params": {"name": "add", "arguments": {"a": 1, "b": 2}}}
    *_, health = answers(started(tmp_path, post(LIST), post(call), get("/own"), get("/health"), source=EXITS[kind]))
    assert health["statusCode"] == 200


@pytest.mark.parametrize(
    ("source", "entrypoint", "expected"),
    [
        ("import nowhere", "server.py", "server.py cannot be imported: ModuleNotFoundError (nowhere) at server.py:1"),
        ("\nraise ValueError('hunter2')", "server.py", "server.py cannot be imported: ValueError at server.py:2"),
        ("raise SystemExit(3)", "server.py", "server.py cannot be imported: SystemExit at server.py:1"),
        ("def", "server.py", "server.py cannot be imported: SyntaxError"),
        ("x = 1", "server.py", "server.py: expected a FastMCP object, a server of the MCP SDK, an ASGI app"),
        ("x = 1", "server.py:x", "server.py:x: expected a FastMCP object"),
        (None, "server.py", "MCP_ENTRYPOINT=server.py: expected a Python file of the guest"),
        (None, "", "MCP_ENTRYPOINT=: expected a Python file of the guest"),
    ],
    ids=range(8),
)
def test_what_cannot_be_served_ends_the_start_with_one_line(tmp_path, source, entrypoint, expected):
    done = started(tmp_path, source=source, entrypoint=entrypoint)
    assert done.returncode == 1
    assert expected in done.stderr
    assert not re.search("Traceback|hunter2", done.stderr)


def test_the_readme_shows_a_server_that_runs(tmp_path):
    source = "\n".join(re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL))
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "add", "arguments": {"a": 1, "b": 2}}}
    events = (
        {"action": "mcp.request", "messages": [call]},
        {"action": "callback", "name": "order.created", "event": {"id": 7}},
        {"action": "oauth", "oauthAction": "get"},
    )
    account = {"CLIENT_ID": "me", "CLIENT_SECRET": "hush"}
    asked, callback, oauth = answers(started(tmp_path, *events, source=source, **account))
    assert json.loads(asked["responses"][0])["result"]["content"] == [{"type": "text", "text": "3"}]
    assert callback["result"] == {"seen": 7}
    assert oauth["oauth"]["enabled"]
