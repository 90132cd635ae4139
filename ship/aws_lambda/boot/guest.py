"""Somebody's server: imported from its entry point, and what it offers told from what else it has."""

import importlib.util
import inspect
import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Literal, cast, get_args

from serving.errors import StartError
from ship.aws_lambda.boot.contract.registry import current_server
from ship.aws_lambda.boot.place import Place

log: Final = logging.getLogger("ship.aws_lambda")

Kind = Literal["chassis", "asgi", "fastmcp", "sdk", "lowlevel"]
APPS: Final = ("app", "application", "asgi")
"""What ASGI apps are called."""
EXPECTED: Final = "a FastMCP object, a server of the MCP SDK, an ASGI app, or create_server() of the simple contract"


@dataclass(frozen=True)
class Guest:
    """What a guest offers: an app, with a chassis or without, a FastMCP, or one of the SDK's two servers."""

    kind: Kind
    offers: Any


def load_guest(place: Place) -> Guest:
    """Import the entry point, and return what it offers.

    Raises:
        StartError: it cannot be imported, or offers nothing that can be served.
    """
    module = _import(place)
    if place.named:
        if guest := _recognise(getattr(module, place.named, None)):
            return guest
        raise StartError(f"{place.entrypoint}:{place.named}: expected {EXPECTED}")
    if simple := current_server():
        return Guest("lowlevel", simple.lowlevel())
    found = [guest for offered in _offered(module) if (guest := _recognise(offered))]
    for kind in get_args(Kind):  # an app before the server that is in it: its author has put something around that
        of_kind = {id(guest.offers): guest for guest in found if guest.kind == kind}
        if len(of_kind) > 1:
            log.warning("%s has several servers: the first is served (name one as in server.py:mcp)", place.entrypoint)
        if of_kind:
            return next(iter(of_kind.values()))
    raise StartError(f"{place.entrypoint}: expected {EXPECTED} in it")


def _import(place: Place) -> ModuleType:
    path = place.root / place.entrypoint
    spec = importlib.util.spec_from_file_location(_module_name(path), path)
    if spec is None or spec.loader is None:
        raise StartError(f"{place.entrypoint}: expected a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except StartError:
        raise
    except (Exception, SystemExit) as error:
        log.debug("the guest cannot be imported", exc_info=True)
        raise StartError(f"{place.entrypoint} cannot be imported: {_of(error, place)}") from None
    return module


def _module_name(path: Path) -> str:
    """Return what it is called where it is imported, so that it is not run twice, or another name for an `mcp.py`."""
    try:
        found = None if path.stem in sys.modules else importlib.util.find_spec(path.stem)
    except (ImportError, ValueError):
        found = None
    return path.stem if found and found.origin == str(path) else f"guest_{path.stem}"


def _of(error: BaseException, place: Place) -> str:
    """Return an error's kind and place, but not what it says, which can quote what was configured."""
    name, line = "", 0
    trace = error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename.startswith(str(place.root)):
            name, line = trace.tb_frame.f_code.co_filename.removeprefix(f"{place.root}/"), trace.tb_lineno
        trace = trace.tb_next
    missing = f" ({error.name})" if isinstance(error, ModuleNotFoundError) else ""
    return f"{type(error).__name__}{missing}" + (f" at {name}:{line}" if name else "")


def _offered(module: ModuleType) -> Iterator[Any]:
    """Yield what could be served: first what is called as an app is, also if it is only made when it is asked for."""
    has = vars(module)
    lazy = ("app",) if "__getattr__" in has else ()
    yield from (getattr(module, name, None) for name in dict.fromkeys((*lazy, *APPS)) if name in has or name in lazy)
    yield from (value for value in list(has.values()) if not _is_asgi(value))  # a class or function may look like one


def _recognise(offered: Any) -> Guest | None:
    """Say what it is; what was not imported by now is what nothing can be of."""
    if getattr(getattr(offered, "state", None), "chassis", None):
        return Guest("chassis", offered)
    for kind, module, name in (
        ("fastmcp", "fastmcp.server.server", "FastMCP"),
        ("sdk", "mcp.server.mcpserver.server", "MCPServer"),
        ("lowlevel", "mcp.server.lowlevel.server", "Server"),
    ):
        known = getattr(sys.modules.get(module), name, None)
        if known and isinstance(offered, known):
            return Guest(cast("Kind", kind), offered)
    return Guest("asgi", offered) if _is_asgi(offered) else None


def _is_asgi(offered: Any) -> bool:
    """Say whether it is called as ASGI 3 has it: awaited, with three arguments."""
    called = offered if inspect.isfunction(offered) or inspect.ismethod(offered) else getattr(offered, "__call__", None)  # noqa: B004
    if not inspect.iscoroutinefunction(called):
        return False
    try:
        inspect.signature(offered).bind("scope", "receive", "send")
    except (TypeError, ValueError):
        return False
    return True
