"""`python -m ship.adapter fly`: a fly.toml that says all that is to be known, and no secret."""

import os
import re
import tomllib
from pathlib import Path

import pytest

from serving.errors import StartError
from serving.settings import Settings
from serving.stop import CLEANUP_SECONDS
from ship.adapter.fly import MOST_SECONDS, PORT, fly, fly_toml
from ship.adapter.settings import AdapterSettings
from tests.support import ROOT, run

TIME = {"MCP_RUNTIME": "python", "MCP_PACKAGE": "mcp-server-time==2025.9.25"}
MINE = "hunter2-correct-horse"


def written(environ: dict[str, str]) -> str:
    return fly({"MCP_ENV_FILE": os.devnull, **environ})


def read(environ: dict[str, str]) -> dict:
    return tomllib.loads(written(environ))


def to_set(environ: dict[str, str]) -> set[str]:
    """Return what the file asks its reader to set as a secret."""
    return set(re.findall(r"^# fly secrets set (\w+)=\.\.\.$", written(environ), re.MULTILINE))


def test_the_package_is_put_into_the_image_and_run():
    found = read(TIME)
    assert found["app"] == "mcp-server-time"
    assert found["build"] == {"dockerfile": "ship/adapter/Dockerfile", "args": TIME}
    assert (ROOT / found["build"]["dockerfile"]).is_file()
    assert found["env"].items() >= TIME.items()


def test_a_command_is_run_as_it_was_written():
    found = read({"MCP_COMMAND": "npx -y '@acme/x y'"})
    assert found["build"] == {"dockerfile": "ship/adapter/Dockerfile"}
    assert found["env"]["MCP_COMMAND"] == "npx -y '@acme/x y'"
    assert found["env"]["MCP_RUNTIME"] == "custom"


def test_a_package_whose_form_says_where_it_is_from_needs_no_runtime():
    assert read({"MCP_PACKAGE": "@acme/x@1.2"})["build"]["args"] == {"MCP_RUNTIME": "npm", "MCP_PACKAGE": "@acme/x@1.2"}


def test_it_is_reached_over_https_at_its_own_name_and_asked_for_both_probes():
    found = read(TIME)
    service = found["http_service"]
    assert service["internal_port"] == PORT == Settings.model_fields["port"].default
    assert f"\nEXPOSE {PORT}\n" in (ROOT / "ship" / "adapter" / "Dockerfile").read_text()
    assert service["force_https"] is True
    assert [check["path"] for check in service["checks"]] == ["/health", "/ready"]
    assert found["env"]["MCP_PUBLIC_URL"] == f"https://{found['app']}.fly.dev"


def test_a_machine_is_not_stopped_while_nobody_calls():
    service = read(TIME)["http_service"]
    assert (service["auto_stop_machines"], service["min_machines_running"]) == ("off", 1)


@pytest.mark.parametrize(("delay", "drain"), [("", ""), ("5", "60.5")])
def test_a_machine_may_take_longer_to_leave_than_the_server_does(delay, drain):
    found = read({**TIME, "MCP_DRAIN_DELAY": delay, "MCP_DRAIN_SECONDS": drain})
    assert found["kill_signal"] == "SIGTERM"
    assert found["kill_timeout"] > float(delay or 0) + float(drain or 30) + 2 * CLEANUP_SECONDS


def test_settings_are_passed_on_but_for_those_of_this_machine():
    environ = {"MCP_RATE_LIMIT": "60", "MCP_LOG_LEVEL": "debug", "MCP_PUBLIC_URL": "https://mcp.example.com"}
    elsewhere = {"MCP_HOST": "127.0.0.1", "MCP_PORT": "9000", "MCP_INSTALL_DIR": "/home/ann", "MCP_TIMEOUT": "10000"}
    found = read({**TIME, **environ, **elsewhere, "PORT": "9000", "HOME": "/home/ann"})
    assert found["env"] == {**TIME, **environ, "MCP_AUTH": "token"}


def test_what_the_whole_internet_can_reach_asks_for_a_token_unless_it_is_said_otherwise():
    assert read(TIME)["env"]["MCP_AUTH"] == "token"
    assert to_set(TIME) == {"MCP_AUTH_TOKENS"}
    assert to_set({**TIME, "MCP_AUTH": "none"}) == set()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MCP_AUTH_TOKENS", MINE),
        ("MCP_REQUEST_STATE_KEYS", MINE),
        ("MCP_AUTH_KEY", MINE),
        ("MCP_ARGS", f"--password {MINE}"),
        ("MCP_CHILD_ENV_HARMLESS", MINE),
        ("MCP_CHILD_ENV_API_KEY", MINE),
        ("MCP_AUTH_ISSUER", f"https://ann:{MINE}@auth.example.com"),
        ("MCP_AUTH_AUDIENCE", "a1B2c3D4e5F6g7H8i9J0"),
    ],
)
def test_a_secret_is_named_and_not_written(name, value):
    text = written({**TIME, name: value})
    assert name in to_set({**TIME, name: value})
    assert name not in tomllib.loads(text)["env"]
    assert value not in text
    assert MINE not in text


@pytest.mark.parametrize(
    "credential",
    [
        f"--token={MINE}",
        f"--token {MINE}",
        f"--api-key {MINE}",
        f"API_KEY={MINE}",
        f"https://ann:{MINE}@example.com/mcp",
        f"--header 'Authorization: Bearer {MINE}'",
        "ghp_abcdefgh",
        "sk-live-abc",
        "eyJhbGciOiJIUzI1NiJ9.e30.abc",
        "0123456789abcdef0123456789abcdef",
        "--x=QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
    ],
)
def test_a_command_with_a_credential_in_it_is_a_secret(credential):
    environ = {"MCP_COMMAND": f"npx -y mcp-remote {credential}"}
    text = written(environ)
    assert "MCP_COMMAND" in to_set(environ)
    assert "MCP_COMMAND" not in tomllib.loads(text)["env"]
    assert credential not in text
    assert "mcp-remote" not in text


