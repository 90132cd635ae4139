"""A small authorization server for tests: it signs tokens and publishes its keys."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwk, jwt
from joserfc.jws import JWSRegistry

ISSUER = "https://login.example.com"
AUDIENCE = "https://mcp.example.com"
CURVES: dict[str, Any] = {
    "RS256": ("RSA", 2048),
    "PS256": ("RSA", 2048),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "Ed25519": ("OKP", "Ed25519"),
    "EdDSA": ("OKP", "Ed25519"),
}


def key(algorithm: str = "RS256", kid: str = "one") -> Any:
    """Return the key pair of this name, the same each time."""
    return _key(algorithm, kid)


@cache
def _key(algorithm: str, kid: str) -> Any:
    kind, size = CURVES[algorithm]
    return jwk.generate_key(kind, size, {"kid": kid})


def public_pem(algorithm: str = "RS256") -> str:
    return key(algorithm).as_pem(private=False).decode()


def claims(**changes: Any) -> dict[str, Any]:
    """Return claims that are accepted, but for `changes`; None takes a claim away."""
    now = int(time.time())
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "iat": now, "exp": now + 600}
    return {name: value for name, value in (good | changes).items() if value is not None}


def token(algorithm: str = "RS256", *, kid: str = "one", header: dict[str, Any] | None = None, **changes: Any) -> str:
    header = {"alg": algorithm, "kid": kid} | (header or {})
    registry = JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    return jwt.encode(header, claims(**changes), key(algorithm, kid), [algorithm], registry)


class KeyServer:
    """What it answers can be changed while it runs; `requests` counts, `asked` has the headers of the last one."""

    def __init__(self) -> None:
        self.url = ""
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body = b""
        self.requests = 0
        self.asked: dict[str, str] = {}

    def publish(self, *keys: Any) -> None:
        self.body = json.dumps({"keys": [one.as_dict(private=False) for one in keys]}).encode()


@contextmanager
def key_server(*keys: Any) -> Iterator[KeyServer]:
    """Publish `keys` on a free port."""
    answers = KeyServer()
    answers.publish(*keys)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers.requests += 1
            answers.asked = dict(self.headers)
            self.send_response(answers.status)
            for name, value in answers.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answers.body)))
            self.end_headers()
            self.wfile.write(answers.body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        answers.url = f"http://127.0.0.1:{server.server_port}/jwks.json"
        try:
            yield answers
        finally:
            server.shutdown()
            thread.join()
