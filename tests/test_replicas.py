"""Two processes behind a round-robin: any request may land on any of them."""

from itertools import cycle

import httpx2
import pytest
from fastmcp import Client
from fastmcp.client.elicitation import ElicitResult
from fastmcp.client.transports import StreamableHttpTransport
from mcp import MCPError

from tests.support import serving, serving_all


class RoundRobin(httpx2.AsyncBaseTransport):
    """Send each request to the next replica, as a Service without session affinity may."""

    def __init__(self, servers, asked):
        self.next = cycle(httpx2.URL(server.base) for server in servers)
        self.inner = httpx2.AsyncHTTPTransport()
        self.asked = asked

    async def handle_async_request(self, request):
        replica = next(self.next)
        self.asked.append(replica.port)
        request.url = request.url.copy_with(port=replica.port)
        return await self.inner.handle_async_request(request)

    async def aclose(self):
        await self.inner.aclose()


def client_of(servers, asked, mode, **options):
    def factory(headers=None, timeout=None, auth=None, **_):
        return httpx2.AsyncClient(transport=RoundRobin(servers, asked), headers=headers, timeout=timeout, auth=auth)

    transport = StreamableHttpTransport("http://127.0.0.1/mcp", httpx_client_factory=factory)
    return Client(transport, mode=mode, **options)


@pytest.fixture(scope="module")
def replicas():
    """The second one seals with another key already, as in the middle of a rotation."""
    old, new = "0123456789abcdef" * 2, "fedcba9876543210" * 2
    with (
        serving_all(MCP_REQUEST_STATE_KEYS=f"{old},{new}") as first,
        serving_all(MCP_REQUEST_STATE_KEYS=f"{new},{old}") as second,
    ):
        yield first, second


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_calls_are_answered_by_whichever_replica(replicas, mode):
    asked: list[int] = []
    async with client_of(replicas, asked, mode) as client:
        for number in range(20):
            assert (await client.call_tool("echo", {"message": str(number)})).data == f"Echo: {number}"
            assert (await client.read_resource("sample://data"))[0].text == "data"
    assert min(map(asked.count, set(asked))) > 15
    assert len(set(asked)) == 2


async def test_several_rounds_may_go_to_several_replicas(replicas):
    asked: list[int] = []

    async def answer(*_):
        return ElicitResult(action="accept", content={"value": "Ada"})

    async with client_of(replicas, asked, "2026-07-28", elicitation_handler=answer) as client:
        for number in range(6):
            if number == 3:
                await client.list_tools()  # from now on the other one begins
            asked.clear()
            assert (await client.call_tool("ask_in_rounds")).data == "accept Ada after round 1"
            assert len(set(asked)) == 2


async def test_a_replica_with_other_keys_does_not_believe_the_state(replicas):
    with serving(MCP_REQUEST_STATE_KEYS="x" * 32) as stranger:

        async def answer(*_):
            return ElicitResult(action="accept", content={"value": "Ada"})

        async with client_of((replicas[0], stranger), [], "2026-07-28", elicitation_handler=answer) as client:
            with pytest.raises(MCPError, match="Invalid or expired requestState"):
                await client.call_tool("ask_in_rounds")
