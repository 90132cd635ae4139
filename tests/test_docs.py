"""What README.md and docs/ say is true."""

import json
import re
import shlex
import subprocess
from typing import Any, cast

import httpx2
import pytest
from fastmcp import Context, FastMCP

from serving.settings import Settings
from serving.sources import default_text
from tests.pages import PAGES, blocks
from tests.support import ROOT, SERVER, Server, environment, serving

DOCS = "".join(page.read_text() for page in PAGES)
ABOUT_EXAMPLES = ("/mcp/execute", "/mcp/resource/")
"""Questions about example tools, which somebody may have deleted: tests/tools/ asks them."""
MAKEFILES = "".join(
    file.read_text() for pattern in ("Makefile", "*/*.mk", "*/*/*.mk") for file in sorted(ROOT.glob(pattern))
)
VERBS = set(re.findall(r"^([a-z-]+):.*## ", MAKEFILES, re.MULTILINE))


def rows(page: str) -> list[list[str]]:
    """The rows of the one table of a page."""
    lines = [line.strip("|").split("|") for line in (ROOT / page).read_text().splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line] for line in lines[2:]]


def test_every_verb_is_explained_and_every_explained_verb_exists():
    shown = re.findall(r"^make ([a-z-]+)", blocks("sh"), re.MULTILINE)
    assert {*shown, *re.findall(r"`make ([a-z-]+)", DOCS)} == VERBS
    assert set(re.findall(r"`make ([a-z-]+)", (ROOT / "AGENTS.md").read_text())) <= VERBS


def test_make_alone_lists_the_verbs():
    listed = subprocess.run(["make"], cwd=ROOT, env=environment(), capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^  ([a-z-]+) ", listed, re.MULTILINE)) == VERBS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if not target.startswith("https://"):
            assert (page.parent / target).exists(), target


def test_the_settings_are_those_that_exist():
    expected = [[name, default_text(field), field.description] for name, field in Settings.model_fields.items()]
    assert rows("docs/settings.md") == expected


def questions() -> list[tuple[str, object]]:
    """What the docs ask with curl: the path, and the JSON that is sent along, if any."""
    found = []
    for line in blocks("sh").splitlines():
        if line.startswith("curl "):
            _, *option, url = shlex.split(line)
            assert option[:1] in ([], ["--json"])
            found.append((url.removeprefix("http://127.0.0.1:8000"), json.loads(option[1]) if option else None))
    return found


def ask(server: Server, path: str, body: object) -> httpx2.Response:
    return httpx2.post(server.base + path, json=body) if body else httpx2.get(server.base + path)


def test_the_questions_get_answers():
    general = [question for question in questions() if not question[0].startswith(ABOUT_EXAMPLES)]
    assert len(general) > 5
    with serving(script=SERVER) as server:
        for question in general:
            assert ask(server, *question).raise_for_status().json()


def test_the_protected_server_lets_in_who_has_the_token_that_was_made():
    [line] = [line for line in blocks("sh").splitlines() if line.startswith("MCP_AUTH=")]
    assert "export TOKEN=$(openssl rand -hex 32)\n" in blocks("sh")
    token = "0123456789abcdef" * 4  # as long as what openssl makes
    words = shlex.split(line.replace("$TOKEN", token))
    variables = dict(word.split("=", 1) for word in words if word.startswith("MCP_"))
    with serving(script=SERVER, **variables) as server:
        assert httpx2.get(f"{server.base}/mcp/tools").status_code == 401
        assert httpx2.get(f"{server.base}/mcp/tools", headers={"authorization": f"Bearer {token}"}).is_success


def test_every_proof_of_our_security_is_a_test():
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "security.md").read_text()))
    tests = "".join(file.read_text() for file in (ROOT / "tests").rglob("test_*.py"))
    assert named - set(re.findall(r"def (test_\w+)", tests)) == set()


def test_what_is_said_to_be_gone_from_fastmcp_is_gone_and_what_came_is_there():
    still_there, build = {"run", "tool", "custom_route"}, cast("Any", FastMCP)
    for before, now, _ in rows("docs/from-older-fastmcp.md"):
        if "FastMCP(" in before:
            for argument in re.findall(r"(\w+)=", before):
                with pytest.raises(TypeError, match=argument):
                    build("older", **{argument: None})
        for owner, name in re.findall(r"(mcp|FastMCP|ctx)\.(\w+)", before.replace("mcp.server", "")):
            assert (name in still_there) == hasattr(Context if owner == "ctx" else FastMCP, name), name
        for name in re.findall(r"`mcp\.(\w+)", now):
            assert hasattr(FastMCP, name), name
