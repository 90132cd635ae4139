import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from ship.aws_lambda.boot.compat.boot import metorial, simple
from ship.aws_lambda.boot.contract import tokens
from ship.aws_lambda.boot.contract.actions import act
from ship.aws_lambda.boot.contract.provider import challenge
from ship.aws_lambda.boot.contract.registry import registry

SECRET = "s3cret:&/"
REDIRECT = "https://platform.example/callback"


class TokenEndpoint(BaseHTTPRequestHandler):
    """Gives tokens for codes that it knows the challenge of, and for refresh tokens that it gave."""

    challenges: dict[str, str] = {}  # noqa: RUF012  each test has a class of its own
    forms: list[dict[str, str]] = []  # noqa: RUF012
    answer: tuple[int, bytes, dict[str, str]] | None = None

    def do_POST(self):
        form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        self.forms.append(form | {"authorization": self.headers.get("Authorization", "")})
        self.give(*(self.answer or self.tokens_for(form)))

    def tokens_for(self, form):
        if form["grant_type"] == "refresh_token":
            known = form["refresh_token"] == "r1"
        else:
            known = self.challenges.pop(form["code"], None) == challenge(form["code_verifier"])
        if not known:
            return 400, b'{"error": "invalid_grant", "error_description": "hunter2"}', {}
        new = {"refresh_token": "r1"} if "code" in form else {}
        return 200, json.dumps({"access_token": "a1", "token_type": "Bearer", **new}).encode(), {}

    def give(self, status, body, headers):
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(autouse=True)
def nothing_declared(monkeypatch):
    registry.clear()
    monkeypatch.setenv("CLIENT_SECRET", SECRET + "\n")
    yield
    registry.clear()


@pytest.fixture
def endpoint():
    kind: Any = type("Own", (TokenEndpoint,), {"challenges": {}, "forms": [], "answer": None})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    kind.url = f"http://127.0.0.1:{server.server_address[1]}/token"
    yield kind
    server.shutdown()
    server.server_close()
    thread.join()


def declare(endpoint, **options):
    ours = {"client_id": "our id", "client_secret_env": "CLIENT_SECRET", "scopes": ["read", "write"]}
    simple.oauth(authorization_url="https://provider.example/authorize?v=2", token_url=endpoint.url, **ours | options)


async def nobody(message):
    raise AssertionError("asked")


async def ask(action, **given):
    event = {"action": "oauth", "oauthAction": action} | ({"oauthInput": given} if given else {})
    return await act(event, nobody)


async def authorize(endpoint, code="c1"):
    """Ask for the URL, and let the provider remember the challenge in it with the code that it gives."""
    found = (await ask("authorization-url", redirectUri=REDIRECT, state="st"))["oauth"]
    query = {name: value for name, [value] in parse_qs(urlsplit(found["authorizationUrl"]).query).items()}
    endpoint.challenges[code] = query["code_challenge"]
    return query, found["codeVerifier"]


def test_the_challenge_is_that_of_the_rfc():
    assert challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


async def test_a_declared_provider_leads_to_tokens_with_pkce(endpoint):
    declare(endpoint, parameters={"access_type": "offline"})
    query, verifier = await authorize(endpoint)
    assert query == {
        "v": "2",
        "response_type": "code",
        "client_id": "our id",
        "redirect_uri": REDIRECT,
        "scope": "read write",
        "state": "st",
        "code_challenge": challenge(verifier),
        "code_challenge_method": "S256",
        "access_type": "offline",
    }
    done = await ask("callback", code="c1", redirectUri=REDIRECT, codeVerifier=verifier, state="st")
    assert done == {
        "success": True,
        "oauth": {"authData": {"access_token": "a1", "token_type": "Bearer", "refresh_token": "r1"}},
    }
    [form] = endpoint.forms
    assert (form["grant_type"], form["redirect_uri"]) == ("authorization_code", REDIRECT)
    assert base64.b64decode(form["authorization"].removeprefix("Basic ")) == b"our+id:s3cret%3A%26%2F"
    assert "client_secret" not in form


async def test_every_authorization_has_a_verifier_of_its_own(endpoint):
    declare(endpoint)
    assert len({(await authorize(endpoint))[1] for _ in range(5)}) == 5


