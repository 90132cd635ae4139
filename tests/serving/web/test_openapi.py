"""The OpenAPI document; that the API is as it says is shown in tests/test_fuzz.py."""

import jsonschema
import pytest
from fastmcp import FastMCP
from fastmcp.server.auth import require_scopes
from httpx2 import ASGITransport, AsyncClient
from pydantic import BaseModel

from serving.chassis import chassis
from serving.settings import Settings
from serving.web.app import create_app

TOKENS = "ada=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa admin,bob=" + "b" * 32


class Leaf(BaseModel):
    size: int


class Tree(BaseModel):
    leaf: Leaf
    children: list["Tree"] = []


def sample(settings: Settings, **options) -> FastMCP:
    mcp = FastMCP("test", version="1.2.3", instructions="Try me.", **chassis(settings), **options)

    @mcp.tool
    def grow(tree: Tree) -> list[Tree]:
        """Grow a tree."""
        return [tree]

    @mcp.tool(name="a/b")
    def slashed() -> Tree:
        return Tree(leaf=Leaf(size=1))

    @mcp.tool(name="a_b")
    def underscored(): ...

    @mcp.tool(auth=require_scopes("admin"))
    def secret(): ...

    @mcp.resource("test://data")
    def data() -> str:
        return "data"

    return mcp


async def document(mcp: FastMCP, settings: Settings, **headers) -> dict:
    app = create_app(mcp, settings)
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=ASGITransport(app), base_url="http://localhost", headers=headers) as http,
    ):
        reply = await http.get("/openapi.json")
    assert reply.status_code == 200
    return reply.json()


def references(part) -> list[str]:
    if isinstance(part, dict):
        here = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return here + [found for item in part.values() for found in references(item)]
    return [found for item in part for found in references(item)] if isinstance(part, list) else []


async def test_the_server_is_introduced():
    found = await document(sample(Settings()), Settings())
    assert found["openapi"].startswith("3.1")
    assert found["info"] == {"title": "test", "version": "1.2.3", "description": "Try me."}
    assert found["paths"].keys() == {"/mcp/tools", "/mcp/resources", "/mcp/resource/{uri}", "/mcp/execute"}
    assert "security" not in found


@pytest.mark.parametrize("options", [{}, {"dereference_schemas": False}])
async def test_every_reference_leads_somewhere(options):
    found = await document(sample(Settings(), **options), Settings())
    assert references(found)
    for reference in references(found):
        at = found
        for part in reference.removeprefix("#/").split("/"):
            at = at[part]
        assert at


@pytest.mark.parametrize("options", [{}, {"dereference_schemas": False}])
async def test_a_call_and_its_result_fit_the_tools_own_schemas(options):
    found = await document(sample(Settings(), **options), Settings())
    post = found["paths"]["/mcp/execute"]["post"]
    body = post["requestBody"]["content"]["application/json"]["schema"]
    tree = {"leaf": {"size": 1}, "children": [{"leaf": {"size": 2}}]}
    check(found, body, {"tool": "grow", "parameters": {"tree": tree}})
    check(found, body, {"tool": "a/b"})
    for wrong in ({"tool": "grow"}, {"tool": "grow", "parameters": {"tree": {"leaf": {}}}}, {"tool": "nowhere"}):
        with pytest.raises(jsonschema.ValidationError):
            check(found, body, wrong)
    result = post["responses"]["200"]["content"]["application/json"]["schema"]
    metadata = {"tool": "grow", "success": True}
    check(found, result, {"result": [tree], "metadata": metadata})
    with pytest.raises(jsonschema.ValidationError):
        check(found, result, {"result": [{"leaf": {}}], "metadata": metadata})


def check(found: dict, schema: dict, value) -> None:
    jsonschema.Draft202012Validator({**schema, "components": found["components"]}).validate(value)


async def test_every_refusal_has_the_same_shape():
    found = await document(sample(Settings()), Settings())
    responses = found["paths"]["/mcp/execute"]["post"]["responses"]
    assert {"400", "404", "413", "415", "422", "429", "500", "503", "504"} < responses.keys()
    for status in responses.keys() - {"200"}:
        schema = responses[status]["content"]["application/json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/Error"}


async def test_callers_see_what_they_may_use():
    settings = Settings(auth="token", auth_tokens=TOKENS)
    admins = await document(sample(settings), settings, authorization="Bearer " + "a" * 32)
    others = await document(sample(settings), settings, authorization="Bearer " + "b" * 32)
    assert admins["security"] == [{"bearer": []}]
    assert admins["components"]["securitySchemes"] == {"bearer": {"type": "http", "scheme": "bearer"}}
    assert "secret" in admins["components"]["schemas"]
    assert "secret" not in others["components"]["schemas"]


async def test_a_server_without_tools_has_a_document_too():
    found = await document(FastMCP("empty", **chassis(Settings())), Settings())
    assert found["info"]["title"] == "empty"
