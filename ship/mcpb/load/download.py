"""Get a bundle to where it can be looked at: over HTTPS, or from a file; with an end, whatever the other side does."""

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

from ship.mcpb.errors import BundleError, one_line
from ship.mcpb.load.address import check_address, is_local, path_of, shown

log: Final = logging.getLogger("ship.mcpb")

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

    def __init__(self, file: IO[bytes], most_bytes: int, expected: int | None) -> None:
        self.hash = hashlib.sha256()
        self.bytes = 0
        self._file, self._most, self._expected = file, most_bytes, expected
        self._said = time.monotonic()
        if expected is not None and expected > most_bytes:
            raise self._too_long()

    def write(self, data: bytes) -> None:
        self.bytes += len(data)
        if self.bytes > self._most:
            raise self._too_long()
        self.hash.update(data)
        try:
            self._file.write(data)
        except OSError as error:
            raise BundleError(f"the bundle cannot be stored: {error.strerror}") from None
        if time.monotonic() - self._said >= PROGRESS_SECONDS:
            self._said = time.monotonic()
            of = f" of {self._expected}" if self._expected else ""
            log.info("Downloading the bundle: %s%s bytes", self.bytes, of)

    def _too_long(self) -> BundleError:
        return BundleError(f"the bundle is longer than {self._most} bytes (BUNDLE_MAX_BYTES)")


def fetch(url: str, file: IO[bytes], *, most_bytes: int, seconds: float, allow_http: bool) -> str:
    """Write what is at `url` (https:, http: if that is allowed, file:) into `file`; return its SHA-256 in hexadecimal.

    A download is tried again when it fails in a way that may pass, and given up after so many seconds.

    Raises:
        BundleError: it cannot be had. What is secret in an address, its user and query, is not in the message.
    """
    began = time.monotonic()
    if is_local(url):
        sink = _copy(url, file, most_bytes)
    else:
        sink = _run(_download(url, file, most_bytes, seconds, allow_http=allow_http))
    log.info("Got the bundle", extra={"bytes": sink.bytes, "seconds": round(time.monotonic() - began, 1)})
    return sink.hash.hexdigest()


def _run(download: Coroutine[None, None, _Sink]) -> _Sink:
    """Run it, as asyncio.run does, which would also wait for a thread that asks for the address of a name."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(download)
    finally:
        loop.close()


def _copy(url: str, file: IO[bytes], most_bytes: int) -> _Sink:
    path = path_of(url)
    try:
        with open(path, "rb", opener=_open_without_waiting) as source:
            found = os.fstat(source.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise BundleError(f"{shown(url)}: expected a file")
            sink = _Sink(file, most_bytes, found.st_size)
            while piece := source.read(_PIECE):
                sink.write(piece)
            return sink
    except OSError as error:
        raise BundleError(f"{shown(url)}: expected a file that can be read ({error.strerror})") from None


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a pipe would wait for somebody who writes


async def _download(url: str, file: IO[bytes], most_bytes: int, seconds: float, *, allow_http: bool) -> _Sink:
    reason = "nothing came"
    try:
        async with asyncio.timeout(seconds), _client() as client:
            for number in range(1, MOST_TRIES + 1):
                try:
                    return await _try(client, url, file, most_bytes, allow_http=allow_http)
                except _PassingError as error:
                    reason = str(error)
                if number < MOST_TRIES:
                    pause = FIRST_PAUSE * 2 ** (number - 1)
                    log.warning("the bundle could not be had, which is tried again: %s", reason)
                    await asyncio.sleep(pause)
    except TimeoutError:
        raise BundleError(f"{shown(url)}: not had within {seconds:g} s (BUNDLE_SECONDS): {reason}") from None
    raise BundleError(f"{shown(url)}: not had in {MOST_TRIES} tries: {reason}")


def _client() -> httpx2.AsyncClient:
    try:
        return httpx2.AsyncClient(timeout=TIMEOUT, follow_redirects=False)
    except (OSError, ValueError, ImportError, httpx2.InvalidURL) as error:
        reason = type(error).__name__
        raise BundleError(f"expected certificates and proxies in the environment that can be used ({reason})") from None


async def _try(client: httpx2.AsyncClient, url: str, file: IO[bytes], most_bytes: int, *, allow_http: bool) -> _Sink:
    file.seek(0)
    file.truncate()
    try:
        async with _answer(client, url, allow_http=allow_http) as response:
            declared = response.headers.get("content-length", "")
            expected = int(declared) if declared.isascii() and declared.isdecimal() else None
            sink = _Sink(file, most_bytes, expected)
            async for piece in response.aiter_raw(_PIECE):  # raw: what is unpacked on the way could have no end
                sink.write(piece)
    except httpx2.HTTPError as error:
        raise _PassingError(one_line(str(error) or type(error).__name__, 150)) from None
    except (httpx2.InvalidURL, ValueError) as error:
        raise BundleError(f"{shown(url)}: expected an address that is one ({type(error).__name__})") from None
    return sink


@asynccontextmanager
async def _answer(client: httpx2.AsyncClient, url: str, *, allow_http: bool) -> AsyncIterator[httpx2.Response]:
    """Ask, and follow where it is said to be: each step is looked at as the first one is."""
    first, called = url, "BUNDLE_URL"
    for _ in range(MOST_REDIRECTS + 1):
        check_address(url, allow_http=allow_http, called=called)
        async with client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as response:
            if response.has_redirect_location:
                called = f"{shown(url)} leads elsewhere"
                url = urljoin(url, response.headers["location"])
                continue
            if response.status_code in _TRY_AGAIN:
                raise _PassingError(f"{shown(url)} answered {response.status_code}")
            if response.status_code != httpx2.codes.OK:
                raise BundleError(f"{shown(url)}: expected the bundle, and it answered {response.status_code}")
            yield response
            return
    raise BundleError(f"{shown(first)}: more than {MOST_REDIRECTS} redirects")
