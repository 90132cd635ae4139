"""`make connect`, as it is typed; Claude Code is a program that writes down how it is called and does what it does."""

import json
import os
import shlex
import stat
import subprocess
import sys

import pytest

from serving.identity import read_identity
from ship.connect.__main__ import main
from ship.connect.clients import CLIENTS
from tests.support import ROOT, SERVER, environment, make

NAME = read_identity().name
URL = "https://mcp.example.com/mcp"
TOKEN = "s3cret-0123456789abcdef"
FILES = {
    "claude-desktop": ".config/Claude/claude_desktop_config.json",
    "cursor": ".cursor/mcp.json",
    "vscode": ".config/Code/User/mcp.json",
}
CLAUDE = f"""#!{sys.executable}
import json, os, pathlib, sys
home = pathlib.Path(os.environ["HOME"])
with (home / "calls").open("a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
file = home / ".claude.json"
found = json.loads(file.read_text()) if file.exists() else {{}}
servers = found.setdefault("mcpServers", {{}})
match sys.argv[1:]:
    case ["--version"]:
        print("0.0.0 (Claude Code)")
    case ["mcp", "add-json", "--scope", "user", name, text]:
        if name in servers or (home / "broken").exists():
            sys.exit(f"MCP server {{name}} already exists\\nin user config")
        servers[name] = json.loads(text)
        file.write_text(json.dumps(found))
    case ["mcp", "remove", "--scope", "user", name]:
        del servers[name]
        file.write_text(json.dumps(found))
    case _:
        sys.exit("usage")
"""


@pytest.fixture
def connect(home, capsys):
    """Run it in a home in which all clients are installed; return status, stdout and stderr."""
    for file in FILES.values():
        (home / file).parent.mkdir(parents=True)

    def run(*arguments):
        return main(list(arguments)), *capsys.readouterr()

    return run


@pytest.fixture
def claude(home, monkeypatch):
    """Put Claude Code onto the PATH; return a function that tells how it has been called."""
    import fastmcp

    for name in ("FASTMCP_LOG_ENABLED", "FASTMCP_ENV_FILE"):  # the program sets them in its own process
        monkeypatch.setenv(name, os.devnull if name.endswith("FILE") else "false")
    monkeypatch.setattr(fastmcp.settings, "http_host_origin_protection", True)
    program = home / "bin" / "claude"
    program.write_text(CLAUDE)
    program.chmod(0o755)

    def calls():
        found = [json.loads(line) for line in (home / "calls").read_text().splitlines()]
        return [call for call in found if call != ["--version"]]

    return calls


@pytest.mark.parametrize("client", FILES)
def test_what_is_printed_is_json_and_the_hint_is_not_part_of_it(connect, home, client):
    status, out, err = connect(f"--client={client}", f"--url={URL}")
    assert json.loads(out)[CLIENTS[client].section][NAME] == CLIENTS[client].entry(URL, "")
    assert (status, err) == (0, f"{CLIENTS[client].title}: into {home / FILES[client]}\n")


@pytest.mark.parametrize("url", ["", "stdio"])
def test_without_a_url_the_client_starts_the_server(connect, url):
    entry = json.loads(connect("--client=cursor", f"--url={url}")[1])["mcpServers"][NAME]
    assert entry == {"command": sys.executable, "args": [str(SERVER), "--transport", "stdio"]}


def test_for_claude_code_it_is_one_command(connect):
    status, out, err = connect("--client=claude-code", f"--url={URL}")
    assert (status, err, out.count("\n")) == (0, "Claude Code: run in a terminal\n", 1)
    assert shlex.split(out)[:-1] == ["claude", "mcp", "add-json", "--scope", "user", NAME]


