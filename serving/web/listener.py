"""The socket: listened on before anything is loaded that takes long."""

import os
import socket

from serving.errors import StartError


def listen(host: str, port: int) -> socket.socket:
    """Listen on `host` and `port`.

    The socket carries its protocol number because asyncio sets TCP_NODELAY, without which a call can take 40 ms,
    only on sockets that do.

    Raises:
        StartError: there is no such host, or the port is taken.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
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


def base_url(listener: socket.socket) -> str:
    """Return where a socket listens, as a URL without a path."""
    name, port = listener.getsockname()[:2]
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
