"""What README.md says is true."""

import re
import subprocess

import httpx2

from serving.identity import read_identity
from serving.settings import Settings
from serving.sources import default_text
from tests.support import ROOT, SERVER, environment, serving

README = (ROOT / "README.md").read_text()
VERBS = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def rows(heading: str) -> list[list[str]]:
    """The rows of the table below a heading."""
    section = README.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line] for line in lines[2:]]


def test_the_first_line_is_the_name():
    assert README.startswith(f"# {read_identity().name}\n")


def test_every_verb_is_explained_and_every_explained_verb_exists():
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE)) == VERBS
    assert set(re.findall(r"`make ([a-z-]+)", (ROOT / "AGENTS.md").read_text())) <= VERBS


def test_make_alone_lists_the_verbs():
    listed = subprocess.run(["make"], cwd=ROOT, env=environment(), capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^  ([a-z-]+) ", listed, re.MULTILINE)) == VERBS


def test_the_settings_are_those_that_exist():
    expected = [[name, default_text(field), field.description] for name, field in Settings.model_fields.items()]
    assert rows("Settings") == expected


def test_the_questions_get_answers():
    urls = re.findall(r"^curl (\S+)$", "".join(blocks("sh")), re.MULTILINE)
    assert urls
    with serving(script=SERVER) as server:
        for url in urls:
            assert httpx2.get(url.replace("http://127.0.0.1:8000", server.base)).raise_for_status().json()
