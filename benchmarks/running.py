"""Contenders that run: over HTTP, alone or in several processes, with their logs in a folder."""

import asyncio
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contenders import Contender, command, python_of
from benchmarks.load.http_client import ask_once
from benchmarks.load.processes import program
from benchmarks.load.started import environment, free_port, wait
from benchmarks.plan import Plan
from serving.identity import ROOT


@dataclass(frozen=True)
class Running:
    """A server that answers."""

    pid: int
    base: str

    @property
    def url(self) -> str:
        """Where it speaks MCP."""
        return f"{self.base}/mcp"


def surroundings(**variables: str) -> Mapping[str, str]:
    """Return the environment variables that each of them gets."""
    return environment(PYTHONPATH=str(ROOT), MCP_ENV_FILE=os.devnull, **variables)


@contextmanager
def running(contender: Contender, plan: Plan, **variables: str) -> Iterator[Running]:
    """Run one over HTTP; yield it when it answers.

    Raises:
        StartError: it ends, or does not answer in time.
    """
    port = free_port()
    with _run(
        contender.name, command(contender, plan.environments, port), port, plan.logs, env=surroundings(**variables)
    ) as server:
        yield server


@contextmanager
def all_running(contenders: Sequence[Contender], plan: Plan, **variables: str) -> Iterator[dict[Contender, Running]]:
    """Run several of them.

    Raises:
        StartError: one ends, or does not answer in time.
    """
    with ExitStack() as stack:
        servers = {}
        for contender in contenders:
            plan.progress(f"starting {contender.name}")
            servers[contender] = stack.enter_context(running(contender, plan, **variables))
        yield servers


@contextmanager
def workers(contender: Contender, count: int, plan: Plan) -> Iterator[Running]:
    """Run one under `uvicorn --workers`; yield it when all of them answer.

    Raises:
        StartError: it ends, or does not answer in time.
    """
    port = free_port()
    uvicorn = [python_of(contender, plan.environments), "-m", "uvicorn", f"benchmarks.servers.{contender.server}:app"]
    argv = [*uvicorn, "--workers", str(count), "--port", str(port)]
    with _run(f"{contender.name}, workers: {count}", argv, port, plan.logs, started=count) as server:
        yield server


@contextmanager
def _run(
    name: str, argv: Sequence[str], port: int, logs: Path, *, started: int = 0, env: Mapping[str, str] | None = None
) -> Iterator[Running]:
    """Run it; it answers when /health does, and its log says of so many processes that they have started."""
    log, base = logs / f"{re.sub('[^a-z0-9]+', '-', name)}.log", f"http://127.0.0.1:{port}"

    def answers() -> str:
        all_started = log.read_text(errors="replace").count("startup complete") >= started
        return base if all_started and _healthy(base) else ""

    with program(argv, env or surroundings(), log) as process:
        wait(name, answers, lambda: process.poll() is None, log)
        yield Running(process.pid, base)


def _healthy(base: str) -> bool:
    try:
        return bool(asyncio.run(ask_once(f"{base}/health")))
    except OSError:
        return False
