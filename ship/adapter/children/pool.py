"""The children that all clients share: so many run, and one that ends is started again, later each time it fails."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from serving.errors import StartError
from ship.adapter.children.child import Child
from ship.adapter.children.exchange import ChildGoneError
from ship.adapter.children.program import Program
from ship.adapter.children.wire import Json

log: Final = logging.getLogger("ship.adapter.children.pool")

FIRST_PAUSE_SECONDS: Final = 0.25
"""How long to wait before a child is started again; twice as long each time that it does not last."""
LONGEST_PAUSE_SECONDS: Final = 30.0
LASTING_SECONDS: Final = 10.0
"""A child that has run for so long has not failed at its start: the next pause is the first one again."""
CAN_BE_ASKED: Final[Json] = {"elicitation": {"form": {}, "url": {}}}
"""What a shared child is told of its clients, of whom it knows nothing before they call."""


class Pool:
    """`size` children of one program; `on_return` is told of each that was started again."""

    def __init__(
        self,
        program: Program,
        size: int,
        on_change: Callable[[Json], None],
        on_return: Callable[[Child], Awaitable[None]],
    ) -> None:
        self._program, self._size, self._on_change, self._on_return = program, size, on_change, on_return
        self._living: list[Child] = []
        self._why_none = f"{program.name} has not started"

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Start all children, and end them at last.

        Raises:
            StartError: one cannot be started; later ones are tried again.
        """
        children = [self._new() for _ in range(self._size)]
        keepers: list[asyncio.Task[None]] = []
        try:
            started = await asyncio.gather(*(child.start(CAN_BE_ASKED) for child in children), return_exceptions=True)
            for error in filter(None, started):
                raise error
            self._living += children
            keepers += [asyncio.create_task(self._keep(child)) for child in children]
            yield
        finally:
            for keeper in keepers:
                keeper.cancel()
            children, self._living = [*children, *self._living], []
            await asyncio.gather(*(child.stop() for child in children), return_exceptions=True)

    @property
    def version(self) -> str:
        """Which version the program says that it has."""
        who = self._living[0].server.get("serverInfo") if self._living else None
        return str(who.get("version") or "") if isinstance(who, dict) else ""

    def pick(self) -> Child:
        """Return the child that has the least to do.

        Raises:
            ChildGoneError: none lives.
        """
        if not self._living:
            raise ChildGoneError(self._why_none)
        return min(self._living, key=lambda child: child.load)

    def _new(self) -> Child:
        return Child(self._program, shared=True, on_change=self._on_change)

    async def _keep(self, child: Child) -> None:
        """Start a child again whenever it has ended."""
        now = asyncio.get_running_loop().time
        pause, begun = FIRST_PAUSE_SECONDS, now()
        while True:
            how = await child.ended()
            self._living = [living for living in self._living if living is not child]
            while True:
                pause = (
                    FIRST_PAUSE_SECONDS if now() - begun > LASTING_SECONDS else min(2 * pause, LONGEST_PAUSE_SECONDS)
                )
                self._why_none = f"{self._program.name} {how} and is started again: try again in {pause:g} s"
                log.warning("a child is started again", extra={"why": how, "in_seconds": pause})
                await asyncio.sleep(pause)
                child, begun = self._new(), now()
                try:
                    await child.start(CAN_BE_ASKED)
                    break
                except (StartError, OSError) as error:
                    how = "cannot be started"
                    log.error(error)  # noqa: TRY400  it is one line for people
            self._living.append(child)
            await self._on_return(child)
