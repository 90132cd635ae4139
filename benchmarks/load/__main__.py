"""`python -m benchmarks.load JOB`: have clients ask a server the same again as fast as it answers; say how fast.

A process of its own that does as little as it can for a call, because it shares the machine with what it measures.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from typing import Final

from benchmarks.load import http_client, pipe_client
from benchmarks.load.job import Job, Result

PATIENCE_SECONDS: Final = 120
"""How long all handshakes together may take, and the last calls."""


@dataclass
class Log:
    """Begin and end of each call that was answered, and what went wrong instead."""

    calls: list[tuple[float, float]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


async def measure(job: Job) -> Result:
    """Let all clients open what they need, then all call at the same time: for the warm-up, and the seconds after."""
    log = Log()
    async with AsyncExitStack() as stack:
        async with asyncio.timeout(PATIENCE_SECONDS):
            clients = await _open(job, stack)
        used, start = time.process_time(), time.perf_counter() + job.warm_up
        stop = start + job.seconds
        expected = job.question.expected.encode()
        tasks = [asyncio.create_task(_keep_calling(call, expected, stop, job.calls, log)) for call in clients]
        ended, late = await asyncio.wait(tasks, timeout=job.warm_up + job.seconds + PATIENCE_SECONDS)
        busy = (time.process_time() - used) / (time.perf_counter() - start + job.warm_up)
        for task in ended:
            task.result()  # a mistake of ours is not an error of the server's
        log.errors += [f"no answer within {PATIENCE_SECONDS} s" for task in late if task.cancel()]
    return _result(log, start, busy)


async def _open(job: Job, stack: AsyncExitStack) -> list[Callable[[], Awaitable[bytes]]]:
    if job.argv:
        call = await stack.enter_async_context(pipe_client.opened(job.argv, job.question))
        return [call] * job.clients
    # One after the other, as clients come: of several processes one would take all that come at the same moment.
    return [
        await stack.enter_async_context(http_client.opened(job.url, job.protocol, job.question, greets=job.greets))
        for _ in range(job.clients)
    ]


async def _keep_calling(
    call: Callable[[], Awaitable[bytes]], expected: bytes, stop: float, most: int, log: Log
) -> None:
    made = 0
    while time.perf_counter() < stop and not (most and made >= most):
        made += 1
        began = time.perf_counter()
        try:
            answer = await call()
        except OSError as error:
            log.errors.append(str(error))
            return
        if expected in answer:
            log.calls.append((began, time.perf_counter()))
        else:
            log.errors.append(answer[-200:].decode("utf-8", "replace"))


def _result(log: Log, start: float, busy: float) -> Result:
    counted = [(began, ended) for began, ended in log.calls if began >= start]
    first = " ".join(log.errors[0].split()) if log.errors else ""
    result = Result(len(counted), len(log.errors), first, busy=busy, answered=len(log.calls))
    if counted:
        times = sorted(ended - began for began, ended in counted)
        result.calls_per_second = len(counted) / (max(ended for _, ended in counted) - start)
        result.p50_ms = times[len(times) // 2] * 1000
        result.p99_ms = times[int(len(times) * 0.99)] * 1000
    return result


def main(job: str) -> None:
    """Do a job given as JSON, and print its result as JSON."""
    given = Job.read(json.loads(job))
    try:
        result = asyncio.run(measure(given))
    except (OSError, TimeoutError) as error:
        said = " ".join(str(error).split()) or f"no handshake within {PATIENCE_SECONDS} s"
        result = Result(errors=given.clients, error=said)
    print(json.dumps(asdict(result)))


if __name__ == "__main__":
    main(sys.argv[1])
