"""What a guest's module offers, told from what else is in it. In doubt nothing is served, and it is said why."""

import inspect
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final, Literal

from serving.errors import StartError

Kind = Literal["chassis", "asgi", "fastmcp", "sdk", "lowlevel"]
APPS: Final = ("app", "application", "asgi")
"""What ASGI apps are called that are no Starlette."""
SERVERS: Final = ("mcp", "server", "app")
"""What the server is called, if there are several."""
EXPECTED: Final = "a FastMCP object, a server of the MCP SDK, an ASGI app, or create_server() of the simple contract"
_KINDS: Final[Mapping[Kind, tuple[str, str]]] = {
    "fastmcp": ("fastmcp.server.server", "FastMCP"),
    "sdk": ("mcp.server.mcpserver.server", "MCPServer"),
    "lowlevel": ("mcp.server.lowlevel.server", "Server"),
    "asgi": ("starlette.applications", "Starlette"),
}


@dataclass(frozen=True)
class Guest:
    """What a guest offers: an app, with a chassis or without, a FastMCP, or one of the SDK's two servers."""

    kind: Kind
    offers: Any

    @property
    def asks_for_tokens(self) -> bool:
        """Whether it is a server that does so itself."""
        if self.kind == "sdk":
            return bool(self.offers.settings.auth or self.offers._token_verifier)  # which has no public name
        return self.kind == "fastmcp" and self.offers.auth is not None


def named_in(module: ModuleType, name: str) -> Guest | None:
    """Return what has this name, if it can be served."""
    offered = getattr(module, name, None)
    return _recognise(offered) or (Guest("asgi", offered) if _is_called_as_asgi(offered) else None)


def chosen_in(module: ModuleType, called: str) -> Guest:
    """Return what is to be served of all that a module has; an app, if it leads to the server beside it.

    Raises:
        StartError: there is nothing, or it is not clear what; messages say `called` for the module.
    """
    names = list(vars(module)) + (
        ["app"] if "__getattr__" in vars(module) else []
    )  # which is made when it is asked for
    found = {name: guest for name in dict.fromkeys(names) if (guest := _worth_a_look(module, name))}
    for guest in found.values():
        if guest.kind == "chassis":
            return guest
    app = _one({name: guest for name, guest in found.items() if guest.kind == "asgi"}, APPS, called)
    server = _one({name: guest for name, guest in found.items() if guest.kind != "asgi"}, SERVERS, called)
    if app and server and not _leads_to_a_server(app.offers):
        raise _which(called, "an app and a server")
    if chosen := app or server:
        return chosen
    raise StartError(f"{called}: expected {EXPECTED} in it")


def _worth_a_look(module: ModuleType, name: str) -> Guest | None:
    return named_in(module, name) if name in APPS else _recognise(getattr(module, name, None))


def _one(found: Mapping[str, Guest], preferred: Iterable[str], called: str) -> Guest | None:
    """Return the one of several that has the best name, unless another one asks for tokens and it does not."""
    different = {id(guest.offers): guest for guest in found.values()}
    if len(different) < 2:
        return next(iter(different.values()), None)
    best = next((found[name] for name in preferred if name in found), None)
    if best is None or (any(one.asks_for_tokens for one in different.values()) and not best.asks_for_tokens):
        raise _which(called, ", ".join(found))
    return best


def _which(called: str, several: str) -> StartError:
    return StartError(f"{called} has {several}: name the one that is to be served, as in MCP_ENTRYPOINT={called}:app")


def _recognise(offered: Any) -> Guest | None:
    """Say what it is; of a class that is not imported by now, nothing can be."""
    for kind, (module, name) in _KINDS.items():
        known = getattr(sys.modules.get(module), name, None)
        if known and isinstance(offered, known):
            has_chassis = kind == "asgi" and getattr(offered.state, "chassis", None) is not None
            return Guest("chassis" if has_chassis else kind, offered)
    return None


def _is_called_as_asgi(offered: Any) -> bool:
    """Say whether it takes three arguments as ASGI 3 has them; a function has to call them so, as tools do not."""
    if not callable(offered) or inspect.isclass(offered):
        return False
    try:
        parameters = inspect.signature(offered).parameters
    except (TypeError, ValueError):
        return False
    if inspect.isfunction(offered):
        return list(parameters) == ["scope", "receive", "send"]
    needed = [one for one in parameters.values() if one.default is one.empty]
    return len(needed) == 3 and all(one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD) for one in needed)


def _leads_to_a_server(app: Any) -> bool:
    """Say whether it is the app of a FastMCP, or has one mounted."""
    if getattr(getattr(app, "state", None), "fastmcp_server", None) is not None:
        return True
    return any(
        _leads_to_a_server(inner) for route in getattr(app, "routes", ()) if (inner := getattr(route, "app", None))
    )
