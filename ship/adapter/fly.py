"""Write the fly.toml with which Fly.io builds ship/adapter/Dockerfile and runs it; no secret gets into it."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Final

from pydantic import SecretStr

from serving.errors import StartError
from serving.sources import PREFIX, load_settings
from serving.stop import CLEANUP_SECONDS
from ship.adapter.children.environment import CHILD_ENV
from ship.adapter.children.process import CLOSED_SECONDS, TERM_SECONDS
from ship.adapter.packages.detect import detect_package
from ship.adapter.packages.names import parse
from ship.adapter.settings import AdapterSettings

PORT: Final = 8000
"""Where the image listens."""
MOST_SECONDS: Final = 300
"""How long Fly.io waits at most between a signal and the end of a machine."""
LONGEST_NAME: Final = 63
"""Characters of a DNS label, which the name of an app becomes."""

_OF_THIS_MACHINE: Final = frozenset({"host", "port", "install_dir", "auth_tokens_file"})
"""What the image says there, and files that are not in it."""
_SECRET_NAME: Final = re.compile(r"TOKEN|KEY|SECRET|PASSW|PWD|CREDENTIAL|AUTHORIZATION|BEARER", re.IGNORECASE)
_SECRET_VALUE: Final = re.compile(
    r"//[^/\s]*@|-----BEGIN|\b(gh[a-z]_|github_pat_|glpat-|sk-|pk-|rk_|xox\w-|npm_|pypi-|hf_|AKIA|ASIA|AIza|eyJ)\w"
)
"""Who logs in at a URL, keys, and what well-known services begin their tokens with."""
_RANDOM: Final = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])([A-Za-z0-9+-]{20,}|(?=.*[a-z])[\w+-]{20,})", re.ASCII)
"""Nothing that a person would choose; capitals with underscores are the name of a variable."""
_VARIABLE: Final = re.compile(r"[A-Za-z_]\w*", re.ASCII)

_TOML: Final = """\
# Written by `python -m ship.adapter fly`. In the folder with ship/, serving/ and this file:
#
# fly apps create {name}
{secrets}# fly deploy --ha=false
#
# One machine, because a child may keep something between calls: what it is told on one, another does not know.

app = {app}
kill_signal = "SIGTERM"
kill_timeout = {seconds} # s; more than running calls get to finish, and the child to end

[build]
dockerfile = "ship/adapter/Dockerfile"
{arguments}
[env]
{variables}
[http_service]
internal_port = {port}
force_https = true
auto_stop_machines = "off" # with a machine its sessions would end, and what its child keeps
auto_start_machines = true
min_machines_running = 1