async def test_another_verifier_gets_no_tokens(endpoint):
    declare(endpoint)
    await authorize(endpoint)
    done = await ask("callback", code="c1", redirectUri=REDIRECT, codeVerifier="another")
    message = "the token endpoint answered 400 (invalid_grant)"
    assert done == {"success": False, "error": {"code": "oauth_error", "message": message}}


@pytest.mark.parametrize("given", [{"refreshToken": "r1"}, {"authData": {"refresh_token": "r1"}}])
async def test_tokens_are_refreshed_and_the_refresh_token_stays_when_there_is_no_new_one(endpoint, given):
    declare(endpoint, client_auth="post")
    done = await ask("refresh", **given)
    assert done["oauth"] == {"authData": {"refresh_token": "r1", "access_token": "a1", "token_type": "Bearer"}}
    [form] = endpoint.forms
    assert (form["client_id"], form["client_secret"], form["authorization"]) == ("our id", SECRET, "")


async def test_a_client_without_a_secret_is_public_and_its_id_may_come_from_the_environment(endpoint, monkeypatch):
    monkeypatch.setenv("CLIENT_ID", "from there")
    declare(endpoint, client_id=None, client_id_env="CLIENT_ID", client_secret_env=None)
    await ask("refresh", refreshToken="r1")
    assert endpoint.forms == [
        {"grant_type": "refresh_token", "refresh_token": "r1", "client_id": "from there", "authorization": ""}
    ]


async def test_what_is_not_configured_comes_from_the_event(endpoint):
    declare(endpoint, client_id=None, client_secret_env=None, client_auth="post")
    await ask("refresh", refreshToken="r1", clientId="theirs", clientSecret="their secret")
    assert (endpoint.forms[0]["client_id"], endpoint.forms[0]["client_secret"]) == ("theirs", "their secret")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((500, b"hunter2", {}), "the token endpoint answered 500"),
        ((400, b'{"error": "hunter2"}', {}), "the token endpoint answered 400"),
        ((200, b'{"error": "invalid_grant"}', {}), "the token endpoint answered 200 (invalid_grant)"),
        ((200, b"hunter2", {}), "the token endpoint answered without an access_token"),
        ((200, b'["hunter2"]', {}), "the token endpoint answered without an access_token"),
        ((200, b'{"access_token": ""}', {}), "the token endpoint answered without an access_token"),
        ((200, b"[" * 50_000, {}), "the token endpoint answered without an access_token"),
        ((200, b" " * (tokens.MOST_BYTES + 1), {}), "the token endpoint answered with more than 65536 bytes"),
        ((302, b"", {"Location": "https://example.invalid/"}), "the token endpoint answered 302"),
        ((200, b"x", {"Content-Length": "2"}), "the token endpoint does not answer (RemoteProtocolError)"),
    ],
)
async def test_an_endpoint_that_gives_no_tokens_is_named_and_not_quoted(endpoint, caplog, answer, said):
    declare(endpoint)
    endpoint.answer = answer
    done = await ask("refresh", refreshToken="r1")
    assert done == {"success": False, "error": {"code": "oauth_error", "message": said}}
    assert "hunter2" not in caplog.text
    assert SECRET not in caplog.text


async def test_an_endpoint_that_is_not_there_is_said_to_be(endpoint, monkeypatch):
    monkeypatch.setattr(endpoint, "url", "http://127.0.0.1:1/")
    declare(endpoint)
    done = await ask("refresh", refreshToken="r1")
    assert done["error"]["message"] == "the token endpoint does not answer (ConnectError)"


async def test_an_endpoint_that_answers_too_late_is_given_up(endpoint, monkeypatch):
    release = threading.Event()
    endpoint.tokens_for = lambda *_: release.wait(30) and (200, b"{}", {})
    monkeypatch.setattr(tokens, "SECONDS", 0.2)
    declare(endpoint)
    done = await ask("refresh", refreshToken="r1")
    release.set()
    assert done["error"]["message"] == "the token endpoint did not answer in time"


@pytest.mark.parametrize("name", ["authorization_url", "token_url"])
@pytest.mark.parametrize(
    "url",
    [
        "http://provider.example/",
        "ftp://localhost/",
        "https:///x",
        "https://u:hunter2@provider.example/",
        "https://h/#f",
        "http://127.0.0.1.example/",
        "http://[",
        "nothing",
        3,
    ],
)
def test_only_https_is_followed_or_http_of_a_loopback_host(name, url):
    urls: dict[str, Any] = {"authorization_url": "https://provider.example/", "token_url": "http://localhost:1/"}
    with pytest.raises(ValueError, match=f"^{name}: expected an") as caught:
        simple.oauth(**urls | {name: url}, client_id="x")
    assert "hunter2" not in str(caught.value)


