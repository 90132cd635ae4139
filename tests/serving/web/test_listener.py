"""The socket is listened on before anything else, and says in one line why not."""

import os
import socket

import pytest

from serving.web.listener import base_url, listen, send_at_once
from tests.support import SAMPLE, run


def test_a_port_in_use_is_one_clear_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run("--port", str(port), script=SAMPLE, MCP_LOG_FORMAT="text")
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in result.stderr
    assert "choose another with --host or --port" in result.stderr


@pytest.mark.parametrize("host", ["no.such.host.invalid", "a..b"])
def test_a_host_that_does_not_exist_is_one_clear_line(host):
    result = run("--host", host, "--port", "0", script=SAMPLE)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert f"cannot listen on {host}:0: " in result.stderr


def test_an_answer_is_not_delayed_by_the_network_stack():
    with listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_nor_are_those_on_a_socket_that_somebody_else_has_opened():
    one, other = socket.socketpair()
    with socket.create_server(("127.0.0.1", 0)) as listener, one, other:
        assert not listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        before = len(os.listdir("/dev/fd"))  # noqa: PTH208
        send_at_once()
        assert len(os.listdir("/dev/fd")) == before  # noqa: PTH208
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")])
def test_a_socket_has_an_address_that_can_be_asked(host, shown):
    with listen(host, 0) as listener:
        assert base_url(listener) == f"http://{shown}:{listener.getsockname()[1]}"
