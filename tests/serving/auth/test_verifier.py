"""Who may call: settings that must fit together, and every route of the app without a token."""

import logging
import subprocess
import sys

import httpx2
import pytest
from fastmcp import FastMCP
from httpx2 import ASGITransport, AsyncClient, Client
from starlette.routing import Mount

from serving.auth import verifier
from serving.auth.jwt import JwtVerifier
from serving.auth.tokens import StaticTokens
from serving.auth.verifier import WarnIfOpen, create_verifier, warn_if_open
from serving.chassis import chassis
from serving.errors import SettingsError
from serving.settings import Settings
from serving.web.app import create_app
from tests.issuer import AUDIENCE, ISSUER, public_pem, token
from tests.support import ROOT, SAMPLE, post, run, serving

TOKEN = "0123456789abcdef-secret"
JWT = {"auth": "jwt", "auth_issuer": ISSUER, "auth_audience": AUDIENCE, "auth_key": public_pem()}
OPEN = {"/", "/health", "/ready"}


def test_the_verifier_is_the_one_that_the_settings_name():
    assert create_verifier(Settings()) is None
    assert isinstance(create_verifier(Settings(auth="token", auth_tokens=TOKEN)), StaticTokens)
    assert isinstance(create_verifier(Settings(**JWT)), JwtVerifier)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"auth": "token"}, "MCP_AUTH=token: expected MCP_AUTH_TOKENS or MCP_AUTH_TOKENS_FILE as well"),
        (JWT | {"auth_key": ""}, "MCP_AUTH=jwt: expected MCP_AUTH_KEY as well"),
        (JWT | {"auth_issuer": ""}, "MCP_AUTH=jwt: expected MCP_AUTH_ISSUER as well"),
        (JWT | {"auth_audience": ""}, "MCP_AUTH=jwt: expected MCP_AUTH_AUDIENCE as well"),
        ({"auth_tokens": TOKEN}, "MCP_AUTH_TOKENS is set, but MCP_AUTH is none: expected token"),
        ({"auth_tokens_file": "/x"}, "MCP_AUTH_TOKENS_FILE is set, but MCP_AUTH is none: expected token"),
        ({"auth_key": "/x"}, "MCP_AUTH_KEY is set, but MCP_AUTH is none: expected jwt"),
        ({"auth_algorithm": "ES256"}, "MCP_AUTH_ALGORITHM is set, but MCP_AUTH is none: expected jwt"),
        ({"auth_scopes": "read"}, "MCP_AUTH_SCOPES is set, but MCP_AUTH is none: expected token or jwt"),
        (JWT | {"auth_tokens": TOKEN}, "MCP_AUTH_TOKENS is set, but MCP_AUTH is jwt: expected token"),
        (JWT | {"auth": "token"}, "MCP_AUTH_KEY is set, but MCP_AUTH is token: expected jwt"),
        (JWT | {"auth_scopes": 'a"b'}, 'MCP_AUTH_SCOPES=a"b: expected scopes without spaces, quotes and backslashes'),
    ],
)
def test_a_server_that_somebody_believes_protected_does_not_run_open(settings, problem):
    with pytest.raises(SettingsError) as error:
        create_verifier(Settings(**settings))
    assert str(error.value) == problem


def test_the_module_can_be_imported_before_fastmcp():
    loaded = "import sys, serving.auth.verifier; sys.exit('fastmcp' in sys.modules or 'starlette' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", loaded], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "mcp.example.com", "localhost.example.com"])  # noqa: S104
async def test_an_open_server_beyond_loopback_is_warned_about_once(host, caplog, monkeypatch):
    """At the start, and where somebody else's runner knows alone where it listens, at the first request."""
    monkeypatch.setattr(verifier, "_warned", [])

    async def app(*_):
        pass

    warn_if_open("127.0.0.1")
    for _ in range(2):
        await WarnIfOpen(app)({"type": "http", "server": (host, 80)}, app, app)
        warn_if_open(host)
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert host in record.getMessage()


def test_a_protected_server_is_not_warned_about():
    with serving("--host", "0.0.0.0", MCP_AUTH="token", MCP_AUTH_TOKENS=TOKEN) as server:  # noqa: S104
        assert not [line for line in server.log if "anybody" in line]


