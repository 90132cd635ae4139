"""What is to be run: a package or a command, with what the child may see of our environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

START_SECONDS: Final = 60.0
"""How long a child may take to answer `initialize`, if nobody says otherwise."""


@dataclass(frozen=True)
class Program:
    """A stdio server as it is started; `name` is what people call it, `runtime` npm, python or custom."""

    runtime: str
    name: str
    argv: tuple[str, ...]
    cwd: Path | None
    env: Mapping[str, str]
    start_seconds: float = START_SECONDS
