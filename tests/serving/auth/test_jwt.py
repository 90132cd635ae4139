"""JWTs: whom they let in, every way to forge one, and keys that change while the server runs."""

import base64
import json
import logging
import time

import pytest
from fastmcp import FastMCP
from fastmcp.server.auth.providers.jwt import JWTVerifier
from httpx2 import ASGITransport, AsyncClient
from joserfc.jwk import OctKey
from joserfc.jws import JWSRegistry
from starlette.middleware import Middleware

from serving.auth.bearer import CannotVerifyError, RequireToken
from serving.auth.jwt import LEEWAY_SECONDS, MAX_CHARACTERS, JwtVerifier
from serving.errors import SettingsError
from serving.settings import Settings
from tests.issuer import AUDIENCE, ISSUER, claims, key, key_server, public_pem, token

NOW = int(time.time())
NOT_FINITE = [float("nan"), float("inf"), float("-inf")]


@pytest.fixture
def anyio_backend():
    """Servers run on asyncio."""
    return "asyncio"


def settings(given="", algorithm="RS256"):
    return Settings(
        auth="jwt",
        auth_key=given or public_pem(algorithm),
        auth_algorithm=algorithm,
        auth_issuer=ISSUER,
        auth_audience=AUDIENCE,
    )


def verifier(given="", algorithm="RS256", **options):
    return JwtVerifier(settings(given, algorithm), **options)


def encode(value):
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def sign(payload, header=None, algorithm="RS256", by=None):
    """Sign whatever is given, also what no library would."""
    content = f"{encode({'alg': algorithm} if header is None else header)}.{encode(payload)}"
    signature = JWSRegistry.algorithms[algorithm].sign(content.encode(), by or key())
    return f"{content}.{encode(signature)}"


def wrong(claim, *values):
    return [{claim: value} for value in values]


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "ES384", "Ed25519"])
async def test_a_token_of_the_issuer_lets_in(algorithm):
    access = await verifier(algorithm=algorithm).verify_token(token(algorithm, scope="read write"))
    assert access
    assert (access.client_id, access.subject, access.scopes) == ("ann", "ann", ["read", "write"])


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
async def test_the_old_name_of_ed25519_still_works():
    assert await verifier(algorithm="EdDSA").verify_token(token("EdDSA"))


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": [AUDIENCE, "https://other.example.com"]},
        {"iat": NOW + LEEWAY_SECONDS // 2, "nbf": NOW + LEEWAY_SECONDS // 2},
        {"iat": NOW + 0.5, "exp": NOW + 600.5},
        {"iat": None},
        {"sub": None, "client_id": "robot"},
        {"scp": ["read"]},
        {"nested": {"deep": [1, 2, {"x": None}]}},
    ],
)
async def test_what_a_good_token_may_look_like(changes):
    assert await verifier().verify_token(token(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        *wrong("iss", None, "", f"{ISSUER}/", ISSUER.upper(), [ISSUER], {"a": ISSUER}, True, 1),
        *wrong("aud", None, "", f"{AUDIENCE}/", [], ["other"], {AUDIENCE: 1}, [[AUDIENCE]], True, 1),
        *wrong("exp", None, NOW - 1, 0, -1, False, True, str(NOW + 600), [NOW + 600], {}, 10**400, *NOT_FINITE),
        *wrong("nbf", NOW + 600, str(NOW), True, [NOW], {}, 10**400, *NOT_FINITE),
        *wrong("iat", NOW + 600, str(NOW), True, [NOW], {}, 10**400, *NOT_FINITE),
        *wrong("sub", 1, True, ["ann"], {"name": "ann"}, 0, [], "ann\nlog line", "\ud800"),
        *wrong("client_id", 1, True, ["ann"], {"name": "ann"}, 0, [], "ann\nlog line", "\ud800"),
        *wrong("azp", 1, True, ["ann"], {"name": "ann"}, 0, [], "ann\nlog line", "\ud800"),
        *wrong("scope", [1], [None], [["read"]]),
    ],
)
async def test_a_claim_that_is_wrong_missing_or_of_another_type_is_refused(changes):
    assert await verifier().verify_token(sign(json.dumps(claims(**changes)).encode())) is None


@pytest.mark.parametrize("literal", [b"1e400", b"NaN", b"Infinity", b"9" * 5000, b"null", b"-0.0"])
async def test_numbers_that_json_should_not_have_are_refused(literal):
    payload = json.dumps(claims(exp="EXP")).encode().replace(b'"EXP"', literal)
    assert await verifier().verify_token(sign(payload)) is None


@pytest.mark.parametrize(
    "payload",
    [b"", b"{}", b"[]", b"null", b"1", b"\xff", b"{", b"[" * 50_000, b'{"a":' * 20_000],
    ids=lambda p: repr(p[:9]),
)
async def test_a_payload_that_is_no_object_is_refused(payload):
    assert await verifier().verify_token(sign(payload)) is None