def test_without_a_client_it_is_all_of_them_under_headings(connect):
    status, out, err = connect()
    assert [part.split(":")[0] for part in out.strip().split("\n\n")] == [client.title for client in CLIENTS.values()]
    assert (status, err) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--client=emacs"], "CLIENT=emacs: expected claude-desktop, claude-code, cursor or vscode"),
        (["--client=a\nb\x1b"], "CLIENT=a?b?: expected claude-desktop, claude-code, cursor or vscode"),
        (["--write=yes"], "WRITE=yes: expected CLIENT= with it, claude-desktop, claude-code, cursor or vscode"),
        (["--client=cursor", "--write=no"], "WRITE=no: expected yes"),
    ],
)
def test_a_value_that_makes_no_sense_is_named(connect, arguments, said):
    assert connect(*arguments) == (2, "", f"connect: {said}\n")


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://h/mcp", "h/mcp", "https:///mcp", "https://:8000/mcp", "https://h", "https://h:8000", "http://h:x/mcp"),
        *("https://h/mcp#a", "https://h/m cp", " https://h/mcp", "https://h/mcp\n", "https://h/\u00a0", "https://h/\0"),
        *("https://h/${HOME}", "https://h\\@evil/mcp", "http://[::1/mcp", "http://::1/mcp", "https://?/mcp", "Stdio"),
    ],
)
def test_a_url_that_no_client_could_use_is_named(connect, url):
    status, out, err = connect(f"--url={url}")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("connect: URL=")
    assert ": expected stdio, http://HOST[:PORT]/PATH or https://..., without user, fragment or blank" in err


def test_a_password_in_a_url_is_not_repeated(connect):
    status, _, err = connect("--url=https://ann:hunter@2@h/mcp")
    assert (status, err.partition(": expected")[0]) == (2, "connect: URL=...@h/mcp")


@pytest.mark.parametrize(
    "url", ["http://[::1]:8000/mcp", "https://münchen.example/", "HTTPS://h/@me/it's?a=$(b)&c=%20"]
)
def test_a_url_is_printed_as_it_was_given(connect, url):
    assert json.loads(connect("--client=cursor", f"--url={url}")[1])["mcpServers"][NAME] == {"url": url}


@pytest.mark.parametrize("client", FILES)
def test_a_server_is_added_and_the_rest_is_left_as_it_is(connect, home, client):
    file = home / FILES[client]
    section = CLIENTS[client].section
    file.write_text(f'{{"big": 1e400,\n  "{section}": {{"other": {{}}}}}}')
    status, out, err = connect(f"--client={client}", f"--url={URL}", "--write=yes")
    [copy] = file.parent.glob("*.bak-*")
    assert (status, err) == (0, "")
    assert out == f"{NAME} was added to {file} (as it was: {copy}): restart {CLIENTS[client].title}\n"
    assert copy.read_text() == f'{{"big": 1e400,\n  "{section}": {{"other": {{}}}}}}'
    assert file.read_text().startswith('{"big": 1e400,\n')
    assert json.loads(file.read_text())[section] == {"other": {}, NAME: CLIENTS[client].entry(URL, "")}


def test_what_is_there_already_is_not_written_again(connect, home):
    file = home / FILES["cursor"]
    assert connect("--client=cursor", "--write=yes")[1] == f"{NAME} was added to {file}: restart Cursor\n"
    before = file.stat().st_mtime_ns, file.read_text()
    assert connect("--client=cursor", "--write=yes") == (0, f"{NAME} is already there: {file}\n", "")
    assert (file.stat().st_mtime_ns, file.read_text(), *file.parent.iterdir()) == (*before, file)


def test_what_differs_is_replaced_and_that_is_said(connect, home):
    file = home / FILES["cursor"]
    file.write_text(json.dumps({"mcpServers": {NAME: {"url": "http://old/"}, "other": 1}}))
    _, out, _ = connect("--client=cursor", f"--url={URL}", "--write=yes")
    assert f"{NAME} was there already, and is replaced in {file} (as it was: {file}.bak-" in out
    assert list(json.loads(file.read_text())["mcpServers"].items()) == [(NAME, {"url": URL}), ("other", 1)]