@pytest.mark.parametrize(
    "command",
    [
        "npx -y @modelcontextprotocol/server-everything@2026.1.26",
        "uvx --from git2mcp server --root /var/lib/some-folder2/with-a-name",
        "python -m my_server_of_the_house",
    ],
)
def test_an_ordinary_command_is_none(command):
    assert read({"MCP_COMMAND": command})["env"]["MCP_COMMAND"] == command


def test_what_the_child_may_see_is_to_be_set_too():
    environ = {**TIME, "MCP_CHILD_ENV": "GITHUB_TOKEN,AWS_S3_SECRET_ACCESS_KEY", "GITHUB_TOKEN": MINE}
    assert to_set(environ) == {"MCP_AUTH_TOKENS", "GITHUB_TOKEN", "AWS_S3_SECRET_ACCESS_KEY"}
    assert read(environ)["env"]["MCP_CHILD_ENV"] == "GITHUB_TOKEN,AWS_S3_SECRET_ACCESS_KEY"


HOSTILE = [
    '"',
    "\\",
    "'''",
    '"""',
    "a\nb\r\n[env]\nx = 1",
    "\t\x01\x1f\x7f",
    "ü ✓ 🌦",
    "{0} {name}",
    "#",
    "\u2028\u0085",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_any_text_is_read_as_it_was_meant(value):
    found = read({"MCP_COMMAND": f"npx {value} x", "MCP_CWD": value, "MCP_AUTH_AUDIENCE": value})
    assert found["env"]["MCP_COMMAND"] == f"npx {value} x"
    assert found["env"]["MCP_CWD"] == found["env"]["MCP_AUTH_AUDIENCE"] == value
    assert found.keys() == {"app", "kill_signal", "kill_timeout", "build", "env", "http_service", "vm"}


def test_a_variable_that_nothing_can_be_called_writes_nothing():
    environ = {**TIME, "MCP_CHILD_ENV_X\nmalicious = 1": "1", "MCP_CHILD_ENV_ü": "1", "MCP_CHILD_ENV_": "1"}
    assert to_set(environ) == {"MCP_AUTH_TOKENS"}
    assert "malicious" not in written(environ)


@pytest.mark.parametrize(
    ("package", "app"),
    [
        ("@modelcontextprotocol/server-memory@1.2", "mcp-server-memory"),
        ("@acme/weather", "mcp-weather"),
        ("Some.Python_mcp[extra]>=1", "some-python-mcp"),
        (f"mcp-{'x' * 58}-longer", f"mcp-{'x' * 58}"),
    ],
)
def test_an_app_is_called_as_the_package_as_far_as_it_may(package, app):
    assert read({"MCP_PACKAGE": package, "MCP_RUNTIME": "npm" if "/" in package else "python"})["app"] == app


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "MCP_PACKAGE: expected"),
        ({**TIME, "MCP_COMMAND": "x"}, "MCP_PACKAGE: expected"),
        ({"MCP_COMMAND": "  "}, "MCP_PACKAGE: expected"),
        ({**TIME, "MCP_PACKAGE": "https://example.com/x.tgz"}, "MCP_PACKAGE=https://example.com/x.tgz: expected"),
        ({**TIME, "MCP_PACKAGE": 'x"\n[env]'}, "MCP_PACKAGE="),
        ({**TIME, "MCP_RUNTIME": "custom"}, "MCP_RUNTIME=custom: expected"),
        ({**TIME, "MCP_TRANSPORT": "stdio"}, "MCP_TRANSPORT=stdio: expected http or sse"),
        ({**TIME, "MCP_RATE_LIMIT": "many"}, "MCP_RATE_LIMIT=many: expected"),
        ({**TIME, "MCP_CWD": "\udcff"}, "MCP_CWD: expected UTF-8"),
        ({**TIME, "MCP_DRAIN_SECONDS": "290"}, f"MCP_DRAIN_SECONDS=290: expected at most {MOST_SECONDS - 15}"),
    ],
)
def test_what_cannot_be_run_there_is_refused_in_one_line(environ, said):
    with pytest.raises(StartError, match=f"^{re.escape(said)}") as refused:
        written(environ)
    assert "\n" not in str(refused.value)


def test_a_drain_that_is_just_short_enough_is_not():
    assert read({**TIME, "MCP_DRAIN_SECONDS": "285"})["kill_timeout"] == MOST_SECONDS


def test_every_setting_can_be_said():
    for name in AdapterSettings.model_fields:
        assert tomllib.loads(fly_toml("npm", "x", "", {"MCP_ENV_FILE": os.devnull, f"MCP_{name.upper()}": ""}))


def test_the_command_line_prints_it():
    done = run("ship.adapter", "fly", script=Path("-m"), MCP_RUNTIME="npm", MCP_PACKAGE="@acme/x")
    assert (done.returncode, done.stderr) == (0, "")
    assert tomllib.loads(done.stdout)["build"]["args"] == {"MCP_RUNTIME": "npm", "MCP_PACKAGE": "@acme/x"}


def test_the_command_line_says_in_one_line_what_is_missing():
    done = run("ship.adapter", "fly", script=Path("-m"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "adapter: MCP_PACKAGE: expected the name of an npm or PyPI package, or else MCP_COMMAND"
    ]
