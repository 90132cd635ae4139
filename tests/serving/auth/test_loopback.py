"""What only this machine can reach."""

import pytest

from serving.auth.loopback import is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost", "LocalHost"])
def test_loopback_is_known(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "localhost.example.com", ""])  # noqa: S104
def test_everything_else_is_not(host):
    assert not is_loopback(host)