{checks}
[[vm]]
size = "shared-cpu-1x"
memory = "512mb" # 256 is not enough for the adapter and a child
"""
_CHECK: Final = """\
[[http_service.checks]]
method = "GET"
path = "{path}"
interval = "10s"
timeout = "3s"
grace_period = "60s"
"""


def fly(environ: Mapping[str, str]) -> str:
    """Return the fly.toml of what these variables say is to be run; asks the registries if they do not say which one.

    Raises:
        StartError: a setting is missing, or does not fit.
    """
    settings = load_settings(AdapterSettings, environ=environ)
    runtime = settings.runtime.lower()
    if settings.package and not settings.command and not runtime:
        runtime = detect_package(settings.package).runtime
    return fly_toml(runtime, settings.package, settings.command, environ)


def fly_toml(runtime: str, package: str, command: str, environ: Mapping[str, str]) -> str:
    """Return the fly.toml of a package, whose runtime is npm or python, or of a command, with these settings.

    What is secret, or looks so, is named in a comment: `fly secrets set NAME=...`, and so is what the child sees.
    Source: https://fly.io/docs/reference/configuration/

    Raises:
        StartError: a setting does not fit, or this is no package's name.
    """
    settings = load_settings(AdapterSettings, environ=environ)
    if settings.transport == "stdio":
        raise StartError("MCP_TRANSPORT=stdio: expected http or sse, because Fly.io has no other way in")
    own = _program(runtime, package, command.strip())
    given = own | {key: environ[key] for key in _settings() if environ.get(key)}
    name = _app_name(package or ("" if _is_secret("MCP_COMMAND", command) else command))
    given.setdefault("MCP_PUBLIC_URL", f"https://{name}.fly.dev")
    given.setdefault("MCP_AUTH", "token")  # the whole internet can reach it
    secret = {key for key, value in given.items() if _is_secret(key, value)}
    public = {key: value for key, value in given.items() if key not in secret}
    if given["MCP_AUTH"].lower() == "token":
        secret.add("MCP_AUTH_TOKENS")
    return _TOML.format(
        name=name,
        secrets="".join(f"# fly secrets set {key}=...\n" for key in sorted(secret | _childs(settings, environ))),
        app=_text("app", name),
        seconds=_kill_timeout(settings),
        arguments=f"\n[build.args]\n{_pairs(own)}" if package else "",
        variables=_pairs(public),
        port=PORT,
        checks="\n".join(_CHECK.format(path=path) for path in ("/health", "/ready")),
    )


def _program(runtime: str, package: str, command: str) -> dict[str, str]:
    if bool(package) == bool(command):
        raise StartError("MCP_PACKAGE: expected the name of an npm or PyPI package, or else MCP_COMMAND")
    if command:
        return {"MCP_RUNTIME": "custom", "MCP_COMMAND": command}
    parse(package, runtime)
    return {"MCP_RUNTIME": runtime, "MCP_PACKAGE": package}


def _settings() -> Iterator[str]:
    left_out = _OF_THIS_MACHINE | {"runtime", "package", "command"}
    return (PREFIX + name.upper() for name in AdapterSettings.model_fields if name not in left_out)


def _childs(settings: AdapterSettings, environ: Mapping[str, str]) -> set[str]:
    """Return the variables that the child sees, as far as anything can be set that is called so."""
    own = {key for key in environ if key.startswith(CHILD_ENV) and key != CHILD_ENV}
    return {key for key in own | {*settings.child_env} if _VARIABLE.fullmatch(key)}


def _is_secret(key: str, value: str) -> bool:
    if key in ("MCP_RUNTIME", "MCP_PACKAGE"):  # a name that has been checked
        return False
    if key == "MCP_COMMAND":
        return bool(_SECRET_NAME.search(value)) or _looks_secret(value)
    declared = AdapterSettings.model_fields[key.removeprefix(PREFIX).lower()].annotation is SecretStr
    return declared or bool(_SECRET_NAME.search(key)) or _looks_secret(value)


def _looks_secret(text: str) -> bool:
    return bool(_SECRET_VALUE.search(text)) or any(_RANDOM.fullmatch(part) for part in re.split(r"[\s/:,@=\"'.]", text))


def _app_name(program: str) -> str:
    """Make a name for an app of that of a package or command; all of Fly.io shares them, so that it may be taken."""
    first = re.sub(r"^\S*/", "", program)  # without scope or folder
    words = re.findall(r"[a-z0-9]+", re.split(r"[^\w.-]", first)[0].lower()) or ["server"]
    return "-".join(words if "mcp" in words else ["mcp", *words])[:LONGEST_NAME].strip("-")


def _kill_timeout(settings: AdapterSettings) -> int:
    """Return whole seconds: the drain, both cleanups of the chassis, and a child that does not want to end."""
    most = settings.drain_delay + settings.drain_seconds + 2 * CLEANUP_SECONDS + CLOSED_SECONDS + TERM_SECONDS
    if most > MOST_SECONDS:
        less = MOST_SECONDS - math.ceil(most - settings.drain_seconds)
        raise StartError(
            f"MCP_DRAIN_SECONDS={settings.drain_seconds:g}: expected at most {max(less, 0)}, for which Fly.io waits"
        )
    return math.ceil(most)


def _pairs(values: Mapping[str, str]) -> str:
    return "".join(f"{key} = {_text(key, value)}\n" for key, value in values.items())


def _text(key: str, value: str) -> str:
    """Write a basic string of TOML: as in JSON, but that DEL is not allowed either."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise StartError(f"{key}: expected UTF-8") from None
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
