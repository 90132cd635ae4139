"""Tools are plain functions: call them."""

from tools.text import echo, greet


def test_echo_repeats_the_message():
    assert echo("hi") == "Echo: hi"


def test_greet_says_hello():
    assert greet("Ada") == "Hello, Ada!"
