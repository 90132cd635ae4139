import json
import shlex
import sys

import pytest
from fastmcp import Client

from ship.connect.clients import CLIENTS, as_text, claude_arguments
from tests.support import SERVER, environment, serving

URL = "https://mcp.example.com/mcp"
STDIO = {"command": sys.executable, "args": [str(SERVER), "--transport", "stdio"]}
REFERENCE = {"claude-code": "${MCP_TOKEN}", "cursor": "${env:MCP_TOKEN}", "vscode": "${env:MCP_TOKEN}"}
TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("claude-desktop", {"command": "npx", "args": ["-y", "mcp-remote", URL]}),
        ("claude-code", {"type": "http", "url": URL}),
        ("cursor", {"url": URL}),
        ("vscode", {"type": "http", "url": URL}),
    ],
)
def test_each_client_is_told_of_a_url_in_its_own_words(name, entry):
    assert CLIENTS[name].entry(URL, "") == entry


@pytest.mark.parametrize("name", CLIENTS)
def test_each_client_can_start_the_server_itself(name):
    typed = {"type": "stdio"} if name in ("claude-code", "vscode") else {}
    assert CLIENTS[name].entry("", "") == {**typed, **STDIO}


@pytest.mark.parametrize("name", REFERENCE)
def test_who_can_refer_to_the_environment_has_the_token_from_there(name):
    client = CLIENTS[name]
    assert client.refers == REFERENCE[name]
    assert client.entry(URL, client.refers)["headers"] == {"Authorization": f"Bearer {REFERENCE[name]}"}


def test_claude_desktop_hands_the_token_to_the_bridge():
    assert CLIENTS["claude-desktop"].refers == ""
    assert CLIENTS["claude-desktop"].entry(URL, "abc") == {
        "command": "npx",
        "args": ["-y", "mcp-remote", URL, "--header", "Authorization:${AUTHORIZATION}"],
        "env": {"AUTHORIZATION": "Bearer abc"},
    }


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        *(("http://localhost:8000/mcp", False), ("HTTP://127.0.0.1/mcp", False), ("https://example.com/mcp", False)),
        *(("http://[::1]:8000/mcp", True), ("http://example.com/mcp", True), ("http://localhost.example/mcp", True)),
    ],
)
def test_the_bridge_is_allowed_http_to_another_machine(url, allowed):
    assert ("--allow-http" in CLIENTS["claude-desktop"].entry(url, "")["args"]) is allowed


@pytest.mark.parametrize(
    ("platform", "name", "path"),
    [
        ("linux", "claude-desktop", ".config/Claude/claude_desktop_config.json"),
        ("darwin", "claude-desktop", "Library/Application Support/Claude/claude_desktop_config.json"),
        ("win32", "claude-desktop", "AppData/Roaming/Claude/claude_desktop_config.json"),
        ("linux", "vscode", ".config/Code/User/mcp.json"),
        ("darwin", "vscode", "Library/Application Support/Code/User/mcp.json"),
        ("win32", "vscode", "AppData/Roaming/Code/User/mcp.json"),
        *((platform, "cursor", ".cursor/mcp.json") for platform in ("linux", "darwin", "win32")),
        *((platform, "claude-code", ".claude.json") for platform in ("linux", "darwin", "win32")),
    ],
)
def test_each_client_has_its_place_on_each_system(home, monkeypatch, platform, name, path):
    monkeypatch.setattr("sys.platform", platform)
    for variable in ("XDG_CONFIG_HOME", "APPDATA", "CLAUDE_CONFIG_DIR"):
        monkeypatch.setenv(variable, "")  # is as good as not set
    assert CLIENTS[name].file() == home / path


@pytest.mark.parametrize(
    ("platform", "variable", "name", "path"),
    [
        ("linux", "XDG_CONFIG_HOME", "claude-desktop", "Claude/claude_desktop_config.json"),
        ("linux", "XDG_CONFIG_HOME", "vscode", "Code/User/mcp.json"),
        ("win32", "APPDATA", "claude-desktop", "Claude/claude_desktop_config.json"),
        ("win32", "APPDATA", "vscode", "Code/User/mcp.json"),
        ("darwin", "CLAUDE_CONFIG_DIR", "claude-code", ".claude.json"),
    ],
)
def test_the_environment_can_move_that_place(home, monkeypatch, platform, variable, name, path):
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setenv(variable, str(home / "moved"))
    assert CLIENTS[name].file() == home / "moved" / path


def test_claude_code_gets_one_command_that_a_shell_reads_as_it_is_meant():
    entry = {"type": "http", "url": "http://h/it's?a=$(b)&c=`d`;e"}
    text = as_text(CLIENTS["claude-code"], "mine", entry)
    assert shlex.split(text) == ["claude", *claude_arguments("mine", entry)]
    assert json.loads(shlex.split(text)[-1]) == entry
    assert "\n" not in text


@pytest.mark.parametrize("name", ["claude-desktop", "cursor"])
async def test_the_configuration_starts_this_server(name):
    config = json.loads(as_text(CLIENTS[name], "mine", CLIENTS[name].entry("", "") | {"env": environment()}))
    async with Client(config) as client:
        assert await client.list_tools()


async def test_the_configuration_leads_to_a_server_that_asks_for_a_token():
    with serving(MCP_AUTH="token", MCP_AUTH_TOKENS=TOKEN) as server:
        cursor = CLIENTS["cursor"]
        text = as_text(cursor, "mine", cursor.entry(server.url, cursor.refers))
        async with Client(json.loads(text.replace("${env:MCP_TOKEN}", TOKEN))) as client:
            assert await client.list_tools()


async def test_the_configuration_leads_to_a_server_that_asks_for_none():
    with serving() as server:
        for name in ("cursor", "claude-code"):
            async with Client({"mcpServers": {"mine": CLIENTS[name].entry(server.url, "")}}) as client:
                assert await client.list_tools()