def forged():
    good, body, mine = token(), json.dumps(claims()).encode(), key(kid="mine")
    header, payload, signature = good.split(".")
    pem = public_pem().encode()
    secret, encoded_secret = OctKey(pem, pem), OctKey.import_key(base64.b64encode(pem))
    brought = {
        "jwk": mine.as_dict(private=False),
        "jku": "https://evil.example.com/",
        "x5u": "https://evil.example.com/",
    }
    return {
        "empty": "",
        "no JWT": "0123456789abcdef",
        "dots": "..",
        "two parts": f"{header}.{payload}",
        "four parts": f"{good}.x",
        "five parts": "a.b.c.d.e",
        "no signature": f"{header}.{payload}.",
        "a changed signature": f"{header}.{payload}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}",
        "a changed payload": f"{header}.{encode(claims(sub='eve'))}.{signature}",
        "alg none": f"{encode({'alg': 'none'})}.{payload}.",
        "alg None": f"{encode({'alg': 'None'})}.{payload}.{signature}",
        "alg of another type": sign(body, {"alg": ["RS256"]}),
        "no alg": sign(body, {"typ": "JWT"}),
        "a header that is a list": f"{encode(['RS256'])}.{payload}.{signature}",
        "a header that is no JSON": f"{encode(b'{')}.{payload}.{signature}",
        "a header that is deep": f"{encode(b'[' * 5000)}.{payload}.{signature}",
        "the public key as a secret": sign(body, algorithm="HS256", by=secret),
        "the public key as an encoded secret": sign(body, algorithm="HS256", by=encoded_secret),
        "a secret's algorithm under our name": sign(body, {"alg": "RS256"}, "HS256", secret),
        "another algorithm of the same key": sign(body, algorithm="PS256"),
        "a longer digest of the same key": sign(body, algorithm="RS512"),
        "another key": sign(body, by=mine),
        "another key under a known name": sign(body, {"alg": "RS256", "kid": "one"}, by=mine),
        **{f"another key, with {name}": sign(body, {"alg": "RS256", name: brought[name]}, by=mine) for name in brought},
        "another key, with its certificate": sign(body, {"alg": "RS256", "x5c": ["AAAA"]}, by=mine),
        "crit": sign(body, {"alg": "RS256", "crit": ["exp"], "exp": NOW + 600}),
        "crit that is known": sign(body, {"alg": "RS256", "crit": ["b64"], "b64": True}),
        "crit that is empty": sign(body, {"alg": "RS256", "crit": []}),
        "kid of another type": sign(body, {"alg": "RS256", "kid": ["one"]}),
        "oversized": token(padding="x" * MAX_CHARACTERS),
        "not ASCII": f"{good}é",
        "a surrogate": f"{good}\udc80",
        "a scheme within": f"Bearer {good}",
        "a second one": f"{good}, {good}",
    }


@pytest.mark.parametrize("name", forged())
async def test_a_forged_token_is_refused(name):
    assert await verifier().verify_token(forged()[name]) is None


async def test_a_key_that_is_brought_along_is_not_even_looked_at():
    with key_server(key(kid="mine")) as evil:
        for header in ({"jku": evil.url}, {"x5u": evil.url}):
            assert await verifier().verify_token(token(kid="mine", header=header)) is None
        assert evil.requests == 0


async def test_a_token_without_the_scopes_is_a_good_one():
    assert await JwtVerifier(settings().model_copy(update={"auth_scopes": ("write",)})).verify_token(token())


async def test_fastmcp_alone_would_let_in_what_is_refused_here():
    """When this fails, part of serving/jwt.py is no longer needed."""
    lax = JWTVerifier(public_key=public_pem(), issuer=ISSUER, audience=AUDIENCE)
    for changes in ({"exp": None}, {"nbf": NOW + 600}, {"iat": NOW + 600}):
        assert await lax.verify_token(token(**changes)), changes


async def test_the_log_has_the_reason_and_nothing_of_the_token(caplog):
    caplog.set_level(logging.DEBUG)
    tokens = [
        token(sub="ann-at-home", iss="https://evil.example.com"),
        token(sub="ann-at-home", aud="evil"),
        token(sub="ann-at-home", exp=NOW - 1),
        token(sub="ann-at-home", exp=None),
        token(sub="ann-at-home", nbf=NOW + 600),
        token(sub=["ann-at-home"]),
        *forged().values(),
    ]
    for one in tokens:
        assert await verifier().verify_token(one) is None
    for reason in ("issuer mismatch", "audience mismatch", "token expired", "expected exp", "expected nbf"):
        assert reason in caplog.text
    for secret in ("ann-at-home", "evil", *(part for one in tokens for part in one.split(".") if len(part) > 20)):
        assert secret not in caplog.text


