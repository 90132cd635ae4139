"""The keys: which PEM is taken at the start, and which members of a fetched set."""

import gzip
import json

import pytest
from joserfc import jwk

from serving.auth.keys import MAX_BYTES, fetch_keys, read_pem
from serving.errors import SettingsError
from tests.issuer import key, key_server, public_pem

ALGORITHMS = ["RS256", "PS256", "ES256", "ES384", "Ed25519", "EdDSA"]


@pytest.fixture
def anyio_backend():
    """Servers run on asyncio, which ends what httpx leaves open of a stream that is not read to its end."""
    return "asyncio"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_public_key_is_given_itself_or_as_a_file(algorithm, tmp_path):
    pem = public_pem(algorithm)
    (tmp_path / "key.pem").write_text(pem)
    assert read_pem(pem, algorithm) == pem
    assert read_pem(str(tmp_path / "key.pem"), algorithm) == pem
    assert read_pem(pem.replace("\n", "\\n"), algorithm) == pem


@pytest.mark.parametrize(
    ("of", "algorithm", "kind"),
    [
        ("RS256", "ES256", "RSA"),
        ("ES256", "RS256", "EC P-256"),
        ("ES256", "ES384", "EC P-256"),
        ("ES384", "ES256", "EC P-384"),
        ("Ed25519", "ES256", "OKP Ed25519"),
    ],
)
def test_a_key_of_another_kind_is_refused_by_name(of, algorithm, kind):
    with pytest.raises(SettingsError) as error:
        read_pem(public_pem(of), algorithm)
    assert str(error.value) == f"MCP_AUTH_KEY: expected a key for MCP_AUTH_ALGORITHM={algorithm}, not {kind}"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_private_key_has_no_business_here(algorithm):
    pem = key(algorithm).as_pem(private=True).decode()
    for text in (pem, public_pem(algorithm) + pem):
        with pytest.raises(SettingsError, match=r"^MCP_AUTH_KEY: expected the public key") as error:
            read_pem(text, algorithm)
        assert pem.splitlines()[1] not in str(error.value)


@pytest.mark.filterwarnings("ignore:Key size")
def test_a_weak_key_is_refused():
    weak = jwk.generate_key("RSA", 1024).as_pem(private=False).decode()
    with pytest.raises(SettingsError, match=r"^MCP_AUTH_KEY: expected a stronger key \(Key size"):
        read_pem(weak, "RS256")


@pytest.mark.parametrize("content", [b"", b"a secret", b"\xff\x00", b"-----BEGIN PUBLIC KEY-----\nx\n", None])
def test_anything_else_is_refused_without_showing_it(content, tmp_path):
    path = tmp_path / "key.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(
        SettingsError, match=r"^MCP_AUTH_KEY: expected a JWKS URL, a PEM public key or its file"
    ) as error:
        read_pem(str(path), "RS256")
    assert "secret" not in str(error.value)


async def test_a_set_is_fetched():
    with key_server(key(kid="one"), key(kid="two")) as server:
        assert [one["kid"] for one in await fetch_keys(server.url, "RS256")] == ["one", "two"]
        assert server.asked["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("algorithm", ["ES256", "ES384"])
async def test_only_keys_of_the_algorithms_curve_are_taken(algorithm):
    with key_server(key("ES256"), key("ES384")) as server:
        assert await fetch_keys(server.url, algorithm) == [key(algorithm).as_dict(private=False)]


async def test_members_that_are_not_for_us_are_ignored():
    good = key().as_dict(private=False)
    others = [
        key("ES256").as_dict(private=False),
        key(kid="private").as_dict(private=True),
        {"kty": "oct", "k": "c2VjcmV0", "kid": "one"},
        good | {"use": "enc"},
        good | {"kid": ["one"]},
        good | {"n": "AQAB"},
        good | {"n": 1},
        {"kty": "RSA"},
        None,
        public_pem(),
    ]
    with key_server() as server:
        server.body = json.dumps({"keys": [*others, good]}).encode()
        assert await fetch_keys(server.url, "RS256") == [good]


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ({"status": 500}, "status 500"),
        ({"status": 302, "headers": {"Location": "/jwks.json"}}, "status 302"),
        ({"body": b"{" * 100_000}, "Expecting property name"),
        ({"body": b"[" * 100_000}, "recursion"),
        ({"body": b"\xff"}, "decode"),
        ({"body": b"[]"}, "list indices"),
        ({"body": b"{}"}, "keys"),
        ({"body": b'{"keys": null}'}, "not iterable"),
        ({"body": b'{"keys": []}'}, "no key for RS256"),
        ({"body": b" " * (MAX_BYTES + 1)}, f"more than {MAX_BYTES} bytes"),
        ({"body": gzip.compress(b'{"keys": []}'), "headers": {"Content-Encoding": "gzip"}}, "decode"),
    ],
)
async def test_what_is_no_set_is_refused(answer, problem):
    with key_server(key()) as server:
        for name, value in answer.items():
            setattr(server, name, value)
        with pytest.raises(Exception, match=problem):
            await fetch_keys(server.url, "RS256")
        assert server.requests == 1


async def test_nobody_there_is_an_error(unused_port):
    with pytest.raises(Exception, match="failed"):
        await fetch_keys(f"http://127.0.0.1:{unused_port}/", "RS256")
