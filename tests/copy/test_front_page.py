"""README.md is the template's front page; what is made of it has another one."""

import re

from tests.pages import PAGES
from tests.support import ROOT

README = (ROOT / "README.md").read_text()
COPYS = (ROOT / "README.md.jinja").read_text()


def test_it_shows_this_very_file():
    for file in ROOT.glob("tools/text.py"):  # an example, which may have been deleted
        assert f"```python\n{file.read_text()}```" in README


def test_both_front_pages_lead_to_every_page():
    for front in (README, COPYS):
        linked = re.findall(r"\]\((docs/[^)]+)\)", front)
        assert {ROOT / each for each in linked} == set((ROOT / "docs").iterdir()) <= set(PAGES)


def test_a_copys_front_page_shows_no_command_that_the_other_pages_do_not_show():
    shown = re.findall(r"^make ([a-z-]+)", COPYS, re.MULTILINE)
    assert shown
    assert set(shown) <= set(re.findall(r"^make ([a-z-]+)", README, re.MULTILINE))