def test_what_is_set_already_is_no_extra_parameter():
    urls: dict[str, Any] = {"authorization_url": "https://provider.example/", "token_url": "http://[::1]:1/"}
    with pytest.raises(ValueError, match="state"):
        simple.oauth(**urls, client_id="x", parameters={"state": "1"})
    with pytest.raises(TypeError, match="scopes"):
        simple.oauth(**urls, client_id="x", scopes="read")
    with pytest.raises(TypeError, match="get_authorization_url"):
        simple.oauth(**urls | {"client_id": "x", "get_authorization_url": print})


async def test_a_secret_that_is_not_in_the_environment_is_named(endpoint, monkeypatch):
    monkeypatch.delenv("CLIENT_SECRET")
    declare(endpoint)
    done = await ask("refresh", refreshToken="r1")
    assert done["error"]["message"].startswith("CLIENT_SECRET is not set in the server's environment")


@pytest.mark.parametrize(
    ("action", "given", "named"),
    [
        ("authorization-url", {"state": "x"}, "oauthInput.redirectUri: expected a string"),
        ("authorization-url", {"redirectUri": REDIRECT, "state": 3}, "oauthInput.state: expected a string"),
        ("callback", {"redirectUri": REDIRECT, "codeVerifier": "v"}, "oauthInput.code: expected a string"),
        ("callback", {"redirectUri": REDIRECT, "code": "c", "codeVerifier": ""}, "oauthInput.codeVerifier: expected"),
        ("callback", {}, "oauthInput: expected an object"),
        ("refresh", {"authData": []}, "oauthInput.refreshToken"),
        ("another", {}, "oauthAction: expected one of get, authorization-url"),
    ],
)
async def test_what_is_missing_in_an_event_is_named(endpoint, action, given, named):
    declare(endpoint)
    done = await ask(action, **given)
    assert (done["success"], done["error"]["code"]) == (False, "oauth_error")
    assert done["error"]["message"].startswith(named)


async def test_functions_of_the_servers_own_answer_as_on_the_platform():
    async def get_authorization_url(given):
        return f"https://provider.example/?state={given['state']}"

    def handle_callback(given):
        return {"access_token": given["code"]}

    metorial.set_oauth_handler(get_authorization_url, handle_callback, lambda: {"fields": []})
    assert await ask("get") == {"success": True, "oauth": {"enabled": True, "hasForm": True}}
    url = await ask("authorization-url", state="s")
    assert url["oauth"] == {"authorizationUrl": "https://provider.example/?state=s", "codeVerifier": ""}
    assert (await ask("authorization-form"))["oauth"] == {"authForm": {"fields": []}}
    assert (await ask("callback", code="c"))["oauth"] == {"authData": {"access_token": "c"}}
    assert (await ask("refresh", code="c"))["error"]["message"] == "this server does not refresh tokens"


async def test_a_server_can_take_the_functions_and_return_the_verifier_itself():
    server = metorial.create_server("x")
    found = {"authorizationUrl": "https://provider.example/", "codeVerifier": "v"}
    server.set_oauth_handler(lambda _: found, print, None, lambda given: {"access_token": given["old"]})
    assert (await ask("authorization-url", a=1))["oauth"] == found
    assert (await ask("refresh", old="o"))["oauth"] == {"authData": {"access_token": "o"}}
    assert (await ask("authorization-form"))["oauth"] == {"authForm": None}


async def test_a_server_without_oauth_says_so():
    assert await ask("get") == {"success": True, "oauth": {"enabled": False, "hasForm": False}}
    assert (await ask("callback", code="c"))["error"]["message"] == "this server has no OAuth"


@pytest.mark.parametrize("found", [None, 3, {"url": "x"}])
async def test_a_function_that_returns_no_url_is_named(found):
    simple.oauth(get_authorization_url=lambda _: found, handle_callback=print)
    done = await ask("authorization-url", state="s")
    assert done["error"]["message"].startswith("get_authorization_url: expected it to return")
