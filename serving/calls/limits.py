"""How many calls run, how often a client may call and how long a call may take, whatever the transport.

Counted are calls, not requests: over sse the request is answered at once and the work goes on elsewhere, and a sync
tool's thread goes on after its call has timed out, because no thread can be stopped.
"""

import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from typing import Any, Final

from fastmcp.exceptions import ToolError
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from starlette.types import Scope

from serving.settings import Settings

log: Final = logging.getLogger("serving.calls.limits")

RUNS_CODE: Final = frozenset({"tools/call", "resources/read", "prompts/get", "completion/complete"})
"""The methods that run what somebody wrote, and so count as calls."""
MAX_CLIENTS: Final = 10_000
"""How many clients' rates are remembered; who was silent for longest is forgotten first."""
BUSY_SECONDS: Final = 1
"""What a client is told to wait when every slot is taken."""


class LimitError(ToolError):
    """A call that a limit refuses or ends; over HTTP `status` and `code` say which, before it has begun."""

    status: int = 503
    code: str = "busy"
    retry_after: int | None = None


class BusyError(LimitError):
    """As many calls run as may."""

    retry_after = BUSY_SECONDS


class RateLimitError(LimitError):
    """The client calls more often than it may; `retry_after` says for how many seconds to wait."""

    status = 429
    code = "rate_limited"

    def __init__(self, text: str, retry_after: int) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class CallTimeoutError(LimitError):
    """The call took longer than it may."""

    status = 504
    code = "timed_out"


class ResultTooLargeError(LimitError):
    """The tool's answer weighs more than it may."""

    status = 500
    code = "result_too_large"

    def __init__(self, weight: int, most: int) -> None:
        super().__init__(f"the answer weighs {weight} bytes, more than {most} (MCP_MAX_RESULT_BYTES): ask for less")


class StoppedError(LimitError):
    """The server stopped before the call had ended."""

    code = "stopping"


class UnavailableError(LimitError):
    """What the call needs is not there now, such as the server behind an adapter."""

    code = "unavailable"
    retry_after = BUSY_SECONDS


class Slot:
    """The room that one call takes up, from its admission until its last thread has ended."""

    def __init__(self, give_back: Callable[["Slot"], None]) -> None:
        self.taken = False
        self.answered = False
        self.cancel: Callable[[], Any] = lambda: None
        self._give_back = give_back
        self._held = True

    def release(self) -> None:
        """Make room for another call; a second time does nothing."""
        if self._held:
            self._held = False
            self._give_back(self)


class Limits:
    """The accounts of one process; `count` is told of every call that begins (1) and ends (-1).

    `used` says whether there has been any.
    """

    def __init__(self, settings: Settings, count: Callable[[int], Any] | None = None) -> None:
        self.most = settings.max_concurrency
        self.count = count or (lambda _: None)
        self.running: set[Slot] = set()
        self.used = False
        self._rate = Rate(settings.rate_limit) if settings.rate_limit else None

    @property
    def awaited(self) -> list[Slot]:
        """The calls whose answer is still to come; the others are threads that nobody waits for."""
        return [slot for slot in self.running if not slot.answered]

    def admit(self, scope: Scope | None = None) -> Slot:
        """Give a call its slot; `scope` is that of the HTTP request it came with, if it came with one.

        Raises:
            BusyError: every slot is taken.
            RateLimitError: its client has called too often.
        """
        if len(self.running) >= self.most:
            raise BusyError(
                f"the server runs {self.most} calls, the most it may at a time (MCP_MAX_CONCURRENCY): try again"
            )
        if self._rate:
            self._rate.spend(client_of(scope))
        self.used = True
        slot = Slot(self._end)
        self.running.add(slot)
        self.count(1)
        return slot

    def _end(self, slot: Slot) -> None:
        self.running.discard(slot)
        self.count(-1)

    def stop(self) -> None:
        """End every call that still runs: each is answered with a StoppedError."""
        for slot in list(self.running):
            slot.cancel()


class Rate:
    """So many calls a minute for each client: all at once or evenly, whichever it likes (GCRA, ITU-T I.371)."""

    def __init__(self, calls_a_minute: int, now: Callable[[], float] = time.monotonic) -> None:
        self._calls = calls_a_minute
        self._interval = 60 / calls_a_minute
        self._now = now
        self._paid_until: OrderedDict[str, float] = OrderedDict()

    def spend(self, client: str) -> None:
        """Count a call.

        Raises:
            RateLimitError: it is one too many.
        """
        now = self._now()
        paid_until = max(self._paid_until.get(client, now), now) + self._interval
        wait = paid_until - now - 60
        if wait > 1e-6:
            seconds = math.ceil(wait)
            text = f"more than {self._calls} calls a minute (MCP_RATE_LIMIT): try again in {seconds} s"
            raise RateLimitError(text, seconds)
        self._paid_until[client] = paid_until
        self._paid_until.move_to_end(client)
        if len(self._paid_until) > MAX_CLIENTS:
            self._paid_until.popitem(last=False)


def client_of(scope: Scope | None) -> str:
    """Name who calls: the owner of its token, else its address (of IPv6 the network: a client has 2**64 addresses)."""
    if scope is None:
        return "local"
    user = scope.get("user")
    if isinstance(user, AuthenticatedUser):
        return f"token {user.access_token.client_id} {user.access_token.subject or ''}"
    host = (scope.get("client") or ("unknown", 0))[0]
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, IPv6Address) and not address.ipv4_mapped:
        return f"{IPv6Address(int(address) >> 64 << 64)}/64"
    return str(getattr(address, "ipv4_mapped", None) or address)
