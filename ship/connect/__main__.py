"""`make connect`: print what MCP clients are told of this server, or write it to where one of them keeps it.

FastMCP can do that, too, and finds Claude Code for us. No more of it serves: it starts a server through `fastmcp run`,
which goes around our settings, logs and limits; it writes a client's file in its place, without a copy, and with nulls
in other servers' entries; and it looks for Claude Desktop past APPDATA, after seconds of imports.
"""

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

from serving.errors import SettingsError
from serving.identity import read_identity
from ship.connect.clients import CLIENTS, TOKEN, Client, as_text, claude_arguments
from ship.connect.configfile import ConfigFile, ConnectError

URL: Final = re.compile(r"https?://(\[[0-9a-f:.]+\]|[^][/?#@:{}\\\s]+)(:\d{1,5})?/[^#{}\\\s]*", re.IGNORECASE)
"""Braces are no part of a URL, and clients would take them for a variable."""


class UsageError(ConnectError):
    """A value that cannot be used; the message is one line with its variable and what was expected."""

    exit_status = 2


def main(arguments: list[str] | None = None) -> int:
    """Run it from the command line; status 1 for what did not work, 2 for values that cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m ship.connect", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--client", default="", help=f"{', '.join(CLIENTS)} (default: all of them)")
    parser.add_argument("--url", default="", help="where the server answers, or stdio (default): the client starts it")
    parser.add_argument("--write", default="", help="yes: write it to where the client keeps it")
    options = parser.parse_args(arguments)
    try:
        _check(options)
        url = "" if options.url == "stdio" else options.url
        token = _token() if url else ""
        if options.write:
            print(_write(CLIENTS[options.client], url, token))
        else:
            _show([CLIENTS[options.client]] if options.client else CLIENTS.values(), url, token)
        sys.stdout.flush()
    except BrokenPipeError:  # nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ConnectError, SettingsError) as error:
        print(f"connect: {error}", file=sys.stderr)
        if error.exit_status == 1:
            _show([CLIENTS[options.client]], url, token)
        return error.exit_status
    return 0


def _check(options: argparse.Namespace) -> None:
    *most, last = CLIENTS
    choice = f"{', '.join(most)} or {last}"
    if options.client not in ("", *CLIENTS):
        raise UsageError(f"CLIENT={_printable(options.client)}: expected {choice}")
    if options.write not in ("", "yes"):
        raise UsageError(f"WRITE={_printable(options.write)}: expected yes")
    if options.write and not options.client:
        raise UsageError(f"WRITE=yes: expected CLIENT= with it, {choice}")
    if options.url not in ("", "stdio") and not (options.url.isprintable() and URL.fullmatch(options.url)):
        given = re.sub(".*@", "...@", _printable(options.url))  # there may be a password before it
        expected = "stdio, http://HOST[:PORT]/PATH or https://..., without user, fragment or blank"
        raise UsageError(f"URL={given}: expected {expected}")


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)


def _token() -> str:
    token = os.environ.get(TOKEN, "")
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise UsageError(f"{TOKEN}: expected printable ASCII characters without blanks")
    return token


def _name() -> str:
    return re.sub(r"[^\w-]+", "-", read_identity().name)


def _show(clients: Collection[Client], url: str, token: str) -> None:
    """Print what to paste, never with the token itself; for a single client, that alone goes to stdout."""
    several = len(clients) > 1
    for client in clients:
        where = "run in a terminal" if client is CLIENTS["claude-code"] else f"into {client.file()}"
        print(f"{client.title}: {where}{_remark(client, token)}", file=sys.stdout if several else sys.stderr)
        text = as_text(client, _name(), client.entry(url, token and (client.refers or "YOUR_TOKEN")))
        print(text, end="\n\n" if several else "\n")


def _write(client: Client, url: str, token: str) -> str:
    """Put the server into what the client keeps; say what was done and what comes next."""
    name, entry = _name(), client.entry(url, token and (client.refers or token))
    file = ConfigFile.read(client.file())
    before = file.server(client.section, name)
    if before == entry:
        return f"{name} is already there: {file.path}"
    if client is CLIENTS["claude-code"]:
        copy = _tell_claude_code(file, before, name, entry)
    elif not file.path.parent.is_dir():
        raise ConnectError(f"{file.path.parent}: no such folder: {client.title} does not seem to be installed")
    else:
        copy = file.put(client.section, name, entry, private=bool(token) and not client.refers)
    done = f"{name} was {'added to' if before is None else 'there already, and is replaced in'} {file.path}"
    return f"{done}{f' (as it was: {copy})' if copy else ''}: restart {client.title}{_remark(client, token)}"


def _remark(client: Client, token: str) -> str:
    return f"; it needs {TOKEN} in its environment" if token and client.refers else ""


def _tell_claude_code(file: ConfigFile, before: Any, name: str, entry: dict[str, Any]) -> Path | None:
    """Let its own command line do it, because Claude Code itself keeps writing that file; return the copy, if any."""
    program = _find_claude_code()
    if before is None:
        _run(program, *claude_arguments(name, entry))
        return None
    copy = file.back_up()
    _run(program, "mcp", "remove", "--scope", "user", name)  # because it replaces nothing
    try:
        _run(program, *claude_arguments(name, entry))
    except ConnectError as error:
        raise ConnectError(f"{error}; {name} is removed (as it was: {copy})") from None
    return copy


def _find_claude_code() -> str:
    from serving.first_import import import_fastmcp

    import_fastmcp()  # which would otherwise read .env of the working directory
    from fastmcp.cli.install.claude_code import find_claude_command

    try:
        found = find_claude_command()
    except OSError:  # of a `claude` that cannot be run
        found = None
    if not found:
        raise ConnectError("there is no `claude` that can be run: Claude Code does not seem to be installed")
    return found


def _run(*command: str) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split())
        raise ConnectError(f"`claude mcp {command[2]}` failed: {said}")


if __name__ == "__main__":
    sys.exit(main())
