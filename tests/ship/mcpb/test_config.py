"""The placeholders of a manifest, and what users configure."""

from pathlib import Path

import pytest

from ship.mcpb.errors import BundleError
from ship.mcpb.load.config import fill_in, variable
from ship.mcpb.load.manifest import Bundle, Command, Manifest
from tests.ship.mcpb.support import manifest

FOLDER = Path("/tmp/bundle")
OPTIONS = {
    "api-key": {"type": "string", "required": True, "sensitive": True},
    "folders": {"type": "directory", "multiple": True, "default": ["/a", "/b"]},
    "verbose": {"type": "boolean", "default": False},
    "limit": {"type": "number", "min": 1, "max": 9.5, "default": 3},
    "region": {"type": "string"},
}


def filled(*args, env=None, options=OPTIONS, **environ):
    said = Manifest.model_validate(manifest(user_config=options))
    environ = {"HOME": "/home/ann", "USER_CONFIG_API_KEY": "k", **environ}
    done = fill_in(Bundle(FOLDER, said), Command("x", args, env or {}), environ)
    return done.env if env else list(done.args)


def refused(options=OPTIONS, **environ):
    with pytest.raises(BundleError) as caught:
        filled(options=options, **environ)
    assert "hunter2" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("${__dirname}/server.py", ["/tmp/bundle/server.py"]),
        ("${__dirname}${/}a${pathSeparator}b", ["/tmp/bundle/a/b"]),
        (
            "${HOME}:${DESKTOP}:${DOCUMENTS}:${DOWNLOADS}",
            ["/home/ann:/home/ann/Desktop:/home/ann/Documents:/home/ann/Downloads"],
        ),
        ("--key=${user_config.api-key}", ["--key=k"]),
        ("${user_config.folders}", ["/a", "/b"]),
        ("--folders=${user_config.folders}", ["--folders=/a,/b"]),
        ("${user_config.verbose}", ["false"]),
        ("${user_config.limit}", ["3"]),
        ("${user_config.region}", []),
        ("--region=${user_config.region}", ["--region="]),
        ("${user_config.unknown}", []),
        ("${PATH} $HOME ${not closed", ["${PATH} $HOME ${not closed"]),
        ("plain", ["plain"]),
        ("", [""]),
    ],
)
def test_a_placeholder_in_an_argument_is_filled_in(word, expected):
    assert filled(word) == expected


def test_what_is_configured_goes_before_the_default():
    given = {"USER_CONFIG_FOLDERS": "/x, /y,", "USER_CONFIG_VERBOSE": "TRUE", "USER_CONFIG_LIMIT": "9.5"}
    words = [f"${{user_config.{key}}}" for key in ("folders", "verbose", "limit")]
    assert filled(*words, **given, USER_CONFIG_REGION="") == ["/x", "/y", "true", "9.5"]


def test_a_list_can_be_json():
    assert filled("${user_config.folders}", USER_CONFIG_FOLDERS='["/a,b", "c"]') == ["/a,b", "c"]


@pytest.mark.parametrize(
    ("default", "expected"),
    [
        ("${HOME}/x", ["/home/ann/x"]),
        (["${DOCUMENTS}", "${user_config.y}"], ["/home/ann/Documents", ""]),
        (1234567.5, ["1234567.5"]),
        (3.0, ["3"]),
        (True, ["true"]),
        ("", []),
        ([], []),
    ],
)
def test_a_default_is_text_in_which_places_are_filled_in(default, expected):
    assert filled("${user_config.x}", options={"x": {"type": "string", "default": default}}) == expected


def test_what_is_filled_in_is_not_looked_through_again():
    environ = {"USER_CONFIG_API_KEY": "${__dirname}${user_config.region}"}
    assert filled("${user_config.api-key}", "x${user_config.api-key}", **environ) == [
        "${__dirname}${user_config.region}",
        "x${__dirname}${user_config.region}",
    ]


def test_a_variable_of_which_nothing_is_known_is_left_out():
    env = {"KEY": "${user_config.api-key}", "REGION": "${user_config.region}", "ALL": "${user_config.folders}"}
    assert filled(env=env) == {"KEY": "k", "ALL": "/a,/b"}


def test_what_is_required_and_missing_is_named():
    options = OPTIONS | {"other one": {"type": "file", "required": True}}
    said = "USER_CONFIG_API_KEY, USER_CONFIG_OTHER_ONE: expected a value, without which the bundle does not run"
    assert refused(options, USER_CONFIG_API_KEY="") == said


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("USER_CONFIG_VERBOSE", "hunter2", "expected true or false"),
        ("USER_CONFIG_LIMIT", "hunter2", "expected a number from 1 up to 9.5"),
        ("USER_CONFIG_LIMIT", "0.9", "expected a number from 1 up to 9.5"),
        ("USER_CONFIG_LIMIT", "10", "expected a number from 1 up to 9.5"),
        ("USER_CONFIG_LIMIT", "nan", "expected a number from 1 up to 9.5"),
        ("USER_CONFIG_FOLDERS", '["hunter2"', "expected a JSON list of strings"),
        ("USER_CONFIG_FOLDERS", "[1]", "expected a JSON list of strings"),
        ("USER_CONFIG_FOLDERS", "[" * 100_000, "expected a JSON list of strings"),
    ],
)
def test_what_does_not_fit_is_named_and_not_shown(name, value, reason):
    assert refused(**{name: value}).startswith(f"{name}: {reason}")


def test_a_default_that_does_not_fit_is_refused_as_well():
    assert "USER_CONFIG_X: expected a number" in refused({"x": {"type": "number", "default": "many"}})


@pytest.mark.parametrize("key", ["api-key", "api.key", "api key", "API_KEY"])
def test_a_key_is_a_variable_in_capitals(key):
    assert variable(key) == "USER_CONFIG_API_KEY"


@pytest.mark.parametrize(
    ("word", "default"),
    [
        ("${user_config.x}" * 25_000, "x" * 100_000),
        ("${user_config.x}", "x" * 200_000),
        ("${user_config.x}", ["x" * 10] * 50_000),
        ("x" * 200_000, ""),
    ],
)
def test_a_manifest_that_would_make_a_command_without_end_is_refused(word, default):
    said = {"x": {"type": "string", "default": default}}
    for args, env in (([word] * 10, None), ([], {"X": word, "Y": word})):
        with pytest.raises(BundleError, match="its command is longer than"):
            filled(*args, env=env, options=said)


@pytest.mark.parametrize("default", ["a\0b", "\ud800"])
def test_a_default_that_no_command_can_have_is_refused(default):
    with pytest.raises(BundleError, match="has a character that none can have"):
        filled("${user_config.x}", options={"x": {"type": "string", "default": default}})
