"""Hosts and origins, read and compared; what the guard makes of them is shown in test_guard.py."""

import pytest

from serving.errors import SettingsError
from serving.web.places import NULL, Place, covers, host_entry, read_entries, read_host, read_origin


@pytest.mark.parametrize(
    ("text", "name", "port"),
    [
        ("LOCALHOST.:8000", "localhost", 8000),
        ("[0:0:0:0:0:0:0:1]:80", "::1", 80),
        ("[::ffff:127.0.0.1]", "127.0.0.1", None),
        ("mcp.example.com", "mcp.example.com", None),
    ],
)
def test_a_host_has_one_spelling(text, name, port):
    assert read_host(text) == Place("", name, port)


@pytest.mark.parametrize(
    "text", ["", "a b", "a:b", "a:99999", "[::1", "user@a", "2130706433", "0x7f.1", "localhost:80:80"]
)
def test_what_is_no_host_is_none(text):
    assert read_host(text) is None


def test_an_origin_has_the_port_of_its_scheme():
    assert read_origin("HTTPS://Example.com") == Place("https", "example.com", 443)
    assert read_origin("null") == NULL
    assert read_origin("https://example.com/path") is None


@pytest.mark.parametrize(
    ("entry", "host", "covered"),
    [
        ("*", "anything", True),
        ("*.example.com", "a.b.example.com", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "evilexample.com", False),
        ("example.com:8443", "example.com:8443", True),
        ("example.com:8443", "example.com:80", False),
        ("2001:db8::1", "[2001:db8:0::1]:80", True),
    ],
)
def test_an_entry_covers_what_it_says(entry, host, covered):
    [place] = read_entries("MCP_ALLOWED_HOSTS", [entry], host_entry, "a host")
    given = read_host(host)
    assert given
    assert covers(place, given) is covered


def test_a_bad_entry_names_its_setting():
    with pytest.raises(SettingsError, match=r"^MCP_ALLOWED_HOSTS=exa mple: expected a host$"):
        read_entries("MCP_ALLOWED_HOSTS", ["exa mple"], host_entry, "a host")
