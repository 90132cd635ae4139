"""What registries are asked and answer: a small one in this process, and the real ones; npm and pip are real."""

import dataclasses
import json
import os
import sys

import pytest

from serving.errors import StartError
from ship.adapter.packages import lookups
from ship.adapter.packages.names import parse, resembling
from ship.adapter.packages.registries import check, is_server

pytestmark = pytest.mark.thorough

NPM_SDK = {"@modelcontextprotocol/sdk": "^1"}


@pytest.mark.parametrize(
    ("package", "runtime", "version", "near"),
    [
        ("weather@1.0.0", "npm", "1.0.0", None),
        ("weather@^1.0", "npm", "^1.0", None),
        ("weather@latest", "npm", "latest", None),
        ("weather@1.0.5", "npm", "1.0.5", ["weather@1.0.0", "weather@1.1.0"]),
        ("weather@^3", "npm", "^3", ["weather@2.0.0-rc.1", "weather@1.1.0"]),
        ("climate==1.0", "python", "1.0", None),
        ("climate@1.1", "python", "1.1", None),
        ("climate[x]>=1,!=1.1", "python", ">=1,!=1.1", None),
        ("climate==2.0rc1", "python", "2.0rc1", None),
        ("climate==1.0.5", "python", "1.0.5", ["climate==1.0", "climate==1.1"]),
        ("climate~=9.9", "python", "~=9.9", ["climate==2.0rc1", "climate==1.1"]),
    ],
)
def test_a_version_that_is_not_there_is_answered_with_the_nearest(registry, package, runtime, version, near):
    registry.npm["weather"], registry.pypi["climate"] = {}, "x"
    found = check(package)
    assert (found.runtime, found.version, found.exists) == (runtime, version, near is None)
    assert (found.near_misses, found.latest) == (near or [], "1.1.0" if runtime == "npm" else "1.1")


@pytest.mark.parametrize(("runtime", "registry_name"), [("npm", "npm"), ("python", "PyPI")])
def test_a_registry_that_fails_is_not_taken_for_one_without_the_package(registry, runtime, registry_name):
    registry.status = 403
    with pytest.raises(StartError, match=rf"^MCP_PACKAGE=x: expected an answer from {registry_name}: .*403") as refused:
        check("x", runtime)
    assert "secret" not in str(refused.value)


def test_a_package_of_the_other_runtime_is_refused():
    with pytest.raises(
        StartError, match=r"^MCP_PACKAGE=@a/b: expected a PyPI package: .*, as MCP_RUNTIME=python says$"
    ):
        check("@a/b", "python")
    with pytest.raises(StartError, match=r"^MCP_RUNTIME=ruby: expected npm or python$"):
        check("x", "ruby")


@pytest.mark.parametrize("runtime", ["npm", "python"])
def test_a_registry_that_is_not_there_is_not_taken_for_one_without_the_package(registry, monkeypatch, runtime):
    monkeypatch.setenv("PIP_INDEX_URL", "http://me:secret@127.0.0.1:9/pypi")
    monkeypatch.setenv("npm_config_registry", "http://me:secret@127.0.0.1:9/npm")
    with pytest.raises(StartError, match=r"^MCP_PACKAGE=x: expected an answer from .*: .*(refused|REFUSED)") as refused:
        check("x", runtime)
    assert "secret" not in str(refused.value)


