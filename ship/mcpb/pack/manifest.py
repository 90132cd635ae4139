"""The manifest of a bundle of this server: generated from its identity, its settings and what `tools/` declares.

Source: https://github.com/modelcontextprotocol/mcpb, MANIFEST.md; versions 0.3 and, because of its type `uv`, 0.4.
"""

import re
import tomllib
from typing import Any, Final, Literal, TypeAlias

from serving.identity import ROOT, read_identity
from serving.settings import Settings
from ship.mcpb.errors import BundleError
from ship.mcpb.load.manifest import CHASSIS

BundleType: TypeAlias = Literal["python", "uv"]
TYPES: Final[tuple[BundleType, ...]] = ("python", "uv")
VERSIONS: Final[dict[BundleType, str]] = {"python": "0.3", "uv": "0.4"}
ENTRY_POINT: Final = "server.py"
DEPS: Final = "deps"
REQUIREMENTS: Final = "requirements.txt"
ASKED: Final = ("log_level", "call_seconds")
"""The settings of which a desktop client asks its user: of what also acts over stdio, what one may want to change."""
_HERE: Final = "${__dirname}/"
_TYPES: Final = {str: "string", int: "number", float: "number", bool: "boolean"}


async def manifest(kind: BundleType, python: str, platform: str) -> dict[str, Any]:
    """Return the manifest, for Python `python` ("3.14") on `platform` (linux, darwin, win32) if they are of weight.

    Raises:
        BundleError: pyproject.toml has a `[tool.mcpb.user_config]` that cannot be used.
        StartError: `tools/` cannot be used.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    who, asked = read_identity(), _asked() | _own(project)
    author = next((one["name"] for one in project["project"].get("authors", []) if "name" in one), who.name)
    urls = {name.lower(): url for name, url in project["project"].get("urls", {}).items()}
    said = {
        "manifest_version": VERSIONS[kind],
        "name": who.name,
        "version": who.version,
        "description": who.description,
        "author": {"name": author},
        "license": project["project"].get("license"),
        **{key: urls[key] for key in ("homepage", "documentation") if key in urls},
        "server": _server(kind, asked),
        **await _components(),
        "compatibility": _compatibility(kind, python, platform, project["project"]["requires-python"]),
        "user_config": {key: option for key, (option, _) in asked.items()},
        "_meta": {CHASSIS: {"settings": "MCP_"}},
    }
    return {key: value for key, value in said.items() if value is not None}


Asked: TypeAlias = dict[str, tuple[dict[str, Any], str]]
"""What a user is asked for: the option as the manifest has it, and the variable that it becomes."""


def _asked() -> Asked:
    return {name: (_option(name), f"MCP_{name.upper()}") for name in ASKED}


def _option(name: str) -> dict[str, Any]:
    field = Settings.model_fields[name]
    kind = _TYPES.get(field.annotation, "string") if isinstance(field.annotation, type) else "string"
    return {
        "type": kind,
        "title": name.replace("_", " ").capitalize(),
        "description": field.description,
        "default": field.default,
    }


def _own(project: dict[str, Any]) -> Asked:
    """Return what the tools need: each table below `[tool.mcpb.user_config]` is an option, and a variable.

    What is neither required nor has a default gets an empty one, or hosts would hand on its placeholder.
    """
    tables = project.get("tool", {}).get("mcpb", {}).get("user_config", {})
    for key, table in tables.items():
        if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", key) or not isinstance(table, dict) or "title" not in table:
            raise BundleError(f"pyproject.toml: [tool.mcpb.user_config.{key}]: expected a variable's name and a title")
    plain = {"type": "string"}
    return {
        key: (plain | {"description": table["title"]} | ({} if table.get("required") else {"default": ""}) | table, key)
        for key, table in tables.items()
    }


def _server(kind: BundleType, asked: Asked) -> dict[str, Any]:
    env = {variable: f"${{user_config.{key}}}" for key, (_, variable) in asked.items()}
    script = [_HERE + ENTRY_POINT, "--transport", "stdio"]
    if kind == "uv":
        run = ["run", "--no-project", "--with-requirements", _HERE + REQUIREMENTS]
        config: dict[str, Any] = {"command": "uv", "args": [*run, *script], "env": env}
    else:
        env = {"PYTHONPATH": _HERE + DEPS, **env}
        on_windows = {"win32": {"command": "python"}}
        config = {"command": "python3", "args": script, "env": env, "platform_overrides": on_windows}
    return {"type": kind, "entry_point": ENTRY_POINT, "mcp_config": config}


def _compatibility(kind: BundleType, python: str, platform: str, requires: str) -> dict[str, Any]:
    """Say where it runs: what is vendored is for one Python and platform, and uv installs what is right anywhere."""
    if kind == "uv":
        return {"runtimes": {"python": requires}}
    major, minor = map(int, python.split("."))
    return {"platforms": [platform], "runtimes": {"python": f">={major}.{minor},<{major}.{minor + 1}"}}


async def _components() -> dict[str, Any]:
    """List the tools and prompts; a prompt that cannot be rendered with placeholders is only announced."""
    from fastmcp.prompts import Prompt
    from fastmcp.tools import Tool

    import tools
    from serving.discovery import load

    found = load(tools).components
    listed = [{"name": one.name, **_described(one)} for one in found if isinstance(one, Tool)]
    prompts = [await _prompt(one) for one in found if isinstance(one, Prompt)]
    shown = [prompt for prompt in prompts if prompt]
    return {
        "tools": listed,
        "prompts": shown or None,
        "prompts_generated": True if len(shown) < len(prompts) else None,
    }


async def _prompt(prompt: Any) -> dict[str, Any] | None:
    names = [argument.name for argument in prompt.arguments or ()]
    try:
        rendered = await prompt.render({name: f"${{arguments.{name}}}" for name in names})
        [message] = rendered.messages
        text = message.content.text
    except Exception:  # an argument that is not text, a resource, several messages: whatever a prompt may be
        return None
    return {"name": prompt.name, **_described(prompt), **({"arguments": names} if names else {}), "text": text}


def _described(component: Any) -> dict[str, str]:
    """Return the first paragraph, which is what people are shown."""
    text = " ".join((component.description or "").strip().partition("\n\n")[0].split())
    return {"description": text} if text else {}
