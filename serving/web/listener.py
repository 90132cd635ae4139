"""The socket: listened on before anything is loaded that takes long."""

import os
import socket
import stat
from contextlib import suppress

from serving.errors import StartError


def listen(host: str, port: int) -> socket.socket:
    """Listen on `host` and `port`.

    The socket carries its protocol number because asyncio sets TCP_NODELAY, without which a call can take 40 ms,
    only on sockets that do.

    Raises:
        StartError: there is no such host, or the port is taken.
    """
    try:
        plain = host.encode() if host.isascii() else host  # text takes Python's tables for names in all of Unicode
        family, kind, protocol, _, address = socket.getaddrinfo(
            plain, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        if os.name == "posix":  # elsewhere it would let two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()  # only now is the port ours; who connects before we serve is kept waiting
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "this is no host name"
        raise StartError(f"cannot listen on {host}:{port}: {reason} (choose another with --host or --port)") from error
    return listener


def send_at_once() -> None:
    """Set TCP_NODELAY on every socket that this process listens on, from which its connections inherit it.

    `uvicorn --workers` and other runners of several processes hand their workers a socket on which asyncio does not.
    The second half of an answer then waits for the client to acknowledge the first: a call takes 44 ms.
    """
    with suppress(OSError):  # Windows has no such folder
        for name in os.listdir("/dev/fd"):  # noqa: PTH208  its entries are no paths to anything
            with suppress(OSError):
                _hurry(int(name))


def _hurry(descriptor: int) -> None:
    if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
        return
    with socket.socket(fileno=os.dup(descriptor)) as found:
        listens = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        if listens and found.family in (socket.AF_INET, socket.AF_INET6):
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def base_url(listener: socket.socket) -> str:
    """Return where a socket listens, as a URL without a path."""
    name, port = listener.getsockname()[:2]
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
