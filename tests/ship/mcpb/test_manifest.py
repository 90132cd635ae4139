"""What a manifest must say before anything of its bundle is run."""

import json
import sys

import pytest

from ship.mcpb.errors import BundleError
from ship.mcpb.load import manifest as reading
from ship.mcpb.load.manifest import Command, read_bundle
from tests.ship.mcpb.support import manifest

PYTHON = "3.13.7"


@pytest.fixture
def read(tmp_path):
    """Read a folder with one server.py and this manifest, or this text in its place."""

    def read(said):
        (tmp_path / "server.py").touch()
        (tmp_path / "src").mkdir(exist_ok=True)
        (tmp_path / "src" / "server.py").touch()
        if said is not None:
            text = said if isinstance(said, str | bytes) else json.dumps(said)
            (tmp_path / "manifest.json").write_bytes(text.encode() if isinstance(text, str) else text)
        return read_bundle(tmp_path, PYTHON)

    return read


@pytest.fixture
def refused(read):
    def refused(said):
        with pytest.raises(BundleError) as caught:
            read(said)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 500
        return str(caught.value)

    return refused


@pytest.mark.parametrize("version", ["0.1", "0.2", "0.3", "0.4"])
def test_manifests_of_each_version_are_read(read, version):
    bundle = read(manifest(entry_point="src/server.py", manifest_version=version, icon="x.png", tools=[{"name": "x"}]))
    assert (bundle.called, bundle.manifest.server.type) == ("toy 1.0.0", "python")
    assert bundle.entry_point.name == "server.py"


def test_a_bundle_without_a_manifest_is_refused(refused):
    assert refused(None) == "the bundle has no manifest.json in its topmost folder"


@pytest.mark.parametrize("text", ["", "{", "\ufeff{", b"\xff\xfe{}", "[" * 100_000, '{"name": "x" "version": 1}'])
def test_a_manifest_that_is_no_json_is_refused(refused, text):
    assert "manifest.json is no JSON in UTF-8" in refused(text)


def test_a_manifest_without_end_is_refused(refused, monkeypatch):
    monkeypatch.setattr(reading, "MOST_BYTES", 100)
    assert refused(manifest()) == "manifest.json is longer than 100 bytes"


def server(**changes):
    return {"server": manifest()["server"] | changes}


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ([], "all of it: expected a valid dictionary"),
        ({}, "name: expected it, and it is not there"),
        ({"name": ""}, "name: expected pattern"),
        ({"name": "a\x1b[2Jb"}, "name: expected pattern"),
        ({"version": 1}, "version: expected a valid string"),
        ({"server": {}}, "server.type: expected it, and it is not there"),
        (server(type="docker"), "server.type: expected 'python', 'node', 'uv' or 'binary'"),
        (server(mcp_config={"command": ""}), "server.mcp_config.command: expected"),
        (server(mcp_config={"command": "a\0b"}), "server.mcp_config.command: expected"),
        (server(mcp_config={"command": "a", "args": "-x"}), "server.mcp_config.args: expected"),
        (server(mcp_config={"command": "a", "args": [1]}), "server.mcp_config.args.0: expected a valid string"),
        (server(mcp_config={"command": "a", "env": {"A=B": "x"}}), "server.mcp_config.env"),
        (server(mcp_config={"command": "a", "env": {"A": "x\0"}}), "server.mcp_config.env"),
        ({"user_config": {"key": {"type": "password"}}}, "user_config.key.type: expected"),
        ({"user_config": []}, "user_config: expected"),
        *(
            (server(entry_point=path), "expected a file of the bundle")
            for path in ("", ".", "src", "no.py", "/etc/passwd")
        ),
        *(
            (server(entry_point=path), "expected a file of the bundle")
            for path in ("src/../server.py", "../x", "a\nb", "x" * 300, "a/" * 3000)
        ),
    ],
)
def test_a_manifest_that_does_not_say_what_is_needed_is_refused(refused, said, reason):
    assert reason in refused(said if said in ([], {}) else manifest() | said)


def test_a_bundle_for_another_platform_is_refused(read, refused):
    assert read(manifest(compatibility={"platforms": [sys.platform, "win32"]}))
    other = "win32" if sys.platform != "win32" else "linux"
    assert f"the bundle is for {other}, and this is {sys.platform}" in refused(
        manifest(compatibility={"platforms": [other]})
    )


@pytest.mark.parametrize("wanted", ["", ">=3.10", ">=3.10,<4", ">=3.10 <4", "3.x", "==3.13.*", "^3.10"])
def test_a_bundle_for_this_python_or_that_does_not_say_clearly_for_which_is_read(read, wanted):
    assert read(manifest(compatibility={"runtimes": {"python": wanted}}))


def test_a_python_of_which_nothing_can_be_read_is_not_asked_for(read):
    assert read(manifest(compatibility={"runtimes": {"python": "==" + "1" * 5000}}))


@pytest.mark.parametrize("wanted", [">=3.14", "<3.13", ">=3.10 <3.13", "==3.12.*"])
def test_a_bundle_for_another_python_is_refused(read, refused, wanted):
    said = manifest(compatibility={"runtimes": {"python": wanted}})
    assert refused(said) == f"the bundle is for Python {wanted}, and this is {PYTHON}"
    assert read(said | {"server": manifest("uv")["server"]})  # which gets itself another one


@pytest.mark.parametrize(
    ("override", "program", "args", "env"),
    [
        ({"command": "x"}, "x", ("b",), {"C": "d"}),
        ({"args": ["y"], "env": {"E": "f"}}, "a", ("y",), {"C": "d", "E": "f"}),
        ({"args": [], "env": {"C": "g"}}, "a", (), {"C": "g"}),
        ({}, "a", ("b",), {"C": "d"}),
    ],
)
def test_a_platform_can_be_started_otherwise(read, override, program, args, env):
    config = {"command": "a", "args": ["b"], "env": {"C": "d"}, "platform_overrides": {sys.platform: override}}
    assert read(manifest() | server(mcp_config=config)).manifest.server.mcp_config.here() == Command(program, args, env)
