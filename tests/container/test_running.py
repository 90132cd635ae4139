"""How the images run: under every restriction, over every transport, and to a clean end."""

import json
import time

import anyio
import httpx2
import pytest
from fastmcp import Client
from fastmcp.client.transports import SSETransport, StdioTransport, StreamableHttpTransport

from serving.identity import read_identity
from ship.image.engine import DOCKER
from tests.container.engine import ANY_USER, RESTRICTED, container, docker, tools_of_a_test
from tests.pages import client_configuration
from tests.support import HELLO

ERAS = ["auto", "legacy"]
PUBLISH = ("--publish", "127.0.0.1::8000")
STATES = "import glob; print(*(open(f).read().rpartition(')')[2].split()[0] for f in glob.glob('/proc/[0-9]*/stat')))"


def test_an_image_starts_and_is_well_under_every_restriction_without_a_network(image):
    with container(image, *RESTRICTED, *ANY_USER, "--network", "none") as server:
        assert server.inspect("{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.NetworkMode}}") == "true none"
        assert server.stop() == 0


def test_production_needs_no_folder_that_it_can_write_to(production):
    with container(production, "--read-only", "--network", "none") as server:
        assert server.stop() == 0


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_calls_a_tool_over_http(production, tmp_path, era):
    with container(production, *RESTRICTED, *ANY_USER, *PUBLISH, *tools_of_a_test(tmp_path)) as server:
        async with Client(StreamableHttpTransport(f"{server.url}/mcp"), mode=era) as client:
            uid, gid, pid = (await client.call_tool("user")).data
    assert (uid, gid) == (54321, 54321)
    assert pid != 1


async def test_a_client_calls_a_tool_over_sse(production, tmp_path):
    options = (*RESTRICTED, *PUBLISH, "--env", "MCP_TRANSPORT=sse", *tools_of_a_test(tmp_path))
    with container(production, *options) as server:
        async with Client(SSETransport(f"{server.url}/sse"), mode="legacy") as client:
            assert (await client.call_tool("user")).data[:2] == [1000, 1000]


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_starts_a_container_and_speaks_stdio_with_it(image, tmp_path, era):
    options = (*RESTRICTED, *ANY_USER, "--network", "none", "--env", "MCP_TRANSPORT=stdio", *tools_of_a_test(tmp_path))
    transport = StdioTransport(DOCKER, ["run", "--interactive", "--rm", *options, image])
    async with Client(transport, mode=era) as client:
        assert (await client.call_tool("user")).data[:2] == [54321, 54321]


async def test_a_client_is_configured_as_the_readme_says(production):
    async with Client(client_configuration("docker")) as client:
        assert client.server_info.version == read_identity().version


def test_over_stdio_nothing_but_the_protocol_comes_out_and_the_end_of_input_ends_it(production):
    hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO}
    options = ("run", "--interactive", "--rm", *RESTRICTED, "--env", "MCP_LOG_LEVEL=critical")
    answer = docker(*options, production, "--transport", "stdio", stdin=json.dumps(hello) + "\n")
    assert json.loads(answer)["result"]["protocolVersion"] == HELLO["protocolVersion"]


@pytest.mark.parametrize("arguments", [("--transport", "stdio"), ("--port", "9000"), ("--port=9000",)])
def test_a_container_is_well_however_its_arguments_configure_it(production, arguments):
    with container(production, *RESTRICTED, "--interactive", arguments=arguments):
        pass


def test_a_container_whose_server_does_not_answer_is_not_well(production):
    with container(production, *RESTRICTED, "--health-retries", "1") as server:
        children = server.python("print(open('/proc/1/task/1/children').read())")
        server.python(f"import os, signal; os.kill({children.split()[0]}, signal.SIGSTOP)")
        server.wait_until("{{.State.Health.Status}}", "unhealthy")


async def test_sigterm_lets_a_call_finish_and_ends_the_container_with_0(production, tmp_path):
    with container(production, *RESTRICTED, *PUBLISH, *tools_of_a_test(tmp_path)) as server:
        async with Client(StreamableHttpTransport(f"{server.url}/mcp")) as client, anyio.create_task_group() as group:
            await client.list_tools()  # the client would ask for it afterwards, to check the answer's shape
            answers = []

            async def call() -> None:
                answers.append((await client.call_tool("slow", {"seconds": 2})).data)

            group.start_soon(call)
            while "mcp_calls_in_progress 1.0" not in httpx2.get(f"{server.url}/metrics").text:  # noqa: ASYNC110
                await anyio.sleep(0.01)
            assert await anyio.to_thread.run_sync(server.stop) == 0
        assert answers == ["done"]


def test_a_stop_right_after_the_start_ends_the_container_with_0_too(image):
    with container(image, *RESTRICTED, healthy=False) as server:
        assert server.stop() == 0


async def test_pid_1_buries_orphans(production, tmp_path):
    with container(production, *RESTRICTED, *PUBLISH, *tools_of_a_test(tmp_path)) as server:
        async with Client(StreamableHttpTransport(f"{server.url}/mcp")) as client:
            for _ in range(5):
                await client.call_tool("orphan")
        end = time.monotonic() + 10
        while len(states := server.python(STATES).split()) > 3:  # PID 1, the server, and who asks
            assert time.monotonic() < end, states
        assert "Z" not in states


@pytest.mark.parametrize(
    "settings",
    [
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"},
        {"MCP_AUTH": "token", "MCP_AUTH_TOKENS": "ann=0123456789abcdef0123"},
        {
            "MCP_AUTH": "jwt",
            "MCP_AUTH_ISSUER": "https://auth.example.com",
            "MCP_AUTH_AUDIENCE": "us",
            "MCP_AUTH_KEY": "https://auth.example.com/jwks.json",
        },
        {"MCP_METRICS_PORT": "9464"},
    ],
    ids=["traces", "token", "jwt", "metrics"],
)
def test_production_holds_what_each_setting_needs(production, settings):
    options = [part for name, value in settings.items() for part in ("--env", f"{name}={value}")]
    with container(production, *RESTRICTED, "--network", "none", *options) as server:
        assert server.stop() == 0
        assert "Traceback" not in server.log


def test_a_bad_setting_ends_the_container_with_2_and_one_line(production):
    with container(production, *RESTRICTED, "--env", "MCP_PORT=eighty", healthy=False) as server:
        server.wait_until("{{.State.Status}} {{.State.ExitCode}}", "exited 2")
        assert "MCP_PORT=eighty: expected a whole number from 0 to 65535" in server.log
        assert len(server.log.splitlines()) == 1


def test_the_development_image_starts_the_server_again_when_a_file_is_saved(images, tmp_path):
    mount = tools_of_a_test(tmp_path)
    with container(images["development"], *RESTRICTED, *PUBLISH, *mount) as server:
        before = httpx2.get(f"{server.url}/ready").json()["tools_count"]
        file = tmp_path / "tools" / "probe.py"
        file.write_text(file.read_text() + "\n\n@tool\ndef another() -> None:\n    pass\n")
        end = time.monotonic() + 20
        while _tools_count(f"{server.url}/ready") != before + 1:
            assert time.monotonic() < end, server.log
            time.sleep(0.05)
        assert server.stop() == 0


def _tools_count(url: str) -> int | None:
    try:
        return httpx2.get(url).json().get("tools_count")
    except httpx2.TransportError:
        return None
