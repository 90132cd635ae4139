"""No token, no answer: what is refused how, and that no spelling of a path opens it."""

import pytest
from fastmcp import FastMCP
from httpx2 import ASGITransport, AsyncClient
from mcp.server.auth.middleware.auth_context import get_access_token
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse

from serving.auth.bearer import CannotVerifyError, RequireToken
from serving.auth.jwt import JwtVerifier
from serving.auth.verifier import create_verifier
from serving.settings import Settings
from tests.issuer import AUDIENCE, ISSUER, public_pem
from tests.issuer import token as jwt

ANN, BOB = "ann-0123456789abcdef", "bob-0123456789abcdef"
TOKENS = {"auth": "token", "auth_tokens": f"ann={ANN} read write, bob={BOB}"}
JWT = {"auth": "jwt", "auth_issuer": ISSUER, "auth_audience": AUDIENCE, "auth_key": public_pem()}
CHALLENGE = "WWW-Authenticate"
METADATA = 'resource_metadata="http://localhost:8000/.well-known/oauth-protected-resource/mcp"'


def build_app(verifier=None, **given):
    """An app with the routes /health and /secret."""
    settings = Settings(**given)
    mcp = FastMCP("test", auth=verifier or create_verifier(settings))

    async def answer(_):
        access = get_access_token()
        return PlainTextResponse(access.client_id if access else "nobody")

    for path in ("/health", "/secret"):
        mcp.custom_route(path, ["GET", "POST"])(answer)
    middleware = Middleware(RequireToken, settings=settings, open_paths=["/", "/health"])
    return mcp.http_app(middleware=[middleware])


def http(app, **options) -> AsyncClient:
    return AsyncClient(transport=ASGITransport(app, **options), base_url="http://localhost:8000")


async def ask(authorization, path="/secret", **settings):
    headers = [("Authorization", value) for value in authorization]
    async with http(build_app(**settings)) as client:
        return await client.get(path, headers=headers)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_whoever_has_a_token_gets_in(scheme):
    answer = await ask([f"{scheme} {ANN}"], **TOKENS)
    assert (answer.status_code, answer.text) == (200, "ann")


@pytest.mark.parametrize("authorization", [[], ["Basic YTpi"], ["Bearer"], [""], [ANN], [f"Bearer\t{ANN}"]])
async def test_who_sends_no_token_is_told_to_without_an_error(authorization):
    answer = await ask(authorization, **TOKENS)
    assert answer.status_code == 401
    assert answer.headers[CHALLENGE] == 'Bearer realm="mcp"'
    assert answer.json() == {
        "error": {
            "code": "unauthorized",
            "message": "expected a token: Authorization: Bearer ...",
            "request_id": None,
        }
    }


@pytest.mark.parametrize("token", ["no-such-token", f"{ANN}x", f"{ANN}, Bearer {BOB}", "é"])
async def test_a_bad_token_is_called_so(token):
    answer = await ask([f"Bearer {token}".encode("latin-1")], **TOKENS)
    assert answer.status_code == 401
    assert answer.headers[CHALLENGE] == 'Bearer realm="mcp", error="invalid_token"'
    assert answer.json()["error"]["code"] == "invalid_token"
    assert token not in answer.text


@pytest.mark.parametrize("two", [[ANN, BOB], [ANN, ANN], [ANN, "wrong"], ["wrong", ANN]])
async def test_two_tokens_are_one_too_many(two):
    answer = await ask([f"Bearer {token}" for token in two], **TOKENS)
    assert answer.status_code == 401
    assert answer.json()["error"]["message"] == "expected one Authorization header"


async def test_a_token_in_the_url_is_none():
    assert (await ask([], f"/secret?access_token={ANN}", **TOKENS)).status_code == 401


async def test_a_token_without_the_scopes_is_forbidden_and_told_which():
    settings = TOKENS | {"auth_scopes": "read,write"}
    assert (await ask([f"Bearer {ANN}"], **settings)).status_code == 200
    answer = await ask([f"Bearer {BOB}"], **settings)
    assert answer.status_code == 403
    assert answer.headers[CHALLENGE] == 'Bearer realm="mcp", error="insufficient_scope", scope="read write"'
    assert answer.json()["error"]["message"] == "expected a token with the scopes read write"
    answer = await ask([], **settings)
    assert answer.headers[CHALLENGE] == 'Bearer realm="mcp", scope="read write"'


