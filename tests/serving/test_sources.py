"""Where a setting comes from, and what is said when it does not fit."""

import re

import pytest
from pydantic import Field, SecretStr

from serving.errors import SettingsError
from serving.settings import Settings
from serving.sources import load_settings, near_misses
from tests.support import ROOT, run


@pytest.fixture
def env_file(tmp_path):
    path = tmp_path / ".env"
    path.touch()
    return path


def load(env_file, *argv: str, **environ: str) -> Settings:
    return load_settings(Settings, argv, {"MCP_ENV_FILE": str(env_file), **environ})


def test_defaults_are_those_that_the_readme_states(env_file):
    settings = load(env_file)
    assert (settings.transport, settings.host, settings.port, settings.path) == ("http", "127.0.0.1", 8000, "/mcp")
    assert (settings.stateless, settings.json_response, settings.log_level) == (True, False, "info")


def test_the_command_line_beats_our_name_beats_another_spelling_beats_the_env_file(env_file):
    env_file.write_text("MCP_PORT=1\n")
    assert load(env_file).port == 1
    assert load(env_file, PORT="2").port == 2
    assert load(env_file, PORT="2", FASTMCP_PORT="3").port == 3
    assert load(env_file, PORT="2", FASTMCP_PORT="3", MCP_PORT="4").port == 4
    assert load(env_file, "--port", "5", PORT="2", FASTMCP_PORT="3", MCP_PORT="4").port == 5


@pytest.mark.parametrize(
    ("key", "value", "name", "expected"),
    [
        ("FASTMCP_TRANSPORT", "sse", "transport", "sse"),
        ("FASTMCP_TRANSPORT", "streamable-http", "transport", "http"),
        ("FASTMCP_HOST", "0.0.0.0", "host", "0.0.0.0"),  # noqa: S104
        ("FASTMCP_LOG_LEVEL", "WARNING", "log_level", "warning"),
        ("LOG_LEVEL", "debug", "log_level", "debug"),
        ("MCP_STATELESS", "no", "stateless", False),
        ("MCP_ALLOWED_HOSTS", "a.example, *.b.example,", "allowed_hosts", ("a.example", "*.b.example")),
    ],
)
def test_spellings_that_people_already_use_are_understood(env_file, key, value, name, expected):
    assert getattr(load(env_file, **{key: value}), name) == expected


def test_the_env_file_gives_only_our_own_names(env_file):
    env_file.write_text("PORT=1\nFASTMCP_HOST=10.0.0.1\nMCP_PATH=/tools\n")
    settings = load(env_file)
    assert (settings.port, settings.host, settings.path) == (8000, "127.0.0.1", "/tools")


def test_an_empty_variable_counts_as_not_set(env_file):
    assert load(env_file, MCP_PORT="", PORT="9").port == 9


@pytest.mark.parametrize(
    ("argv", "environ", "message"),
    [
        ((), {"MCP_PORT": "eighty"}, "MCP_PORT=eighty: expected a whole number from 0 to 65535"),
        ((), {"FASTMCP_PORT": "70000"}, "FASTMCP_PORT=70000: expected a whole number from 0 to 65535"),
        ((), {"PORT": "-1"}, "PORT=-1: expected a whole number from 0 to 65535"),
        ((), {"MCP_TRANSPORT": "grpc"}, "MCP_TRANSPORT=grpc: expected http, sse or stdio"),
        ((), {"LOG_LEVEL": "loud"}, "LOG_LEVEL=loud: expected debug, info, warning, error or critical"),
        ((), {"MCP_STATELESS": "maybe"}, "MCP_STATELESS=maybe: expected true or false"),
        ((), {"MCP_PORT": "80\n81"}, "MCP_PORT='80\\n81': expected a whole number from 0 to 65535"),
        ((), {"MCP_PATH": "mcp"}, "MCP_PATH=mcp: expected a value like /mcp"),
        (("--path", "/mcp/"), {}, "--path=/mcp/: expected a value like /mcp"),
        (("--host", ""), {}, "--host=: expected a value that is not empty"),
        (
            ("--port", "x"),
            {"MCP_LOG_FORMAT": "xml", "MCP_PORT": "80"},
            "--port=x: expected a whole number from 0 to 65535; MCP_LOG_FORMAT=xml: expected auto, text or json",
        ),
        (("--prot", "80"), {}, "--prot: no such option, did you mean --port? (--help lists every option)"),
        (("stdio",), {}, "stdio: no such option (--help lists every option)"),
        ((), {"MCP_ENV_FILE": "/no/such/file"}, "MCP_ENV_FILE=/no/such/file: expected a file that exists"),
        (("--port",), {}, "argument --port: expected one argument (--help lists every option)"),
    ],
)
def test_a_bad_value_is_named_with_its_key_and_what_was_expected(env_file, argv, environ, message):
    with pytest.raises(SettingsError) as error:
        load(env_file, *argv, **environ)
    assert str(error.value) == message


