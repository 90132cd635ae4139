"""FastMCP's session state, as long as there is none: a server that keeps no state need not load what would keep it.

In the handshake era FastMCP asks for it with each call, because a session may have hidden tools. For the first one it
loads key_value and beartype, 435 modules: that takes 200 ms and 7 MB.
"""

from typing import Any, Final

from fastmcp import FastMCP

_STORE: Final = "_FastMCP__state_store"
"""Where FastMCP 4.1 keeps its store, None before its first use. Where it does not, it is left alone."""


def load_state_when_used(mcp: FastMCP) -> None:
    """Let `mcp` answer that nothing is stored until something is, unless its store is one that others write, too."""
    if vars(mcp).get(_STORE, mcp) is None and vars(mcp).get("_state_storage", mcp) is None:
        setattr(mcp, _STORE, _NothingYet(mcp))


class _NothingYet:
    """Stands where the store will be."""

    def __init__(self, mcp: FastMCP) -> None:
        self._mcp = mcp

    async def get(self, *where: Any, **options: Any) -> Any:
        """Return what is stored, which is nothing before the first use of anything else."""
        store = getattr(self._mcp, _STORE)
        return None if store is self else await store.get(*where, **options)

    def __getattr__(self, name: str) -> Any:
        if getattr(self._mcp, _STORE) is self:
            setattr(self._mcp, _STORE, None)  # FastMCP makes the real one
        return getattr(self._mcp._state_store, name)
