"""Find the components in a package: every module, in name order, without a registry or a base class."""

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

from fastmcp import FastMCP
from fastmcp.decorators import get_fastmcp_meta
from fastmcp.prompts import Prompt
from fastmcp.resources import Resource, ResourceTemplate
from fastmcp.server.lifespan import Lifespan
from fastmcp.server.providers import LocalProvider
from fastmcp.tools import Tool

from serving.errors import StartError

Component: TypeAlias = Tool | Resource | ResourceTemplate | Prompt


class DiscoveryError(StartError):
    """A module that cannot be used; the message is one line with its file and the reason."""


@dataclass
class Found:
    """What a package declares, in the order of its modules."""

    components: list[Component] = field(default_factory=list)
    lifespans: list[Lifespan] = field(default_factory=list)

    @property
    def lifespan(self) -> Lifespan | None:
        """All lifespans as one, entered in order and left in reverse; None when there is none."""
        return reduce(or_, self.lifespans) if self.lifespans else None

    def register(self, mcp: FastMCP) -> None:
        """Add every component to `mcp`."""
        for component in self.components:
            match component:
                case Tool():
                    mcp.add_tool(component)
                case Resource():
                    mcp.add_resource(component)
                case ResourceTemplate():
                    mcp.add_template(component)
                case Prompt():
                    mcp.add_prompt(component)


def load(package: ModuleType) -> Found:
    """Import every module of `package`, subpackages included, and collect what it declares.

    A module declares functions marked by FastMCP's `@tool`, `@resource` or `@prompt`, component objects, and
    lifespans. Modules whose name starts with an underscore are helpers and are left out.

    Raises:
        DiscoveryError: a module fails to import, declares nothing or repeats a component, or there is none.
            FastMCP's own `FileSystemProvider` warns and goes on; a server without half its tools looks healthy.
    """
    found = Found()
    owners: dict[str, str] = {}
    seen: set[int] = set()
    for name, file in _modules(package.__name__, list(package.__path__)):
        try:
            declared = [value for value in vars(importlib.import_module(name)).values() if _declares(value)]
            if not declared and not file.endswith("__init__.py"):
                raise ValueError("declares no @tool, @resource, @prompt or lifespan (a helper is named _*.py)")
            for value in declared:
                if id(value) not in seen:  # a module may import what another one declares
                    seen.add(id(value))
                    _collect(value, file, found, owners)
        except (Exception, SystemExit) as error:
            raise DiscoveryError(f"{file}: {_reason(error)}") from error
    if not found.components and not found.lifespans:
        raise DiscoveryError(f"{package.__name__}/: no file declares anything")
    return found


def _modules(package: str, paths: list[str]) -> Iterator[tuple[str, str]]:
    """Yield each module's name and file, a package's own `__init__.py` first, without importing any.

    A folder that is no package would be passed over in silence.
    """
    yield package, f"{package.replace('.', '/')}/__init__.py"
    for folder in (folder for path in paths for folder in Path(path).iterdir() if folder.is_dir()):
        if folder.name[0] not in "_." and not (folder / "__init__.py").exists() and any(folder.glob("*.py")):
            raise DiscoveryError(f"{package.replace('.', '/')}/{folder.name}/: expected an __init__.py")
    for module in sorted(pkgutil.iter_modules(paths), key=lambda module: module.name):
        name = f"{package}.{module.name}"
        if module.name.startswith("_"):
            continue
        if module.ispkg:
            yield from _modules(name, [str(Path(path) / module.name) for path in paths])
        else:
            yield name, f"{name.replace('.', '/')}.py"


def _declares(value: Any) -> bool:
    return isinstance(value, Component | Lifespan) or _kind(value) in ("tool", "resource", "prompt")


def _kind(value: Any) -> Any:
    return getattr(get_fastmcp_meta(value), "type", None)


def _collect(value: Any, file: str, found: Found, owners: dict[str, str]) -> None:
    if isinstance(value, Lifespan):
        found.lifespans.append(value)
        return
    component = value if isinstance(value, Component) else _build(value)
    key = component.key.rstrip("@").replace(":", " ", 1)
    if key in owners:
        raise ValueError(f"{key} is already declared in {owners[key]}")
    owners[key] = file
    found.components.append(component)


def _build(function: Any) -> Component:
    provider = LocalProvider()
    match _kind(function):
        case "tool":
            return provider.add_tool(function)
        case "resource":
            return provider.add_resource(function)
        case _:
            return provider.add_prompt(function)


def _reason(error: BaseException) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: {error.msg}"
    return text if type(error) is ValueError else f"{type(error).__name__}: {text}".rstrip(": ")