def test_an_env_file_that_is_no_text_is_named(env_file):
    env_file.write_bytes(b"\x85\xff")
    with pytest.raises(SettingsError, match=r"\.env: expected a text file that can be read \(UnicodeDecodeError\)"):
        load(env_file)


def test_a_variable_that_a_kubernetes_service_injects_is_recognized(env_file):
    with pytest.raises(SettingsError, match=r"MCP_PORT=tcp://10\.0\.0\.1:80: .*Service named mcp.*enableServiceLinks"):
        load(env_file, MCP_PORT="tcp://10.0.0.1:80")


def test_a_secret_is_never_quoted():
    class WithSecret(Settings):
        key: SecretStr = Field(SecretStr(""), max_length=3)

    with pytest.raises(SettingsError, match=r"^MCP_KEY: expected ") as error:
        load_settings(WithSecret, (), {"MCP_KEY": "hunter2"})
    assert "hunter2" not in str(error.value)


def test_a_near_miss_is_pointed_out_and_a_stranger_is_not(env_file):
    env_file.write_text("MCP_LOG_LEVL=debug\n")
    strangers = {"MCP_TIMEOUT": "1", "MCP_TOOL_TIMEOUT": "1", "MCP_SERVICE_PORT": "80", "PROT": "1"}
    environ = {"MCP_PROT": "80", "MCP_ENV_FILE": str(env_file), **strangers}
    assert list(near_misses(Settings, environ)) == [
        "MCP_LOG_LEVL is not a setting: did you mean MCP_LOG_LEVEL?",
        "MCP_PROT is not a setting: did you mean MCP_PORT?",
    ]


def test_help_lists_every_setting_with_its_default_and_its_names():
    text = " ".join(run("--help", COLUMNS="250").stdout.split())
    for name, field in Settings.model_fields.items():
        assert f"--{name.replace('_', '-')} {name.upper()}" in text
        assert str(field.description) in text
    assert "(default: 8000; MCP_PORT, FASTMCP_PORT, PORT)" in text


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"MCP_PORT": "eighty"}, "MCP_PORT=eighty: expected a whole number from 0 to 65535"),
        ({"FASTMCP_PORT": "eighty"}, "FASTMCP_PORT=eighty: expected a whole number from 0 to 65535"),
        ({"FASTMCP_PORT": "eighty", "MCP_PORT": "80"}, "FASTMCP_PORT=eighty: expected a valid integer"),
        ({"FASTMCP_STATELESS_HTTP": "perhaps"}, "FASTMCP_STATELESS_HTTP=perhaps: expected a valid boolean"),
        ({"FASTMCP_LOG_LEVEL": "loud"}, "FASTMCP_LOG_LEVEL=loud: expected debug, info, warning, error or critical"),
    ],
)
def test_a_bad_value_ends_the_start_with_status_2_and_one_line(tmp_path, variables, message):
    (tmp_path / ".env").write_text("MCP_PORT=1\nFASTMCP_PORT=not mine\nFASTMCP_LOG_LEVEL=not mine\n")
    result = run(cwd=tmp_path, **variables)
    assert (result.returncode, result.stdout) == (2, "")
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_foreign_working_directory_with_its_own_env_file_changes_nothing(tmp_path):
    (tmp_path / ".env").write_text("MCP_PORT=eighty\nFASTMCP_PORT=eighty\nFASTMCP_LOG_LEVEL=loud\n")
    result = run("--transport", "stdio", cwd=tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_a_key_for_a_tool_in_the_env_file_is_pointed_out(env_file):
    env_file.write_text("WEATHER_API_KEY=x\n")
    [hint] = near_misses(Settings, {"MCP_ENV_FILE": str(env_file)})
    assert hint == "WEATHER_API_KEY is not read from the env file, only MCP_ lines are: set it in the environment"


def test_the_example_env_file_names_every_setting_with_a_value_that_fits(env_file):
    lines = re.findall(r"^# (MCP_.+)$", (ROOT / ".env.example").read_text(), re.MULTILINE)
    env_file.write_text("\n".join(lines))
    assert [line.partition("=")[0] for line in lines] == [f"MCP_{name.upper()}" for name in Settings.model_fields]
    load(env_file)