@pytest.mark.parametrize("url", ["http://", "https:///jwks", "https://[x/jwks"])
def test_a_url_without_a_host_stops_the_start(url):
    with pytest.raises(SettingsError, match=r"^MCP_AUTH_KEY=.*: expected a URL with a host"):
        verifier(url)


@pytest.mark.parametrize(
    ("url", "warnings"),
    [
        ("https://login.example.com/jwks", 0),
        ("http://127.0.0.1:1/jwks", 0),
        ("http://localhost/jwks", 0),
        ("http://[::1]/jwks", 0),
        ("http://login.example.com/jwks", 1),
    ],
)
def test_keys_over_plain_http_are_warned_about(url, warnings, caplog):
    verifier(url)
    assert len(caplog.records) == warnings


async def test_keys_are_fetched_once_and_found_by_their_name():
    with key_server(key(kid="one"), key(kid="two")) as server:
        jwts = verifier(server.url)
        for kid in ("one", "two", "one"):
            assert await jwts.verify_token(token(kid=kid))
        assert server.requests == 1


async def test_a_token_without_kid_is_believed_when_there_is_one_key_only():
    with key_server(key(kid="one")) as server:
        assert await verifier(server.url).verify_token(sign(json.dumps(claims()).encode()))
        server.publish(key(kid="one"), key(kid="two"))
        assert await verifier(server.url).verify_token(sign(json.dumps(claims()).encode())) is None


@pytest.mark.parametrize("kid", ["other", "", 1, True, ["one"], {"one": 1}, None], ids=str)
async def test_an_unknown_kid_is_refused(kid):
    with key_server(key(kid="one"), key(kid="two")) as server:
        signed = sign(json.dumps(claims()).encode(), {"alg": "RS256", "kid": kid})
        assert await verifier(server.url).verify_token(signed) is None


async def test_keys_rotate_without_a_restart():
    with key_server(key(kid="old")) as server:
        jwts = verifier(server.url, refresh_seconds=0)
        assert await jwts.verify_token(token(kid="old"))
        assert await jwts.verify_token(token(kid="new")) is None
        server.publish(key(kid="new"))
        assert await jwts.verify_token(token(kid="new"))
        assert await jwts.verify_token(token(kid="old")) is None


async def test_unknown_keys_do_not_make_us_a_flood():
    with key_server(key(kid="one")) as server:
        jwts = verifier(server.url)
        for kid in range(10):
            assert await jwts.verify_token(token(header={"kid": f"unknown {kid}"})) is None
        assert await jwts.verify_token(token())
        assert server.requests == 1


async def test_what_cannot_be_ours_fetches_no_keys():
    with key_server(key(kid="one")) as server:
        jwts = verifier(server.url)
        body = json.dumps(claims()).encode()
        strange = [sign(body, {"alg": "RS256"} | more) for more in ({"kid": 1}, {"kid": ["one"]}, {"crit": ["exp"]})]
        for one in (*strange, token("ES256"), "garbage", "a.b.c", "x" * (MAX_CHARACTERS + 1)):
            assert await jwts.verify_token(one) is None
        assert server.requests == 0


async def test_known_keys_outlive_their_server(caplog):
    with key_server(key(kid="one")) as server:
        jwts = verifier(server.url, refresh_seconds=0)
        assert await jwts.verify_token(token())
        server.status = 500
        assert await jwts.verify_token(token())
        with pytest.raises(CannotVerifyError):
            await jwts.verify_token(token(kid="two"))
        assert await jwts.verify_token(token())
        server.status = 200
        assert await jwts.verify_token(token(kid="two")) is None


async def test_without_keys_no_token_is_called_bad_and_the_log_says_why_once(unused_port, caplog):
    jwts = verifier(f"http://127.0.0.1:{unused_port}/jwks.json")
    for _ in range(5):
        with pytest.raises(CannotVerifyError):
            await jwts.verify_token(token())
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert record.getMessage().startswith("the keys of MCP_AUTH_KEY cannot be fetched: ")


async def test_a_server_without_keys_answers_503_and_then_recovers():
    with key_server(key(kid="one")) as server:
        server.status = 500
        given = settings(server.url)
        mcp = FastMCP("test", auth=JwtVerifier(given, refresh_seconds=0))
        app = mcp.http_app(middleware=[Middleware(RequireToken, settings=given, open_paths=[])])
        async with AsyncClient(transport=ASGITransport(app), base_url="http://localhost:8000") as client:
            headers = {"Authorization": f"Bearer {token()}"}
            assert (await client.get("/unknown", headers=headers)).status_code == 503
            server.status = 200
            assert (await client.get("/unknown", headers=headers)).status_code == 404
