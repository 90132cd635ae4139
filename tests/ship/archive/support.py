"""Archives that tests make by hand, good ones and others, and a server that has them."""

import hashlib
import io
import ssl
import stat
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ship.archive.source import Source

BUNDLE = Source(
    url="https://example.invalid/x.mcpb",
    max_bytes=1_000_000,
    max_unpacked_bytes=10 * 1024**2,
    seconds=20,
    noun="bundle",
    prefix="BUNDLE_",
    example="x.mcpb",
)
"""What most tests get an archive from, with another address."""


def entry(name: str, mode: int | None = None, **attributes: Any) -> zipfile.ZipInfo:
    """An entry with this mode, or that of a file or folder, and whatever else a ZipInfo can say."""
    plain = stat.S_IFDIR | 0o755 if name.endswith("/") else stat.S_IFREG | 0o644
    info = zipfile.ZipInfo(name)
    info.external_attr = (plain if mode is None else mode) << 16
    info.create_system = 3
    info.compress_type = zipfile.ZIP_DEFLATED
    for attribute, value in attributes.items():
        setattr(info, attribute, value)
    return info


def zipped(files: Mapping[str, str | bytes] | Sequence[tuple[zipfile.ZipInfo | str, str | bytes]]) -> bytes:
    """A zip of these files, in this order; a list may have a name twice."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items() if isinstance(files, Mapping) else files:
            archive.writestr(entry(name) if isinstance(name, str) else name, text)  # the same bytes at any time
    return content.getvalue()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Files(BaseHTTPRequestHandler):
    """Answers a path with its content; with what a function does with this handler; or with 404."""

    answers: dict[str, bytes | Callable[[Any], None]] = {}  # noqa: RUF012  each server has a class of its own
    asked: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.asked.append(self.path)
        answer = self.answers.get(self.path.partition("?")[0])
        if callable(answer):
            return answer(self)
        return self.send_error(404) if answer is None else self.give(answer)

    def give(self, content: bytes, length: int | None = None) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)

    def redirect(self, location: str) -> None:
        self.send_response(302)
        self.send_header("Location", location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def web(
    tls: ssl.SSLContext | None = None, /, **answers: bytes | Callable[[Any], None]
) -> Iterator[tuple[str, type[Files]]]:
    """Serve what is named, `x_mcpb` as `/x.mcpb`; yield the address, and the class that has what was asked."""

    class Ours(Files):
        pass

    Ours.answers = {f"/{name.replace('_', '.')}": answer for name, answer in answers.items()}
    Ours.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Ours) as server:
        server.daemon_threads = True
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}", Ours
        finally:
            server.shutdown()
            thread.join()
