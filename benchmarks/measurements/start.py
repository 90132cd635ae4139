"""How long a start takes, how much memory a server has that does nothing, and how long its first call takes then."""

import asyncio
import time
from typing import Final

from benchmarks.contenders import ADD, BARE, CHASSIS, LOWLEVEL, Contender, command
from benchmarks.load.http_client import ask_once, greet, request_template
from benchmarks.load.messages import FIRST_ID, HANDSHAKE, MODERN
from benchmarks.load.pipe_client import started
from benchmarks.load.processes import memory
from benchmarks.load.started import START_SECONDS
from benchmarks.plan import Plan
from benchmarks.report.tables import Table
from benchmarks.running import running, surroundings
from serving.errors import StartError

NAME: Final = "start"
CONTENDERS: Final = (BARE, CHASSIS, LOWLEVEL)
QUICK: Final = (BARE, CHASSIS)
UNTIL: Final = "from exec to the first answer"
MEMORY: Final = "memory at rest"


def rested(era: str) -> str:
    """Return what the table of calls after some rest is called."""
    return f"calls after a rest, {era}"


def measure(plan: Plan) -> list[Table]:
    """Start all contenders in turn, again and again.

    Raises:
        StartError: a server does not start, or does not answer as it should.
    """
    contenders, eras = (QUICK, (MODERN,)) if plan.quick else (CONTENDERS, (MODERN, HANDSHAKE))
    names = [contender.name for contender in contenders]
    until = Table.of(NAME, UNTIL, ("health_ms", "call_ms", "stdio_ms"), *names)
    resting = Table.of(NAME, MEMORY, ("rss_mb", "pss_mb"), *names)
    calls = {era: Table.of(NAME, rested(era), ("first_ms", "second_ms"), *names) for era in eras}
    for contender in plan.turns(NAME, plan.starts, contenders, lambda one: one.name):
        try:
            until.add(contender.name, until_it_answers(plan, contender) | asyncio.run(_until_stdio(plan, contender)))
            for era, table in calls.items():
                sizes, times = _at_rest(plan, contender, era)
                table.add(contender.name, times)
                if era == MODERN:
                    resting.add(contender.name, sizes)
        except OSError as error:
            said = " ".join(str(error).split()) or "no answer in time"
            raise StartError(f"{contender.name}: {said}") from None
    return [until, resting, *calls.values()]


def until_it_answers(plan: Plan, contender: Contender, **variables: str) -> dict[str, float]:
    """Start a contender over HTTP; return how long it took to /health and to the first call (ms).

    Raises:
        StartError: it ends, or does not answer in time.
        OSError: the call is answered with an error.
    """
    began = time.perf_counter()
    with running(contender, plan, **variables) as server:
        health = time.perf_counter()
        asyncio.run(_call(server.url, MODERN, {}))
        return {"health_ms": (health - began) * 1000, "call_ms": (time.perf_counter() - began) * 1000}


async def _until_stdio(plan: Plan, contender: Contender) -> dict[str, float]:
    argv, env = command(contender, plan.environments, None), surroundings()
    with (plan.logs / "stdio.log").open("wb") as log:
        began = time.perf_counter()
        async with asyncio.timeout(START_SECONDS), started(argv, env, log) as pipes:
            await pipes.hello()
            return {"stdio_ms": (time.perf_counter() - began) * 1000}


def _at_rest(plan: Plan, contender: Contender, era: str) -> tuple[dict[str, float], dict[str, float]]:
    """Start a contender and leave it alone; return its memory then (MB), and the times of two calls (ms)."""
    with running(contender, plan) as server:
        time.sleep(plan.rest)
        sizes = {f"{name.lower()}_mb": size / 1e6 for name, size in memory(server.pid).items()}
        return sizes, asyncio.run(_two_calls(server.url, era))


async def _two_calls(url: str, era: str) -> dict[str, float]:
    """Time two calls; the handshake before them, where there is one, does not count."""
    headers = await greet(url, era) if era == HANDSHAKE else {}
    times = []
    for _ in range(2):
        began = time.perf_counter()
        await _call(url, era, headers)
        times.append((time.perf_counter() - began) * 1000)
    return {"first_ms": times[0], "second_ms": times[1]}


async def _call(url: str, era: str, headers: dict[str, str]) -> None:
    answer = await ask_once(url, request_template(url, era, ADD, headers) % FIRST_ID)
    if ADD.expected.encode() not in answer:
        raise ConnectionError(answer[-200:].decode("utf-8", "replace"))
