"""What a build does, told while it does it: numbered, timed, and with the name of the step that failed."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from serving.errors import StartError
from ship.aws_lambda.pack.errors import BuildError

TOTAL: Final = 10


class Steps:
    """The steps of a build, on stderr unless it is a quiet one."""

    def __init__(self, total: int = TOTAL, *, quiet: bool = False) -> None:
        self._number, self._total, self._quiet = 0, total, quiet

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Announce a step, and say how long it took.

        Raises:
            BuildError: it failed; the message begins with its number and title.
        """
        self._number += 1
        at = f"[{self._number}/{self._total}] {title}"
        self.say(at)
        began = time.monotonic()
        try:
            yield
        except StartError as error:
            raise BuildError(f"step {self._number} ({title}) failed: {error}") from None
        except OSError as error:
            raise BuildError(f"step {self._number} ({title}) failed: {error.strerror or error}") from None
        self.say(f"      {time.monotonic() - began:.1f} s")

    def say(self, text: str) -> None:
        """Say something of the step that is being done."""
        if not self._quiet:
            print(text, file=sys.stderr, flush=True)
