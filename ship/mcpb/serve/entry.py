"""Whether a bundle exports an ASGI app: read from its source, and not run."""

import ast
import warnings
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from ship.mcpb.load.manifest import Bundle

MOST_SOURCE_BYTES: Final = 128 * 1024
"""A longer entry point is not looked into: nothing else of ours runs while Python parses, which can take long."""


def module_of_app(bundle: Bundle) -> str | None:
    """Return the module that exports `app`, by its entry point (`src/server.py` is `src.server`); None if none does.

    It is read, and not run.
    """
    if bundle.manifest.server.type != "python":
        return None
    parts = PurePosixPath(bundle.manifest.server.entry_point).with_suffix("").parts
    if bundle.entry_point.suffix != ".py" or not all(part.isidentifier() for part in parts):
        return None
    try:
        if bundle.entry_point.stat().st_size > MOST_SOURCE_BYTES:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the bundle's style
            bound = set(_bound(ast.parse(bundle.entry_point.read_bytes()).body))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return ".".join(parts) if "app" in bound or {"app:", "__getattr__"} <= bound else None


def _bound(body: list[ast.stmt]) -> Iterator[str]:
    """Yield what a module's statements bind; and what they only declare, with a colon."""
    for node in body:
        match node:
            case ast.Assign(targets=targets):
                names = [one for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)]
                yield from (name.id for name in names if isinstance(name.ctx, ast.Store))
            case ast.AnnAssign(target=ast.Name(id=name), value=value):
                yield name if value else f"{name}:"
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                yield from (alias.asname or alias.name for alias in aliases)
            case ast.If() | ast.Try() | ast.With():
                for part in ("body", "orelse", "handlers", "finalbody"):
                    for inner in getattr(node, part, []):
                        yield from _bound(inner.body if isinstance(inner, ast.ExceptHandler) else [inner])
