"""What is told to whoever sets something wrong, in one line and with status 1."""

import json

import pytest

from ship.adapter.contract import shown
from tests.ship.adapter.support import ADAPTER
from tests.support import run


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"MCP_RUNTIME": "java"}, "MCP_RUNTIME=java: expected npm, python or custom"),
        ({"MCP_RUNTIME": "npm"}, "MCP_PACKAGE is not set: expected the name of the npm package to run"),
        ({"MCP_RUNTIME": "python"}, "MCP_PACKAGE is not set: expected the name of the PyPI package to run"),
        (
            {"MCP_RUNTIME": "custom"},
            "MCP_COMMAND is not set: expected the command to run, because of MCP_RUNTIME=custom",
        ),
        ({}, "MCP_PACKAGE is not set: expected the name of an npm or PyPI package, or MCP_COMMAND instead"),
        ({"MCP_COMMAND": "cat", "MCP_SESSION_CHILDREN": "5"}, "MCP_SESSION_CHILDREN=5: expected MCP_STATELESS=false"),
        ({"MCP_PACKAGE": "a", "MCP_COMMAND": "b"}, "MCP_PACKAGE=a: expected no package beside MCP_COMMAND"),
        ({"MCP_COMMAND": "'unclosed geheim"}, "MCP_COMMAND: expected words as for a shell (no closing quotation)"),
        (
            {"MCP_COMMAND": "cat", "MCP_ARGS": '"geheim'},
            "MCP_ARGS: expected words as for a shell (no closing quotation)",
        ),
        ({"MCP_COMMAND": "no-such-program"}, "MCP_COMMAND=no-such-program: expected a program that can be found"),
        ({"MCP_COMMAND": "cat", "MCP_CWD": "/no/such"}, "MCP_CWD=/no/such: expected a folder that exists"),
        (
            {"MCP_COMMAND": "cat", "MCP_CHILD_ENV": "MCP_AUTH_TOKENS"},
            "MCP_CHILD_ENV=MCP_AUTH_TOKENS: expected a variable",
        ),
        (
            {"MCP_PACKAGE": "https://example.com/x.tgz"},
            "MCP_PACKAGE=https://example.com/x.tgz: expected a name on npm or",
        ),
        ({"MCP_PACKAGE": "--global", "MCP_RUNTIME": "npm"}, "MCP_PACKAGE=--global: expected"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value_and_what_was_expected(given, said):
    ended = run("--port", "0", script=ADAPTER, **given)
    last = json.loads(ended.stderr.splitlines()[-1])
    assert (ended.returncode, last["level"]) == (1, "critical")
    assert last["message"].startswith(said)
    assert "geheim" not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_variable_that_is_allowed_and_not_there_is_mentioned():
    ended = run("--port", "0", script=ADAPTER, MCP_COMMAND="false", MCP_CHILD_ENV="MISSPELT")
    assert "MCP_CHILD_ENV=MISSPELT: there is no such variable" in ended.stderr


def test_an_env_file_gives_the_child_its_variables(tmp_path):
    (tmp_path / "env").write_text(
        "MCP_COMMAND=sh -c 'echo the child has $COLOUR >&2; exit 1'\nMCP_CHILD_ENV_COLOUR=blue\n"
    )
    ended = run("--port", "0", script=ADAPTER, MCP_ENV_FILE=str(tmp_path / "env"))
    assert "the child has blue" in ended.stderr


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["python", "server.py"], "python server.py"),
        (["python", "server.py", "postgres://ann:geheim@db"], "python server.py ..."),
        (["env", "PGPASSWORD=geheim", "node"], "env ..."),
        (["npx", "-y", "x"], "npx ..."),
    ],
)
def test_of_a_command_nothing_is_said_that_could_be_secret(command, said):
    assert shown(command) == said


def test_the_verbs_print_json_and_errors_in_one_line(tmp_path):
    (tmp_path / "server.py").write_text("import mcp\n")
    found = run("detect", str(tmp_path / "server.py"), script=ADAPTER)
    assert json.loads(found.stdout)["runtime"] == "python"
    wrong = run("detect", str(tmp_path / "nothing.py"), script=ADAPTER)
    assert (wrong.returncode, wrong.stdout, len(wrong.stderr.splitlines())) == (1, "", 1)
