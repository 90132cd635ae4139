"""An archive, got to where it can be read: over HTTPS, or from a file; with an end, whatever the other side does."""

import asyncio
import hashlib
import logging
import os
import stat
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import IO, Final
from urllib.parse import urljoin

import httpx2

from ship.archive.address import check_address, is_local, path_of, shown
from ship.archive.errors import ArchiveError, one_line
from ship.archive.source import Source

log: Final = logging.getLogger("ship.archive")

MOST_TRIES: Final = 4
MOST_REDIRECTS: Final = 5
FIRST_PAUSE: Final = 0.5
"""Seconds before the second try; each further pause is twice as long."""
TIMEOUT: Final = httpx2.Timeout(30, connect=10)
"""How long the other side may be silent."""
PROGRESS_SECONDS: Final = 5.0
_PIECE: Final = 256 * 1024
_TRY_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


class _PassingError(Exception):
    """Something that may be over at the next try; the message says what."""


class _Sink:
    """Where the bytes go: into a file, up to a limit, through a hash."""

    def __init__(self, source: Source, file: IO[bytes], expected: int | None) -> None:
        self.hash = hashlib.sha256()
        self.bytes = 0
        self._source, self._file, self._expected = source, file, expected
        self._said = time.monotonic()
        if expected is not None and expected > source.max_bytes:
            raise self._too_long()

    def write(self, data: bytes) -> None:
        self.bytes += len(data)
        if self.bytes > self._source.max_bytes:
            raise self._too_long()
        self.hash.update(data)
        try:
            self._file.write(data)
        except OSError as error:
            raise ArchiveError(f"the {self._source.noun} cannot be stored: {error.strerror}") from None
        if time.monotonic() - self._said >= PROGRESS_SECONDS:
            self._said = time.monotonic()
            of = f" of {self._expected}" if self._expected else ""
            log.info("Downloading the %s: %s%s bytes", self._source.noun, self.bytes, of)

    def _too_long(self) -> ArchiveError:
        most, setting = self._source.max_bytes, self._source.setting("MAX_BYTES")
        return ArchiveError(f"the {self._source.noun} is longer than {most} bytes ({setting})")


def fetch(source: Source, file: IO[bytes]) -> str:
    """Write what is at a source's address into `file`; return its SHA-256 in hexadecimal.

    A download is tried again when it fails in a way that may pass, and given up after so many seconds.

    Raises:
        ArchiveError: it cannot be had. What is secret in an address, its user and query, is not in the message.
    """
    began = time.monotonic()
    sink = _copy(source, file) if is_local(source.url) else _run(_download(source, file))
    log.info("Got the %s", source.noun, extra={"bytes": sink.bytes, "seconds": round(time.monotonic() - began, 1)})
    return sink.hash.hexdigest()


def verify(source: Source, found: str) -> None:
    """See that a source has the SHA-256 that it must have.

    Raises:
        ArchiveError: it has another one.
    """
    if source.sha256 and found != source.sha256.lower():
        raise ArchiveError(f"{source.setting('SHA256')}={source.sha256}: the {source.noun} has the SHA-256 {found}")


def _run(download: Coroutine[None, None, _Sink]) -> _Sink:
    """Run it, as asyncio.run does, which would also wait for a thread that asks for the address of a name."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(download)
    finally:
        loop.close()


def _copy(source: Source, file: IO[bytes]) -> _Sink:
    path = path_of(source)
    try:
        with open(path, "rb", opener=_open_without_waiting) as original:
            found = os.fstat(original.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise ArchiveError(f"{shown(source.url)}: expected a file")
            sink = _Sink(source, file, found.st_size)
            while piece := original.read(_PIECE):
                sink.write(piece)
            return sink
    except OSError as error:
        raise ArchiveError(f"{shown(source.url)}: expected a file that can be read ({error.strerror})") from None


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a pipe would wait for somebody who writes


async def _download(source: Source, file: IO[bytes]) -> _Sink:
    reason = "nothing came"
    try:
        async with asyncio.timeout(source.seconds), _client() as client:
            for number in range(1, MOST_TRIES + 1):
                try:
                    return await _try(client, source, file)
                except _PassingError as error:
                    reason = str(error)
                if number < MOST_TRIES:
                    pause = FIRST_PAUSE * 2 ** (number - 1)
                    log.warning("the %s could not be had, which is tried again: %s", source.noun, reason)
                    await asyncio.sleep(pause)
    except TimeoutError:
        within = f"{source.seconds:g} s ({source.setting('SECONDS')})"
        raise ArchiveError(f"{shown(source.url)}: not had within {within}: {reason}") from None
    raise ArchiveError(f"{shown(source.url)}: not had in {MOST_TRIES} tries: {reason}")


def _client() -> httpx2.AsyncClient:
    try:
        return httpx2.AsyncClient(timeout=TIMEOUT, follow_redirects=False)
    except (OSError, ValueError, ImportError, httpx2.InvalidURL) as error:
        expected = f"certificates and proxies in the environment that can be used ({type(error).__name__})"
        raise ArchiveError(f"expected {expected}") from None


async def _try(client: httpx2.AsyncClient, source: Source, file: IO[bytes]) -> _Sink:
    file.seek(0)
    file.truncate()
    try:
        async with _answer(client, source) as response:
            declared = response.headers.get("content-length", "")
            expected = int(declared) if declared.isascii() and declared.isdecimal() else None
            sink = _Sink(source, file, expected)
            async for piece in response.aiter_raw(_PIECE):  # raw: what is unpacked on the way could have no end
                sink.write(piece)
    except httpx2.HTTPError as error:
        raise _PassingError(one_line(str(error) or type(error).__name__, 150)) from None
    except (httpx2.InvalidURL, ValueError) as error:
        reason = type(error).__name__
        raise ArchiveError(f"{shown(source.url)}: expected an address that is one ({reason})") from None
    return sink


@asynccontextmanager
async def _answer(client: httpx2.AsyncClient, source: Source) -> AsyncIterator[httpx2.Response]:
    """Ask, and follow where it is said to be: each step is looked at as the first one is."""
    url, called = source.url, ""
    for _ in range(MOST_REDIRECTS + 1):
        check_address(url, source, called)
        async with client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as response:
            if response.has_redirect_location:
                called = f"{shown(url)} leads elsewhere"
                url = urljoin(url, response.headers["location"])
                continue
            if response.status_code in _TRY_AGAIN:
                raise _PassingError(f"{shown(url)} answered {response.status_code}")
            if response.status_code != httpx2.codes.OK:
                raise ArchiveError(f"{shown(url)}: expected the {source.noun}, and it answered {response.status_code}")
            yield response
            return
    raise ArchiveError(f"{shown(source.url)}: more than {MOST_REDIRECTS} redirects")
