"""Does any replica answer any request?"""

from itertools import cycle, islice
from typing import Final

import httpx2

from k8s.rollout.caller import HANDSHAKE, LIST, MODERN, Call, request, result
from k8s.validation.report import Failed, Report
from k8s.validation.server import Server, send

ROUNDS: Final = 10
_HELLO: Final = Call(
    "initialize",
    {"protocolVersion": HANDSHAKE, "capabilities": {}, "clientInfo": {"name": "validate", "version": "1"}},
)


async def go_round(report: Report, servers: dict[str, Server]) -> None:
    """Call one after the other, in both eras, always over a new connection. `servers` are replicas by name."""

    async def modern() -> str:
        return await _call_all(servers, MODERN, {})

    async def handshake() -> str:
        """A client says hello to one replica, and the others must not be surprised by what follows."""
        first = next(iter(servers.values()))
        async with httpx2.AsyncClient(timeout=first.timeout) as client:
            reply = await send(client, request(first.url, HANDSHAKE, _HELLO, first.token))
        result(reply)
        session = reply.headers.get("mcp-session-id")
        return await _call_all(servers, HANDSHAKE, {"mcp-session-id": session} if session else {})

    await report.ask("2026-07-28: any replica answers", modern)
    await report.ask("handshake: any replica answers", handshake)


async def _call_all(servers: dict[str, Server], era: str, headers: dict[str, str]) -> str:
    answered: dict[str, int] = dict.fromkeys(servers, 0)
    missed: list[str] = []
    no_reuse = httpx2.Limits(max_keepalive_connections=0)
    async with httpx2.AsyncClient(limits=no_reuse) as client:
        for name in islice(cycle(servers), ROUNDS * max(len(servers), 2)):
            call = request(servers[name].url, era, LIST, servers[name].token)
            call.headers.update(headers)
            call.extensions["timeout"] = httpx2.Timeout(servers[name].timeout).as_dict()
            try:
                result(await send(client, call))
                answered[name] += 1
            except (httpx2.HTTPError, ValueError, Failed) as error:
                missed.append(f"{name}: {str(error) or type(error).__name__}")
    if missed:
        calls = len(missed) + sum(answered.values())
        raise Failed(f"{len(missed)} of {calls} calls failed, the first at {missed[0]}")
    if len(servers) == 1:
        return f"{sum(answered.values())} calls; with one address, which replica answered cannot be told"
    return ", ".join(f"{name} answered {number}" for name, number in answered.items())