def test_a_registry_that_never_answers_is_given_up(tmp_path, monkeypatch):
    npm = tmp_path / "npm"
    npm.write_text(f"#!{sys.executable}\nimport signal\nsignal.pause()\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(lookups, "SECONDS", 0.5)
    with pytest.raises(StartError, match=r"^MCP_PACKAGE=x: expected an answer from npm: nothing came within 0.5 s$"):
        check("x", "npm")


def test_a_pip_of_the_working_directory_is_not_run(registry, tmp_path, monkeypatch):
    (tmp_path / "pip.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    registry.pypi["climate"] = "x"
    assert check("climate", "python").exists
    assert not (tmp_path / "ran").exists()


def test_npm_and_pip_see_no_secrets_of_ours(registry, tmp_path, monkeypatch):
    npm = tmp_path / "npm"
    answer = "json.dumps({'versions': sorted(os.environ)} if 'versions' in sys.argv else None)"
    npm.write_text(f"#!{sys.executable}\nimport json, os, sys\nprint({answer})\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert check("x@PATH", "npm").exists
    for name in ("MCP_AUTH_TOKENS", "API_KEY"):
        monkeypatch.setenv(name, "secret")
        assert not check(f"x@{name}", "npm").exists


@pytest.mark.parametrize(
    ("npm", "is_one"),
    [
        ({"bin": {"x": "x.js"}, "dependencies": NPM_SDK}, True),
        ({"bin": "x.js", "peerDependencies": {"fastmcp": "*"}}, True),
        ({"dependencies": NPM_SDK}, False),
        ({"bin": {"x": "x.js"}}, False),
        ({}, False),
    ],
)
def test_a_server_on_npm_has_a_program_and_depends_on_an_sdk(registry, npm, is_one):
    registry.npm["weather"] = npm
    assert is_server(parse("weather"), "npm") is is_one
    assert is_server(parse("weather@^1"), "npm") is is_one


@pytest.mark.parametrize(
    ("requires", "is_one"), [("FastMCP>=1", True), ("mcp[cli]", True), ("mcp; extra == 'x'", False), ("mcpx", False)]
)
def test_a_server_on_pypi_depends_on_an_sdk(registry, requires, is_one):
    registry.pypi["climate"] = requires
    assert is_server(parse("climate@1.0"), "python") is is_one
    assert is_server(parse("climate==9"), "python") is None


def test_a_name_in_both_registries_leaves_the_runtime_open_unless_one_has_the_version(registry):
    registry.npm["weather"], registry.pypi["weather"] = {}, "x"
    assert (check("weather").runtime, check("weather").exists) == ("", True)
    assert (check("weather@0.9.0").runtime, check("weather@1.0.0").runtime) == ("npm", "")
    lost = check("weather@7")
    assert (lost.runtime, lost.exists, lost.latest) == ("", False, None)
    assert lost.near_misses == ["weather@2.0.0-rc.1", "weather@1.1.0", "weather==2.0rc1", "weather==1.1"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("mcp-server-tmie", "mcp-server-time"),
        ("mcp_server_fetch", "mcp-server-fetch"),
        ("memory-mcp", "@modelcontextprotocol/server-memory"),
        ("server-filesytem", "@modelcontextprotocol/server-filesystem"),
        ("@modelcontextprotocol/sequentialthinking", "@modelcontextprotocol/server-sequential-thinking"),
        ("playwrite-mcp", "@playwright/mcp"),
        ("left-pad", None),
    ],
)
def test_a_misspelt_name_resembles_what_is_well_known(typed, meant):
    assert next((name for _, name in resembling(typed)), None) == meant


def test_the_real_registries_know_real_servers():
    memory = check("@modelcontextprotocol/server-memory")
    assert (memory.runtime, memory.exists) == ("npm", True)
    time = check("mcp-server-time")
    assert (time.runtime, time.exists) == ("python", True)
    assert json.loads(json.dumps(dataclasses.asdict(time)))["latest"]
    assert is_server(parse("@modelcontextprotocol/server-memory"), "npm")
    assert is_server(parse("mcp-server-time"), "python")


def test_the_real_registries_answer_a_misspelt_version_with_the_nearest():
    found = check("mcp-server-time==2025.7.2")
    assert (found.exists, found.near_misses[:2]) == (False, ["mcp-server-time==2025.7.1", "mcp-server-time==2025.8.4"])
    found = check("@modelcontextprotocol/server-memory@0.6.3")
    assert (found.exists, found.near_misses[0]) == (False, "@modelcontextprotocol/server-memory@0.6.2")


def test_the_real_registries_answer_a_misspelt_name_with_the_right_one():
    found = check("@modelcontextprotocol/server-memroy")
    assert (found.runtime, found.exists, found.near_misses) == ("npm", False, ["@modelcontextprotocol/server-memory"])
