"""Somebody's server, imported from its entry point."""

import importlib.util
import logging
import sys
from pathlib import Path
from types import ModuleType
from typing import Final

from serving.errors import StartError
from ship.aws_lambda.boot.contract.registry import current_server
from ship.aws_lambda.boot.offers import EXPECTED, Guest, chosen_in, named_in
from ship.aws_lambda.boot.place import Place

log: Final = logging.getLogger("ship.aws_lambda")


def load_guest(place: Place) -> Guest:
    """Import the entry point, and return what it offers.

    Raises:
        StartError: it cannot be imported, or offers nothing that can be served.
    """
    module = _import(place)
    if place.named:
        if guest := named_in(module, place.named):
            return guest
        raise StartError(f"{place.entrypoint}:{place.named}: expected {EXPECTED}")
    if simple := current_server():
        return Guest("lowlevel", simple.lowlevel())
    return chosen_in(module, place.entrypoint)


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
