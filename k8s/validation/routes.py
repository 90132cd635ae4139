"""What a server of this template answers beside MCP: probes, page, REST."""

from typing import Any, Final
from urllib.parse import quote

import httpx2

from k8s.rollout.caller import HANDSHAKE, LIST, MODERN, request
from k8s.validation.report import Failed, Question, Skipped
from k8s.validation.server import CALCULATE, ECHO, STATUS, Server, has_tool, is_five, listed, send, traceback_in

_OFF: Final = "REST is off (MCP_REST)"


class Routes:
    """The questions, in order; `counts` is what /ready has said."""

    def __init__(self, server: Server, client: httpx2.AsyncClient) -> None:
        self.counts: dict[str, int] = {}
        self._server = server
        self._client = client
        self._rest_is_on = True
        self._tools: dict[str, dict[str, Any]] | None = None
        self._resources: set[str] | None = None

    def questions(self) -> dict[str, Question]:
        """Return the checks by name; those that need no token come first, and alone where none is given."""
        for_everybody: dict[str, Question] = {
            "GET /health": self.health,
            "GET /ready": self.ready,
            "GET / for a program": self.root,
            "GET / for a browser": self.page,
            "a request without a token": self.no_token,
        }
        if self._server.unauthenticated:
            return for_everybody
        return for_everybody | {
            "GET /mcp/tools": self.tools,
            "GET /mcp/resources": self.resources,
            "POST /mcp/execute echo": self.echo,
            "POST /mcp/execute calculate": self.calculate,
            "POST /mcp/execute with a wrong argument": self.wrong_argument,
            f"GET /mcp/resource/{STATUS}": self.status,
        }

    async def answers(self) -> str:
        """Something is there that is not 404; the answer, which may be a stream, is not read."""
        async with self._client.stream("GET", self._server.url, headers=self._server.headers) as response:
            if response.status_code == 404:
                raise Failed(f"{self._server.url}: status 404, is MCP at another path? (--path)")
            return f"{self._server.url}, status {response.status_code} to a GET"

    async def health(self) -> str:
        """The process lives, and says so."""
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
        if found.get("status") != "ready":
            raise Failed(f"status {found.get('status')!r}, expected 'ready'")
        self.counts = {key: found[key] for key in ("tools_count", "resources_count") if isinstance(found.get(key), int)}
        if len(self.counts) < 2:
            raise Failed("expected tools_count and resources_count")
        return "{tools_count} tools, {resources_count} resources".format(**self.counts)

    async def root(self) -> str:
        """MCP is where the server says that it is."""
        found = await self._json("/")
        endpoints = found.get("endpoints", {})
        if not self._server.url.endswith(endpoints.get("mcp", "").rstrip("/")):
            raise Failed(f"MCP is said to be at {endpoints['mcp']}, and was asked at {self._server.url}")
        self._rest_is_on = "tools" in endpoints
        return ", ".join(endpoints) or "no endpoints"

    async def page(self) -> str:
        """The page is HTML with a policy of its own, where it is on."""
        response = await self._get("/", accept="text/html")
        kind = response.headers.get("content-type", "")
        if response.status_code == 200 and kind.startswith("application/json"):
            raise Skipped("the page is off (MCP_PAGE)")
        if response.status_code != 200 or not kind.startswith("text/html"):
            raise Failed(f"status {response.status_code}, {kind or 'no type'}, expected text/html")
        if "content-security-policy" not in response.headers:
            raise Failed("the page has no Content-Security-Policy")
        return f"{len(response.content)} bytes"

    async def tools(self) -> str:
        """As many tools as /ready counts, or fewer where scopes hide some."""
        found = (await self._rest("/mcp/tools"))["tools"]
        self._tools = {tool["name"]: tool["parameters"] for tool in found}
        return listed("tools", len(found), self.counts)

    async def resources(self) -> str:
        """As many resources as /ready counts, or fewer where scopes hide some."""
        found = (await self._rest("/mcp/resources"))["resources"]
        self._resources = {resource["uri"] for resource in found}
        return listed("resources", len(found), self.counts)

    async def no_token(self) -> str:
        """Nobody gets in without one, where one is needed."""
        if not (self._server.token or self._server.unauthenticated):
            raise Skipped("no token was given (--token or MCP_TOKEN)")
        asked = [request(self._server.url, era, LIST) for era in (MODERN, HANDSHAKE)]
        if self._rest_is_on:
            asked.append(httpx2.Request("GET", f"{self._server.base}/mcp/tools"))
        for each in asked:
            status = (await send(self._client, each)).status_code
            if status != 401:
                raise Failed(f"status {status} at {each.url.path}, expected 401: nobody is asked for a token there")
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
        if not is_five(answer):
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
        if not self._rest_is_on:
            raise Skipped(_OFF)
        if self._resources is None:
            raise Skipped("the resources could not be listed")
        if STATUS not in self._resources:
            raise Skipped(f"{STATUS} is not listed")
        found = await self._rest(f"/mcp/resource/{quote(STATUS, safe=':/')}")
        if not found.get("content"):
            raise Failed("the resource is empty")
        return str(found.get("mimeType"))

    def _known(self, known: tuple[str, dict[str, Any]]) -> tuple[str, dict[str, Any]]:
        if not self._rest_is_on:
            raise Skipped(_OFF)
        if self._tools is None:
            raise Skipped("the tools could not be listed")
        if not has_tool(self._tools, known):
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
        return await send(self._client, httpx2.Request("GET", self._server.base + path, headers=headers))

    async def _post(self, path: str, body: Any) -> httpx2.Response:
        url, headers = self._server.base + path, self._server.headers
        return await send(self._client, httpx2.Request("POST", url, headers=headers, json=body))

    async def _json(self, path: str) -> dict[str, Any]:
        return _body(await self._get(path))

    async def _rest(self, path: str) -> dict[str, Any]:
        if not self._rest_is_on:
            raise Skipped(_OFF)
        return await self._json(path)


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
