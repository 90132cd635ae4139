"""Tools are plain functions: call them."""

from pathlib import Path

from tools import text
from tools.text import echo, greet


def test_echo_repeats_the_message():
    assert echo("hi") == "Echo: hi"


def test_greet_says_hello():
    assert greet("Ada") == "Hello, Ada!"


def test_the_readme_shows_this_very_file():
    shown = Path(text.__file__).read_text()
    assert f"```python\n{shown}```" in (Path(text.__file__).parent.parent / "README.md").read_text()
