"""What a process of the load is told, and what it tells: both travel as JSON."""

from dataclasses import dataclass
from typing import Any

from benchmarks.load.messages import Question


@dataclass(frozen=True)
class Job:
    """What to ask, in which protocol version, by how many clients, for how long (s)."""

    url: str
    argv: tuple[str, ...]
    """A stdio server instead, that all clients share."""
    protocol: str
    question: Question
    greets: bool
    """Whether a client says hello and lists the tools before its first question."""
    clients: int
    warm_up: float
    """Seconds of questions that are not counted."""
    seconds: float
    calls: int = 0
    """How many a client makes at most; 0 is no limit."""

    @classmethod
    def read(cls, said: dict[str, Any]) -> "Job":
        """Return the job that `asdict` has written down."""
        return cls(**said | {"question": Question(**said["question"])})


@dataclass
class Result:
    """What came of it; times in ms; `busy` is the share of one core that the load itself has used."""

    calls: int = 0
    errors: int = 0
    error: str = ""
    calls_per_second: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    busy: float = 0.0
    answered: int = 0
    """Calls with those of the warm-up."""
