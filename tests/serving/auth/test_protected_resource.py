"""RFC 9728: what a client without a token is told."""

import pytest
from httpx2 import ASGITransport, AsyncClient
from starlette.applications import Starlette

from serving.auth.protected_resource import WELL_KNOWN, metadata_routes, metadata_url
from serving.settings import Settings
from tests.issuer import AUDIENCE, ISSUER

JWT = {"auth": "jwt", "auth_issuer": ISSUER, "auth_audience": AUDIENCE, "auth_key": "https://login.example.com/jwks"}


def http(root_path="", **settings) -> AsyncClient:
    app = Starlette(routes=metadata_routes(Settings(**settings), "sample"))
    return AsyncClient(transport=ASGITransport(app, root_path=root_path), base_url="http://localhost:8000")


@pytest.mark.parametrize("path", [WELL_KNOWN, f"{WELL_KNOWN}/mcp"])
async def test_the_metadata_names_the_resource_and_who_issues_its_tokens(path):
    async with http(**JWT, auth_scopes="read,write") as client:
        answer = await client.get(path)
    assert answer.headers["Cache-Control"] == "max-age=3600"
    assert answer.json() == {
        "resource": "http://localhost:8000/mcp",
        "resource_name": "sample",
        "authorization_servers": [ISSUER],
        "bearer_methods_supported": ["header"],
        "scopes_supported": ["read", "write"],
    }


async def test_an_empty_list_of_scopes_is_left_out():
    async with http(**JWT) as client:
        assert "scopes_supported" not in (await client.get(WELL_KNOWN)).json()


@pytest.mark.parametrize(
    ("settings", "root_path", "resource"),
    [
        ({}, "", "http://localhost:8000/mcp"),
        ({}, "/api", "http://localhost:8000/api/mcp"),
        ({"path": "/v1/mcp"}, "", "http://localhost:8000/v1/mcp"),
        ({"transport": "sse"}, "", "http://localhost:8000/sse"),
        ({"public_url": "https://mcp.example.com"}, "", "https://mcp.example.com/mcp"),
    ],
)
async def test_the_resource_is_where_clients_reach_it(settings, root_path, resource):
    async with http(root_path, **JWT, **settings) as client:
        endpoint = Settings(**settings).endpoint
        answer = await client.get(f"{root_path}{WELL_KNOWN}{endpoint}")
    assert answer.json()["resource"] == resource
    scope = {"scheme": "http", "root_path": root_path, "headers": [(b"host", b"localhost:8000")]}
    base = resource.removesuffix(endpoint)
    assert metadata_url(scope, Settings(**JWT, **settings)) == f"{base}{WELL_KNOWN}{endpoint}"


@pytest.mark.parametrize("auth", [{}, {"auth": "token", "auth_tokens": "0123456789abcdef"}])
def test_without_an_authorization_server_there_is_nothing_to_tell(auth):
    assert metadata_routes(Settings(**auth), "sample") == []
    assert metadata_url({"scheme": "http", "headers": []}, Settings(**auth)) == ""