def test_a_file_that_is_not_plain_json_is_left_alone_and_what_to_paste_is_printed(connect, home):
    file = home / FILES["vscode"]
    file.write_text('{\n  // mine\n  "servers": {}\n}')
    status, out, err = connect("--client=vscode", f"--url={URL}", "--write=yes")
    error, hint = err.splitlines()
    assert error.startswith(f"connect: {file}: expected plain JSON (")
    assert (status, hint) == (1, f"VS Code: into {file}")
    assert json.loads(out) == {"servers": {NAME: {"type": "http", "url": URL}}}
    assert (file.read_text(), *file.parent.iterdir()) == ('{\n  // mine\n  "servers": {}\n}', file)


@pytest.mark.parametrize("client", FILES)
def test_a_client_that_is_not_installed_gets_no_file(connect, home, client):
    folder = (home / FILES[client]).parent
    folder.rmdir()
    status, _, err = connect(f"--client={client}", "--write=yes")
    said = f"connect: {folder}: no such folder: {CLIENTS[client].title} does not seem to be installed"
    assert (status, err.splitlines()[0]) == (1, said)
    assert not folder.exists()


@pytest.mark.parametrize("client", ["", *CLIENTS])
def test_a_token_is_never_printed(connect, monkeypatch, client):
    monkeypatch.setenv("MCP_TOKEN", TOKEN)
    status, out, err = connect(f"--client={client}", f"--url={URL}")
    assert status == 0
    assert TOKEN not in out + err
    assert "Bearer " in out
    assert ("YOUR_TOKEN" in out) is (client in ("", "claude-desktop"))
    assert ("; it needs MCP_TOKEN in its environment" in out + err) is (client != "claude-desktop")


@pytest.mark.parametrize("client", FILES)
def test_a_token_is_written_only_for_who_cannot_refer_to_it(connect, home, monkeypatch, client):
    monkeypatch.setenv("MCP_TOKEN", TOKEN)
    file = home / FILES[client]
    file.write_text("{}")
    file.chmod(0o644)
    status, out, err = connect(f"--client={client}", f"--url={URL}", "--write=yes")
    assert (status, err) == (0, "")
    assert TOKEN not in out
    assert (TOKEN in file.read_text()) is (client == "claude-desktop")
    assert stat.S_IMODE(file.stat().st_mode) == (0o600 if client == "claude-desktop" else 0o644)


def test_a_token_is_not_shown_when_writing_fails(connect, home, monkeypatch):
    monkeypatch.setenv("MCP_TOKEN", TOKEN)
    (home / FILES["claude-desktop"]).write_text("[]")
    status, out, err = connect("--client=claude-desktop", f"--url={URL}", "--write=yes")
    assert (status, TOKEN in out + err, "Bearer YOUR_TOKEN" in out) == (1, False, True)


@pytest.mark.parametrize("token", ["a b", "a\nb", "ä"])
def test_a_token_that_no_header_can_carry_is_refused_without_being_shown(connect, monkeypatch, token):
    monkeypatch.setenv("MCP_TOKEN", token)
    said = "connect: MCP_TOKEN: expected printable ASCII characters without blanks\n"
    assert connect(f"--url={URL}") == (2, "", said)
    assert connect("--url=stdio")[0] == 0  # which needs none


def test_claude_code_is_told_by_its_own_command_line(connect, claude, home, monkeypatch):
    monkeypatch.setenv("MCP_TOKEN", TOKEN)
    status, out, err = connect("--client=claude-code", f"--url={URL}", "--write=yes")
    [[*before, text]] = claude()
    entry = {"type": "http", "url": URL, "headers": {"Authorization": "Bearer ${MCP_TOKEN}"}}
    assert (before, json.loads(text)) == (["mcp", "add-json", "--scope", "user", NAME], entry)
    remark = "restart Claude Code; it needs MCP_TOKEN in its environment"
    assert (status, out, err) == (0, f"{NAME} was added to {home / '.claude.json'}: {remark}\n", "")
    assert connect("--client=claude-code", f"--url={URL}", "--write=yes")[1].startswith(f"{NAME} is already there")
    assert len(claude()) == 1


