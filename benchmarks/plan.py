"""How much is measured, and where."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from benchmarks.environments import Environments
from benchmarks.load.job import Job
from benchmarks.load.messages import Question

MOST_WARM_UP_SECONDS: Final = 1.0

T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """How many clients, rounds of load and starts, how long a round is (s); where to run; who hears of the progress."""

    clients: Sequence[int]
    rounds: int
    starts: int
    seconds: float
    rest: float
    """How long a server is left alone before its memory is read, and its first call timed (s)."""
    quick: bool
    environments: Environments
    logs: Path
    progress: Callable[[str], None]

    def turns(self, what: str, rounds: int, contenders: Sequence[T], name: Callable[[T], str] = str) -> Iterator[T]:
        """Return all contenders in turn, as often as there are rounds, and say whose turn it is."""
        for number in range(rounds):
            for contender in contenders:
                self.progress(f"{what}, round {number + 1} of {rounds}: {name(contender)}")
                yield contender

    def job(self, url: str, era: str, question: Question, clients: int) -> Job:
        """Return a round of load."""
        warm_up = min(self.seconds, MOST_WARM_UP_SECONDS)
        return Job(url, (), era, question, greets=True, clients=clients, warm_up=warm_up, seconds=self.seconds)
