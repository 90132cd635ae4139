"""Static tokens, from the environment and from a file that may change while the server runs."""

import hmac
import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from fastmcp.server.auth import AccessToken, TokenVerifier

from serving.errors import SettingsError
from serving.settings import Settings

log: Final = logging.getLogger("serving.auth.tokens")

SHORT: Final = 16
"""A token with fewer characters may be guessed."""

_COMMENT: Final = re.compile(r"(^|\s)#.*")


@dataclass(frozen=True)
class Entry:
    """One token; only its digest is kept."""

    name: str
    digest: bytes
    scopes: tuple[str, ...]


class StaticTokens(TokenVerifier):
    """Lets in whoever brings a token of `settings.auth_tokens` or `settings.auth_tokens_file`.

    Raises:
        SettingsError: no token at all, or an entry that cannot be used; never shows a token.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(required_scopes=list(settings.auth_scopes))
        text = settings.auth_tokens.get_secret_value()
        self._listed = tuple(parse(text, "MCP_AUTH_TOKENS")) if text else ()
        self._file = TokenFile(settings.auth_tokens_file, self._listed) if settings.auth_tokens_file else None

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return who brings this token, or None; the time it takes does not depend on how much of it is right."""
        digest = sha256(token.encode("utf-8", "surrogatepass")).digest()
        entries = self._listed + (self._file.current() if self._file else ())
        matches = [entry for entry in entries if hmac.compare_digest(entry.digest, digest)]
        if not matches:
            return None
        return AccessToken(token=token, client_id=matches[0].name, scopes=list(matches[0].scopes))


class TokenFile:
    """The tokens of a file, read again when it changes.

    A file that is gone or cannot be understood lets nobody in; the log says why, and it is tried again.

    Raises:
        SettingsError: the file cannot be used when the server starts.
    """

    def __init__(self, path: str, taken: Iterable[Entry]) -> None:
        self._path = Path(path)
        self._taken = tuple(taken)
        self._problem = ""
        try:
            self._seen: object = self._fingerprint()
            self._entries = self._read()
        except OSError as error:
            raise SettingsError(f"MCP_AUTH_TOKENS_FILE={path}: expected a file to read ({error.strerror})") from None

    def current(self) -> tuple[Entry, ...]:
        """Return what the file says now; looks at the file, which takes microseconds."""
        try:
            if (found := self._fingerprint()) != self._seen:
                self._entries = self._read()
                self._seen, self._problem = found, ""
                log.info("tokens read again", extra={"file": str(self._path), "tokens": len(self._entries)})
        except (OSError, SettingsError) as error:
            self._seen, self._entries = None, ()
            if str(error) != self._problem:
                self._problem = str(error)
                log.error("nobody gets in with a token of the file: %s", error)  # noqa: TRY400  the reason says it all
        return self._entries

    def _fingerprint(self) -> object:
        found = self._path.stat()
        return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns

    def _read(self) -> tuple[Entry, ...]:
        text = self._path.read_bytes().decode("utf-8-sig", "replace")
        return tuple(parse(text, f"MCP_AUTH_TOKENS_FILE={self._path}", self._taken))


def parse(text: str, source: str, taken: Iterable[Entry] = ()) -> Iterator[Entry]:
    """Read entries, one a line or separated by commas; `#` at a line's start or after a blank begins a comment.

    An entry is `TOKEN` or `NAME=TOKEN`, then its scopes, separated by blanks. A token may end in `=`.

    Raises:
        SettingsError: there is none, or one cannot be used or repeats a token or name, also of `taken`.
    """
    names, digests = {entry.name for entry in taken}, {entry.digest for entry in taken}
    place = f"{source}: expected at least one token"
    number = 0
    for line_number, line in enumerate(text.split("\n"), 1):
        for words in filter(None, map(str.strip, _COMMENT.sub("", line.strip()).split(","))):
            number += 1
            place = f"{source}: entry {number} (line {line_number})"
            entry = _entry(words, place)
            if entry.digest in digests:
                raise SettingsError(f"{place}: expected a token that no other entry has")
            if entry.name in names:
                raise SettingsError(f"{place}: expected a name that no other entry has")
            names.add(entry.name)
            digests.add(entry.digest)
            yield entry
    if not number:
        raise SettingsError(place)


def _entry(words: str, place: str) -> Entry:
    if not words.isascii() or not words.replace("\t", " ").isprintable():
        raise SettingsError(f"{place}: expected printable ASCII characters")
    first, *scopes = words.split()
    name, _, token = first.partition("=")
    if not token and first.endswith("=") and (len(first) < SHORT or len(first) % 4):
        # No base64 ends so; it is NAME=$TOKEN with nothing in TOKEN, and would let in whoever guesses the name.
        raise SettingsError(f"{place}: expected a token after the =")
    if not token.strip("="):
        name, token = "", first
    elif not name:
        raise SettingsError(f"{place}: expected a name before the =")
    if len(token) < SHORT:
        log.warning("%s: a token of less than %d characters may be guessed", place, SHORT)
    digest = sha256(token.encode())
    return Entry(name or f"token-{digest.hexdigest()[:8]}", digest.digest(), tuple(scopes))
