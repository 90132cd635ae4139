"""What keeps an archive from being used."""

import re

from serving.errors import StartError


class ArchiveError(StartError):
    """An archive that cannot be had, or is refused; the message is one line that says why. The exit status is 1."""


def one_line(text: str, most: int = 300) -> str:
    """Return what somebody else has said as one line, which cannot drive a terminal, of at most so many characters."""
    line = "".join(one if one.isprintable() else " " for one in text[: 4 * most])
    line = " ".join(line.split())
    return line if len(line) <= most else f"{line[: most - 3]}..."


def without_passwords(text: str) -> str:
    """Return what somebody else has said without the users and passwords of the addresses in it."""
    return re.sub(r"//[^/\s]*@", "//", text)
