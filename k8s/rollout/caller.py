"""Constant calls, counted: what the rollout test runs in a pod, with nothing but httpx2 beside it.

In, from the environment: URL, TOKEN, CLIENTS, and TOOL with ARGUMENTS as JSON. Out, on stdout: JSON lines, the counts
once a second, each of the first failures, and the summary after SIGTERM. No call is tried twice. Half of the clients
keep their connection and half open one for each call; half of each speak 2026-07-28 and half the handshake era, without
a session.
"""

import asyncio
import json
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import httpx2

MODERN, HANDSHAKE = "2026-07-28", "2025-11-25"
PAUSE = 0.02
"""Seconds between two calls of a client: constant calls, and not a load test."""
SHOWN = 20
"""Failures that are told one by one."""
PATIENCE = 60
"""Seconds until the first call must have been answered: a network policy takes some to let a new pod through."""


@dataclass(frozen=True)
class Call:
    """A JSON-RPC request of an MCP client."""

    method: str
    params: dict[str, Any] = field(default_factory=dict)


LIST = Call("tools/list")


def request(url: str, era: str, call: Call, token: str = "") -> httpx2.Request:
    """Build the POST as the era wants it (2026-07-28 has headers and `_meta` in the place of a handshake)."""
    headers = {"accept": "application/json, text/event-stream", "mcp-protocol-version": era}
    if token:
        headers["authorization"] = f"Bearer {token}"
    params = dict(call.params)
    if era == MODERN:
        headers["mcp-method"] = call.method
        if "name" in params:
            headers["mcp-name"] = params["name"]
        params["_meta"] = {
            "io.modelcontextprotocol/protocolVersion": era,
            "io.modelcontextprotocol/clientInfo": {"name": "caller", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        }
    return httpx2.Request(
        "POST", url, headers=headers, json={"jsonrpc": "2.0", "id": 1, "method": call.method, "params": params}
    )


def result(response: httpx2.Response) -> dict[str, Any]:
    """Return the result of an answer that has been read, JSON or a stream of events.

    Raises:
        ValueError: it is none, but an error, or a tool's; in one line.
    """
    if response.status_code != 200:
        raise ValueError(f"status {response.status_code}")
    text = response.text
    if "event-stream" in response.headers.get("content-type", ""):
        messages = [json.loads(line[5:]) for line in text.splitlines() if line.startswith("data:") and line[5:].strip()]
    else:
        messages = [json.loads(text)]
    answers = [message for message in messages if "result" in message or "error" in message]
    if not answers:
        raise ValueError("no answer")
    if error := answers[-1].get("error"):
        raise ValueError(f"error {error.get('code')}")
    found: dict[str, Any] = answers[-1]["result"]
    if found.get("isError"):
        raise ValueError("the tool failed")
    return found


async def choose(client: httpx2.AsyncClient, url: str, token: str) -> Call:
    """Choose what is called: `echo` where it is listed as it is known, else the list itself.

    Raises:
        httpx2.HTTPError, ValueError: there is no list.
    """
    tools = result(await client.send(request(url, MODERN, LIST, token)))["tools"]
    echo: dict[str, Any] = next((tool["inputSchema"] for tool in tools if tool["name"] == "echo"), {})
    known = set(echo.get("required", [])) <= {"message"} <= echo.get("properties", {}).keys()
    return Call("tools/call", {"name": "echo", "arguments": {"message": "constantly"}}) if known else LIST


@dataclass
class Counts:
    """What has happened so far."""

    milliseconds: list[float] = field(default_factory=list)
    failures: int = 0

    def failed(self, error: Exception) -> None:
        """Count a failure, and tell of it if it is among the first."""
        self.failures += 1
        if self.failures <= SHOWN:
            say(failure=f"{type(error).__name__}: {error}".splitlines()[0], at=time.strftime("%H:%M:%S"))

    def summary(self) -> dict[str, Any]:
        """Calls and failures, and the times of those that succeeded."""
        ordered = sorted(self.milliseconds)
        p50, p99 = (round(ordered[int(len(ordered) * share)], 1) if ordered else None for share in (0.5, 0.99))
        return {"calls": len(ordered) + self.failures, "failures": self.failures, "p50_ms": p50, "p99_ms": p99}


def manner(number: int) -> tuple[str, int]:
    """Return the era and the number of kept connections of a client."""
    return (MODERN, HANDSHAKE)[number // 2 % 2], number % 2


async def keep_calling(number: int, url: str, call: Call, token: str, counts: Counts, stop: asyncio.Event) -> None:
    """Be one client until `stop`."""
    era, kept = manner(number)
    limits = httpx2.Limits(max_keepalive_connections=kept)
    async with httpx2.AsyncClient(timeout=30, limits=limits) as client:
        while not stop.is_set():
            begun = time.perf_counter()
            try:
                result(await client.send(request(url, era, call, token)))
                counts.milliseconds.append((time.perf_counter() - begun) * 1000)
            except (httpx2.HTTPError, ValueError) as error:
                counts.failed(error)
            await asyncio.sleep(PAUSE)


async def first_answer(url: str, token: str) -> Call:
    """Wait until the server can be reached from here; return what is called.

    Raises:
        httpx2.TransportError: it cannot be, for a minute.
        ValueError: it can, and does not answer as an MCP server that this token may call.
    """
    end = time.monotonic() + PATIENCE
    async with httpx2.AsyncClient(timeout=5) as client:
        while True:
            try:
                return await choose(client, url, token)
            except httpx2.TransportError:
                if time.monotonic() > end:
                    raise
                await asyncio.sleep(0.2)


async def main() -> int:
    """Call until SIGTERM; return an exit status."""
    url, token = os.environ["URL"], os.environ.get("TOKEN", "")
    stop, counts, begun = asyncio.Event(), Counts(), time.monotonic()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        call = await first_answer(url, token)
    except (httpx2.HTTPError, ValueError) as error:
        say(unreachable=f"{type(error).__name__}: {error}".splitlines()[0])
        return 1
    if tool := os.environ.get("TOOL"):
        call = Call("tools/call", {"name": tool, "arguments": json.loads(os.environ.get("ARGUMENTS") or "{}")})
    clients = range(int(os.environ.get("CLIENTS", "8")))
    working = asyncio.gather(*(keep_calling(number, url, call, token, counts, stop) for number in clients))
    while not stop.is_set():
        say(**counts.summary())
        try:
            await asyncio.wait_for(stop.wait(), 1)
        except TimeoutError:
            continue
    await working
    say(summary=counts.summary() | {"seconds": round(time.monotonic() - begun, 1)})
    return 0


def say(**line: Any) -> None:
    """Write a line for whoever follows."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