@pytest.mark.parametrize(("auth", "token"), [(TOKENS, BOB), (JWT, jwt())], ids=["token", "jwt"])
async def test_somebody_elses_runner_wants_the_scopes_too(auth, token):
    mcp = FastMCP("bare", auth=create_verifier(Settings(**auth, auth_scopes="write")))
    async with http(mcp.http_app()) as client:
        assert (await client.post("/mcp", headers={"Authorization": f"Bearer {token}"})).status_code == 403


async def test_who_should_bring_a_jwt_is_told_where_to_get_one():
    assert (await ask([], **JWT)).headers[CHALLENGE] == f'Bearer realm="mcp", {METADATA}'
    answer = await ask(["Bearer wrong"], **JWT)
    assert answer.headers[CHALLENGE] == f'Bearer realm="mcp", error="invalid_token", {METADATA}'


async def test_mcp_is_closed_too():
    assert (await ask([], "/mcp", **TOKENS)).status_code == 401


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_an_open_path_is_open_whatever_token_is_sent(method):
    async with http(build_app(**TOKENS)) as client:
        for authorization in ("", f"Bearer {ANN}", "Bearer wrong", "Basic YTpi"):
            assert (
                await client.request(method, "/health", headers={"Authorization": authorization})
            ).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "get"])
async def test_an_open_path_is_open_for_reading_only(method):
    assert await refused("/health", method) == 401


async def refused(path, method="GET"):
    """Return the status of a request as a server passes it on, with nothing normalised by a client."""
    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": [], "scheme": "http"}
    await RequireToken(refuse_to_run, Settings(**TOKENS), ["/", "/health"])(scope, no_body, send)
    return sent[0]["status"]


async def no_body(*_):
    raise AssertionError("not to be reached")


async def refuse_to_run(scope, receive, send):
    raise AssertionError("not to be reached")


@pytest.mark.parametrize(
    "path",
    [
        *(
            "",
            "//",
            "/.",
            "//health",
            "/health/",
            "/HEALTH",
            "/health;x",
            "/health.json",
            "/health\0",
            "/health ",
            "health",
        ),
        *("/health/../secret", "/health/%2e%2e/secret", "/./health", "/%2e/health", "/secret/../health", "/health/."),
        *("/secret", "//secret", "/mcp", "//mcp", "/mcp/", "/unknown", "/.well-known/unknown", "/%68ealth", "/health?"),
    ],
)
async def test_no_spelling_opens_a_path(path):
    assert await refused(path) == 401


async def test_an_encoded_letter_is_that_letter():
    async with http(build_app(**TOKENS)) as client:
        assert (await client.get("/%68ealth")).status_code == 200


@pytest.mark.parametrize(
    ("path", "status"), [("/api/health", 200), ("/api/secret", 401), ("/apihealth", 401), ("/api", 401), ("/api/", 404)]
)
async def test_a_prefix_of_an_outer_server_is_no_part_of_the_path(path, status):
    async with http(build_app(**TOKENS), root_path="/api") as client:
        assert (await client.get(path)).status_code == status


async def test_a_websocket_is_closed():
    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "websocket", "path": "/health", "headers": [], "scheme": "ws"}
    await RequireToken(refuse_to_run, Settings(**TOKENS), ["/health"])(scope, no_body, send)
    assert sent == [{"type": "websocket.close", "code": 1008, "reason": ""}]


async def test_a_lifespan_passes():
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["type"])

    await RequireToken(app, Settings(**TOKENS), [])({"type": "lifespan"}, no_body, no_body)
    assert seen == ["lifespan"]


class Unsure(JwtVerifier):
    async def verify_token(self, token):
        raise CannotVerifyError


async def test_a_token_that_cannot_be_verified_is_not_called_bad():
    settings = Settings(**JWT)
    async with http(build_app(Unsure(settings), **JWT)) as client:
        headers = {"Authorization": "Bearer perhaps"}
        answer = await client.get("/secret", headers=headers)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
        assert answer.json()["error"]["code"] == "keys_unavailable"
        assert CHALLENGE not in answer.headers
        assert (await client.get("/health", headers=headers)).status_code == 200
    async with http(FastMCP("bare", auth=Unsure(settings)).http_app()) as client:  # somebody else's runner
        assert (await client.post("/mcp", headers=headers)).status_code == 401
