"""What a server of this template answers beside MCP: probes, page, REST."""

from typing import Any
from urllib.parse import quote

import httpx2

from k8s.validation.report import Failed, Question, Skipped
from k8s.validation.server import CALCULATE, ECHO, STATUS, Server, five, knows, traceback_in


class Routes:
    """The questions, in order; `counts` is what /ready has said."""

    def __init__(self, server: Server, client: httpx2.AsyncClient) -> None:
        self.counts: dict[str, int] = {}
        self._server = server
        self._client = client
        self._tools: dict[str, dict[str, Any]] = {}
        self._resources: set[str] = set()

    def questions(self) -> dict[str, Question]:
        """By name."""
        return {
            "GET /health": self.health,
            "GET /ready": self.ready,
            "GET / for a program": self.root,
            "GET / for a browser": self.page,
            "GET /mcp/tools": self.tools,
            "GET /mcp/resources": self.resources,
            "a request without a token": self.no_token,
            "POST /mcp/execute echo": self.echo,
            "POST /mcp/execute calculate": self.calculate,
            "POST /mcp/execute with a wrong argument": self.wrong_argument,
            f"GET /mcp/resource/{STATUS}": self.status,
        }

    async def answers(self) -> str:
        """Something is there, whatever it says; the answer, which may be a stream, is not read."""
        async with self._client.stream("GET", self._server.url, headers=self._server.headers) as response:
            return f"status {response.status_code} to a GET"

    async def health(self) -> str:
        """The process lives."""
        found = await self._json("/health")
        if found.get("status") != "healthy":
            raise Failed(f"status {found.get('status')!r}, expected 'healthy'")
        return f"{found.get('service')} {found.get('version')}"

    async def ready(self) -> str:
        """It takes calls, and says how much there is to call."""
        response = await self._get("/ready")
        if response.status_code == 503:
            raise Failed(f"not ready: {response.json().get('reason')}")
        found = _body(response)
        self.counts = {key: found[key] for key in ("tools_count", "resources_count") if isinstance(found.get(key), int)}
        if len(self.counts) < 2:
            raise Failed("expected tools_count and resources_count")
        return "{tools_count} tools, {resources_count} resources".format(**self.counts)

    async def root(self) -> str:
        """What is where."""
        found = await self._json("/")
        endpoints = found.get("endpoints", {})
        if endpoints.get("mcp") and not self._server.url.endswith(endpoints["mcp"]):
            raise Failed(f"MCP is said to be at {endpoints['mcp']}, and was asked at {self._server.url}")
        return ", ".join(endpoints) or "no endpoints"

    async def page(self) -> str:
        """The page, where it is on."""
        response = await self._get("/", accept="text/html")
        kind = response.headers.get("content-type", "")
        if kind.startswith("application/json"):
            raise Skipped("the page is off (MCP_PAGE)")
        if response.status_code != 200 or not kind.startswith("text/html"):
            raise Failed(f"status {response.status_code}, {kind or 'no type'}, expected text/html")
        if "content-security-policy" not in response.headers:
            raise Failed("the page has no Content-Security-Policy")
        return f"{len(response.content)} bytes"

    async def tools(self) -> str:
        """What can be called, as REST lists it."""
        found = (await self._rest("/mcp/tools"))["tools"]
        self._tools = {tool["name"]: tool["parameters"] for tool in found}
        return self._listed("tools", len(found))

    async def resources(self) -> str:
        """What can be read, as REST lists it."""
        found = (await self._rest("/mcp/resources"))["resources"]
        self._resources = {resource["uri"] for resource in found}
        return self._listed("resources", len(found))

    def _listed(self, what: str, number: int) -> str:
        """Compare with /ready, which counts what scopes hide as well."""
        counted = self.counts.get(f"{what}_count", number)
        if number > counted or (number == 0 and counted):
            raise Failed(f"{number} {what}, but /ready counts {counted}")
        return f"{number} {what}" + (
            f", and {counted - number} that this token may not see" if number < counted else ""
        )

    async def no_token(self) -> str:
        """Nobody gets in without one, where one is needed."""
        if not self._server.token:
            raise Skipped("no token was given (--token or MCP_TOKEN)")
        response = await self._client.get(f"{self._server.base}/mcp/tools")
        if response.status_code == 404:
            raise Skipped("REST is off (MCP_REST)")
        if response.status_code != 401:
            raise Failed(f"status {response.status_code}, expected 401: a token is given, and none is asked for")
        return "401"

    async def echo(self) -> str:
        """What is sent comes back."""
        answer = await self._execute(ECHO)
        if ECHO[1]["message"] not in str(answer):
            raise Failed("the message did not come back")
        return "the message came back"

    async def calculate(self) -> str:
        """2 + 3."""
        answer = await self._execute(CALCULATE)
        if not five(answer):
            raise Failed("2 + 3 is not 5")
        return "2 + 3 = 5"

    async def wrong_argument(self) -> str:
        """Arguments are checked, and the answer tells no more than that."""
        name, _ = self._known(ECHO)
        response = await self._post("/mcp/execute", {"tool": name, "parameters": {"no_such_argument": 1}})
        if response.status_code != 422:
            raise Failed(f"status {response.status_code}, expected 422")
        if traceback_in(response.text):
            raise Failed("the answer shows a traceback")
        return "422"

    async def status(self) -> str:
        """A resource is read by its URI."""
        if STATUS not in self._resources:
            raise Skipped(f"{STATUS} is not listed")
        found = await self._rest(f"/mcp/resource/{quote(STATUS, safe=':/')}")
        if not found.get("content"):
            raise Failed("the resource is empty")
        return str(found.get("mimeType"))

    def _known(self, known: tuple[str, dict[str, Any]]) -> tuple[str, dict[str, Any]]:
        if not knows(self._tools, known):
            raise Skipped(f"{known[0]} is not listed as this template has it")
        return known

    async def _execute(self, known: tuple[str, dict[str, Any]]) -> Any:
        name, arguments = self._known(known)
        found = _body(await self._post("/mcp/execute", {"tool": name, "parameters": arguments}))
        if found.get("metadata") != {"tool": name, "success": True}:
            raise Failed(f"metadata is not that of {name}")
        return found.get("result")

    async def _get(self, path: str, accept: str = "application/json") -> httpx2.Response:
        headers = {**self._server.headers, "accept": accept}
        return await self._client.get(self._server.base + path, headers=headers)

    async def _post(self, path: str, body: Any) -> httpx2.Response:
        return await self._client.post(self._server.base + path, headers=self._server.headers, json=body)

    async def _json(self, path: str) -> dict[str, Any]:
        return _body(await self._get(path))

    async def _rest(self, path: str) -> dict[str, Any]:
        response = await self._get(path)
        if response.status_code == 404:
            raise Skipped("REST is off (MCP_REST)")
        return _body(response)


def _body(response: httpx2.Response) -> dict[str, Any]:
    """Return the JSON object of a good answer.

    Raises:
        Failed: it is none; 401 says what to do.
    """
    if response.status_code == 401:
        raise Failed("status 401: the server asks for a token (--token or MCP_TOKEN), or does not know this one")
    if response.status_code != 200:
        raise Failed(f"status {response.status_code}, expected 200")
    try:
        found = response.json()
    except ValueError:
        raise Failed("the answer is not JSON") from None
    if not isinstance(found, dict):
        raise Failed(f"expected a JSON object, got {type(found).__name__}")
    return found
