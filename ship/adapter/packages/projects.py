"""What the files of a project in JavaScript or in Python say of how its server is started."""

import ast
import configparser
import re
import shlex
import tomllib
import warnings
from contextlib import suppress
from typing import Any, Final

from packaging.utils import canonicalize_name

from ship.adapter.packages.evidence import Evidence, package_name, script_command
from ship.adapter.packages.folder import Folder, UnusableError, as_table, as_text, as_texts
from ship.adapter.packages.names import SDKS, requirement_names, shown

USUAL: Final = ("server.py", "main.py", "app.py", "src/server.py", "src/main.py")
"""Where a server in Python is that nothing declares."""


def read_package_json(folder: Folder, name: str) -> Evidence:
    """Read what npm starts: the program, the start script, or else the main file.

    Raises:
        UnusableError: it declares none of them, or what is outside.
    """
    data = folder.json(name)
    own = as_text(data.get("name"))
    needs = {key for kind in ("dependencies", "peerDependencies") for key in as_table(data.get(kind))}
    command, why, declared = _node_start(folder, data, own)
    sdk = min(SDKS["npm"] & needs, default=None)
    weight = 1 + declared + bool(sdk)
    if command[0] == "node" and not folder.has(command[-1]):
        why, weight = f"{why} (not built yet)", max(weight - 1, 1)
    package = None if data.get("private") is True else package_name(own, "npm")
    return Evidence(name, "npm", package, command, weight, f"{why}, {_dependence(sdk)}")


def _dependence(sdk: str | None) -> str:
    return f"and it depends on {sdk}" if sdk else "but it depends on no MCP SDK"


def _node_start(folder: Folder, data: dict[str, Any], own: str) -> tuple[list[str], str, bool]:
    """Return the command, what says so, and whether that is declared rather than guessed."""
    programs = data.get("bin")
    named = {own: programs} if isinstance(programs, str) else as_table(programs)
    short = own.rpartition("/")[2]
    chosen = next(iter(named)) if len(named) == 1 else next((key for key in (own, short) if key in named), None)
    if chosen is not None:
        return script_command(folder, folder.inside(named[chosen])), f'"bin" has {shown(chosen)}', True
    with suppress(ValueError):  # of quotes that are not closed
        words = shlex.split(as_text(as_table(data.get("scripts")).get("start")))
        if len(words) == 2 and words[0] == "node":
            return ["node", folder.inside(words[1])], '"scripts" has a start', True
    if data.get("main"):
        return script_command(folder, folder.inside(data["main"])), 'it has "main"', False
    several = f"several programs ({shown(', '.join(sorted(named)))})" if named else "nothing to start"
    raise UnusableError(f'it declares {several}: neither one "bin", nor "scripts" with node FILE as start, nor "main"')


def read_pyproject(folder: Folder, name: str) -> Evidence:
    """Read a pyproject.toml, in the words of PEP 621 or of Poetry.

    Raises:
        UnusableError: it is none, or there is nothing to start.
    """
    data = folder.parse(name, tomllib.loads)
    project, poetry = as_table(data.get("project")), as_table(as_table(data.get("tool")).get("poetry"))
    own = as_text(project.get("name")) or as_text(poetry.get("name"))
    scripts = as_table(project.get("scripts")) or as_table(poetry.get("scripts"))
    needs = requirement_names(as_texts(project.get("dependencies")))
    needs |= {str(canonicalize_name(key)) for key in as_table(poetry.get("dependencies"))}
    private = any(text.startswith("Private ::") for text in as_texts(project.get("classifiers")))
    return _python(folder, name, "" if private else own, scripts, needs)


def read_setup_cfg(folder: Folder, name: str) -> Evidence:
    """Read a setup.cfg of setuptools.

    Raises:
        UnusableError: it is none, or there is nothing to start.
    """
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(folder.read(name))
    except configparser.Error:
        raise UnusableError("it is not what configparser reads") from None
    scripts = _ini(parser.get("options.entry_points", "console_scripts", fallback=""))
    needs = requirement_names(parser.get("options", "install_requires", fallback="").splitlines())
    return _python(folder, name, parser.get("metadata", "name", fallback=""), scripts, needs)


def read_setup_py(folder: Folder, name: str) -> Evidence:
    """Read the literals that a setup.py hands to setup(); it is parsed, and never run.

    Raises:
        UnusableError: it cannot be parsed, or there is nothing to start.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a stranger's escapes
        tree = folder.parse(name, ast.parse)
    said: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "setup":
            for keyword in node.keywords:
                with suppress(ValueError, TypeError, SyntaxError, MemoryError, RecursionError):  # more than a literal
                    said[keyword.arg or ""] = ast.literal_eval(keyword.value)
    points = as_table(said.get("entry_points")).get("console_scripts")
    scripts = _ini(points if isinstance(points, str) else "\n".join(as_texts(points)))
    needs = requirement_names(as_texts(said.get("install_requires")))
    return _python(folder, name, as_text(said.get("name")), scripts, needs)


def read_requirements(folder: Folder, name: str) -> Evidence:
    """Read a requirements.txt; what it includes is left out.

    Raises:
        UnusableError: there is nothing to start.
    """
    needs = requirement_names(line.partition(" #")[0].strip() for line in folder.read(name).splitlines())
    return _python(folder, name, "", {}, needs)


def _python(folder: Folder, name: str, own: str, scripts: dict[str, Any], needs: set[str]) -> Evidence:
    command, why, declared = _python_start(folder, own, scripts)
    sdk = min(SDKS["python"] & needs, default=None)
    why = f"{why}, {_dependence(sdk)}"
    return Evidence(name, "python", package_name(own, "python"), command, 1 + declared + bool(sdk), why)


def _python_start(folder: Folder, own: str, scripts: dict[str, Any]) -> tuple[list[str], str, bool]:
    """Return the command, what says so, and whether that is declared rather than found."""
    named = {str(canonicalize_name(key)): key for key in scripts if re.fullmatch(r"\w[\w.-]*", key, re.ASCII)}
    chosen = next(iter(named.values())) if len(named) == 1 else named.get(str(canonicalize_name(own)))
    module = as_text(scripts[chosen]).partition(":")[0].partition(".")[0] if chosen else re.sub(r"[-.]+", "_", own)
    if module.isidentifier() and folder.has(f"{module}/__main__.py"):
        return ["python", "-m", module], f"{module} has a __main__", True
    if chosen:
        return ["uv", "run", chosen], f"its script is {chosen}", True
    if module.isidentifier() and folder.has(f"src/{module}/__main__.py"):
        return ["uv", "run", "python", "-m", module], f"{module} in src has a __main__", True
    for file in USUAL:
        if folder.has(file):
            return ["python", file], f"there is {file}", False
    several = f"several scripts ({shown(', '.join(sorted(named)))})" if named else "nothing to start"
    raise UnusableError(f"it declares {several}, and there is none of {', '.join(USUAL)}")


def _ini(text: str) -> dict[str, Any]:
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {key.strip(): value.strip() for key, _, value in pairs}