def every_path(routes):
    for route in routes:
        if isinstance(route, Mount):
            yield from (route.path, f"{route.path}/", f"{route.path}/anything")
            yield from (route.path + path for path in every_path(route.routes))
        else:
            yield route.path.replace("{", "").replace("}", "")


@pytest.mark.parametrize("auth", [{"auth": "token", "auth_tokens": TOKEN}, JWT], ids=["token", "jwt"])
@pytest.mark.parametrize("transport", ["http", "sse"])
async def test_every_route_and_method_of_the_app_is_closed_but_the_open_ones(auth, transport):
    settings = Settings(transport=transport, **auth)
    app = create_app(FastMCP("test", **chassis(settings)), settings)
    known = {*every_path(app.routes)}
    assert {*OPEN, settings.endpoint} <= known
    unknown = {
        "/unknown",
        "//mcp",
        "/health/",
        "/HEALTH",
        "/health/../mcp",
        "/ready;x",
        "/%2e/mcp",
        "/metrics",
        "/docs",
    }
    opened = OPEN | ({path for path in known if path.startswith("/.well-known/")} if "jwt" in auth.values() else set())
    async with AsyncClient(transport=ASGITransport(app), base_url="http://localhost:8000") as client:
        for path in known | unknown:
            for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"):
                answer = await client.request(method, f"http://localhost:8000{path}")
                expected = path in opened and method in ("GET", "HEAD")
                assert (answer.status_code != 401) is expected, (method, path, answer.status_code)


def test_a_served_server_lets_in_who_has_a_token():
    with serving(MCP_AUTH="token", MCP_AUTH_TOKENS=f"ann={TOKEN}") as server:
        check(server, TOKEN)


def test_a_served_server_lets_in_who_has_a_jwt():
    about = {"MCP_AUTH_ISSUER": ISSUER, "MCP_AUTH_AUDIENCE": AUDIENCE, "MCP_AUTH_KEY": public_pem()}
    with serving(script=SAMPLE, MCP_AUTH="jwt", **about) as server:
        check(server, token())


def check(server, good):
    with Client() as client:
        for sent, status in ((None, 401), ("wrong", 401), (good, 200)):
            request = post(server.url, "2026-07-28", "tools/list")
            if sent:
                request.headers["Authorization"] = f"Bearer {sent}"
            answer = client.send(request)
            assert answer.status_code == status
            if status == 401:
                assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
                assert answer.json()["error"]["request_id"]
        assert client.get(f"{server.base}/health").status_code == 200
    server.stop()
    assert good not in "\n".join(server.log)


def test_a_server_with_settings_that_do_not_fit_together_does_not_start():
    ended = run(script=SAMPLE, MCP_AUTH_TOKENS=TOKEN)
    assert ended.returncode == 2
    assert "MCP_AUTH_TOKENS is set, but MCP_AUTH is none: expected token" in ended.stderr
    assert TOKEN not in ended.stderr


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
def test_for_who_has_not_the_scope_there_is_no_such_tool(mode):
    tokens = {"with": "w" * 16, "without": "o" * 16}
    listed = f"with={tokens['with']} sample, without={tokens['without']}"
    with serving(MCP_AUTH="token", MCP_AUTH_TOKENS=listed) as server, httpx2.Client() as client:

        def ask(who: str, request: httpx2.Request) -> str:
            request.headers["authorization"] = f"Bearer {tokens[who]}"
            return client.send(request).text

        call = {"name": "guarded", "arguments": {}}
        assert "let in" in ask("with", post(server.url, mode, "tools/call", call))
        assert "Unknown tool: 'guarded'" in ask("without", post(server.url, mode, "tools/call", call))
        assert "guarded" not in ask("without", post(server.url, mode, "tools/list"))
        for path in ("/mcp/tools", "/openapi.json"):
            assert "guarded" in ask("with", httpx2.Request("GET", server.base + path))
            assert "guarded" not in ask("without", httpx2.Request("GET", server.base + path))
        execute = httpx2.Request("POST", f"{server.base}/mcp/execute", json={"tool": "guarded"})
        assert "not_found" in ask("without", execute)