def test_what_claude_code_had_of_that_name_is_copied_and_replaced(connect, claude, home):
    file = home / ".claude.json"
    file.write_text(before := json.dumps({"n": 1.0, "mcpServers": {NAME: {"command": "old"}}}))
    status, out, err = connect("--client=claude-code", "--write=yes")
    [copy] = home.glob(".claude.json.bak-*")
    assert (status, err, copy.read_text()) == (0, "", before)
    assert f"{NAME} was there already, and is replaced in {file} (as it was: {copy})" in out
    assert [call[1] for call in claude()] == ["remove", "add-json"]
    assert json.loads(file.read_text())["mcpServers"][NAME]["args"] == [str(SERVER), "--transport", "stdio"]


def test_what_claude_code_does_not_like_is_said_in_a_line(connect, claude, home):
    (home / "broken").touch()
    status, out, err = connect("--client=claude-code", "--write=yes")
    said = f"connect: `claude mcp add-json` failed: MCP server {NAME} already exists in user config"
    assert (status, err.splitlines()) == (1, [said, "Claude Code: run in a terminal"])
    assert shlex.split(out)[:3] == ["claude", "mcp", "add-json"]


def test_what_is_removed_from_claude_code_and_not_put_back_is_said(connect, claude, home):
    (home / ".claude.json").write_text(before := json.dumps({"mcpServers": {NAME: {"command": "old"}}}))
    (home / "broken").touch()
    status, _, err = connect("--client=claude-code", "--write=yes")
    [copy] = home.glob(".claude.json.bak-*")
    assert (status, copy.read_text()) == (1, before)
    assert f"failed: MCP server {NAME} already exists in user config; {NAME} is removed (as it was: {copy})\n" in err


@pytest.mark.parametrize("program", [None, "#!/bin/sh\necho another\n", "no program at all"])
def test_without_claude_code_it_says_so(connect, claude, home, program):
    (home / "bin" / "claude").unlink()
    if program:
        (home / "bin" / "claude").write_text(program)
        (home / "bin" / "claude").chmod(0o755)
    status, out, err = connect("--client=claude-code", "--write=yes")
    assert status == 1
    assert err.startswith("connect: there is no `claude` that can be run: Claude Code does not seem to be installed\n")
    assert out.startswith("claude mcp add-json ")


def test_a_variable_that_fastmcp_does_not_understand_is_named(home):
    done = make("connect", "CLIENT=claude-code", "WRITE=yes", FASTMCP_LOG_LEVEL="loud", HOME=str(home), PATH=os.defpath)
    assert done.stderr.startswith("connect: FASTMCP_LOG_LEVEL=loud: expected ")
    assert (done.stdout, done.stderr.count("\n")) == ("", 2)  # make says that there was an error, too


@pytest.mark.parametrize("url", ["http://h/it's", "http://h/$(id)$$HOME?a=`id`&b=$c;'\"", "http://h/$(shell,id)"])
def test_what_is_typed_after_make_arrives_as_it_is(url):
    assert json.loads(make("connect", "CLIENT=cursor", f"URL={url}").stdout)["mcpServers"][NAME] == {"url": url}


@pytest.mark.parametrize("variable", ["CLIENT", "URL", "WRITE"])
def test_what_is_typed_after_make_does_not_reach_the_shell(tmp_path, variable):
    for attack in ("a'; touch {}; '", '"; touch {}; "', "$(touch {})", "$$(touch {})", "`touch {}`"):
        typed = attack.format(tmp_path / "broken")
        assert f"connect: {variable}={typed}: expected " in make("connect", f"{variable}={typed}").stderr
    assert not (tmp_path / "broken").exists()


def test_who_reads_no_further_gets_no_traceback():
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "ship.connect"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(), stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


def test_make_takes_nothing_from_the_environment(home):
    done = make("connect", HOME=str(home), PATH=os.defpath, CLIENT="emacs", URL="ftp://h", WRITE="yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Claude Desktop: into " in done.stdout
