"""Numbered checks, shown as they are made."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any, Final, TextIO

_MARKS: Final = {"passed": "✓", "failed": "✗", "skipped": "-"}
_COLOURS: Final = {"passed": "\033[32m", "failed": "\033[31m", "skipped": "\033[2m"}

_LONGEST: Final = 300
"""Characters of a detail."""

Question = Callable[[], Awaitable[str]]
"""Returns what was found, in one line; raises Failed or Skipped with the reason."""


class Failed(Exception):  # noqa: N818 (it ends a check)
    """What was found is not what was expected."""


class Skipped(Exception):  # noqa: N818 (it ends a check)
    """This cannot be asked here."""


@dataclass(frozen=True)
class Check:
    """One line of the report."""

    number: int
    name: str
    outcome: str
    detail: str


class Report:
    """The checks so far, each shown on `out` when it is made; None shows nothing.

    What a server says is shown in one line, of which nothing moves the cursor; the `secret` is not shown. A check
    has failed after so many `seconds`.
    """

    def __init__(self, out: TextIO | None, secret: str = "", seconds: float = 60) -> None:
        self.checks: list[Check] = []
        self._out = out
        self._secret = secret
        self._seconds = seconds

    def count(self, outcome: str) -> int:
        """How many have passed, failed or been skipped."""
        return sum(check.outcome == outcome for check in self.checks)

    async def ask(self, name: str, question: Question) -> bool:
        """Make a check; whatever goes wrong in it is its failure. Returns whether it has passed."""
        try:
            async with asyncio.timeout(self._seconds):
                outcome, detail = "passed", await question()
        except TimeoutError:
            outcome, detail = "failed", f"took longer than {self._seconds:g} s"
        except Skipped as reason:
            outcome, detail = "skipped", str(reason)
        except Exception as error:
            outcome, detail = "failed", in_a_line(error)
        self._add(name, outcome, detail)
        return outcome == "passed"

    async def ask_all(self, questions: dict[str, Question]) -> None:
        """Make several, in order, whatever becomes of each."""
        for name, question in questions.items():
            await self.ask(name, question)

    def fail(self, name: str, reason: str) -> None:
        """Say what could not even be asked, because of what has gone wrong."""
        self._add(name, "failed", reason)

    def skip(self, name: str, reason: str) -> None:
        """Say what is not asked, and why."""
        self._add(name, "skipped", reason)

    def close(self, target: str) -> None:
        """Show the total."""
        counts = {outcome: self.count(outcome) for outcome in _MARKS}
        self._show(f"\n{target}: " + ", ".join(f"{count} {outcome}" for outcome, count in counts.items()))

    def as_json(self, target: str) -> str:
        """Return all of it for a program: `target`, `passed`, `failed`, `skipped` and `checks`."""
        counts: dict[str, Any] = {outcome: self.count(outcome) for outcome in _MARKS}
        return json.dumps({"target": target, **counts, "checks": [asdict(check) for check in self.checks]}, indent=2)

    def _add(self, name: str, outcome: str, detail: str) -> None:
        check = Check(len(self.checks) + 1, name, outcome, self._harmless(detail))
        self.checks.append(check)
        mark = _MARKS[outcome]
        if self._out and self._out.isatty():
            mark = f"{_COLOURS[outcome]}{mark}\033[0m"
        self._show(f"{mark} {check.number:2} {name}: {check.detail}")

    def _harmless(self, text: str) -> str:
        if self._secret:
            text = text.replace(self._secret, "...")
        text = "".join(each if each.isprintable() else "?" for each in text)
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."

    def _show(self, line: str) -> None:
        if self._out:
            print(line, file=self._out, flush=True)


def in_a_line(error: BaseException) -> str:
    """Say in a line what has happened, and of which type it is unless a check has said it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    said = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return said if isinstance(error, Failed) else f"{type(error).__name__}: {said}".removesuffix(": ")
