"""Where settings come from: command line, then `MCP_X`, then other spellings, then `.env`, then the default."""

import argparse
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from serving.errors import SettingsError
from serving.identity import ROOT
from serving.settings import AlsoRead, Settings

PREFIX: Final = "MCP_"
ENV_FILE_KEY: Final = "MCP_ENV_FILE"
"""Names another file than `.env` beside server.py."""

S = TypeVar("S", bound=Settings)
Given = dict[str, tuple[str, Any]]
"""Setting -> the key it was given under, and the raw value."""


def load_settings(settings: type[S], argv: Sequence[str] = (), environ: Mapping[str, str] = os.environ) -> S:
    """Read `settings` from the command line, the environment and the env file.

    An empty variable counts as not set. `--help` prints every setting and exits.

    Raises:
        SettingsError: an unknown option, or a value that does not fit.
    """
    given: Given = {
        **_from_environment(settings, read_env_file(environ), other_names=False),
        **_from_environment(settings, environ, other_names=True),
        **_from_command_line(settings, argv),
    }
    try:
        return settings.model_validate({name: value for name, (_, value) in given.items()})
    except ValidationError as error:
        raise SettingsError(_explain(settings, given, error)) from None


def near_misses(settings: type[Settings], environ: Mapping[str, str] = os.environ) -> Iterator[str]:
    """One sentence for each `MCP_` name that is not ours but nearly is, and each other name in the env file.

    In the environment others may share the prefix.
    """
    known = [ENV_FILE_KEY, *(PREFIX + name.upper() for name in settings.model_fields)]
    for name in sorted({*environ, *read_env_file(environ)}):
        if name.startswith(PREFIX) and name not in known:
            for meant in _close(name, known, 0.85):
                yield f"{name} is not a setting: did you mean {meant}?"
    for name in sorted(read_env_file(environ)):
        if not name.startswith(PREFIX):
            yield f"{name} is not read from the env file, only {PREFIX} lines are: set it in the environment"


def _close(name: str, known: Sequence[str], likeness: float) -> list[str]:
    from difflib import get_close_matches  # most servers never need it

    return get_close_matches(name, known, n=1, cutoff=likeness)


def read_env_file(environ: Mapping[str, str]) -> dict[str, str]:
    """Read `.env` beside server.py, or the file that MCP_ENV_FILE names; none is as good as an empty one.

    Raises:
        SettingsError: the named file does not exist, or cannot be read.
    """
    named = environ.get(ENV_FILE_KEY)
    path = Path(named or ROOT / ".env")
    if named and (path.is_dir() or not path.exists()):
        raise SettingsError(f"{ENV_FILE_KEY}={named}: expected a file that exists")
    if not path.is_file():
        return {}
    from dotenv import dotenv_values

    try:
        return {name: value for name, value in dotenv_values(path, interpolate=False).items() if value}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: expected a text file that can be read ({type(error).__name__})") from None


def _from_environment(settings: type[Settings], environ: Mapping[str, str], *, other_names: bool) -> Given:
    given: Given = {}
    for name, field in settings.model_fields.items():
        keys = [PREFIX + name.upper(), *(_other_names(field) if other_names else ())]
        for key in filter(environ.get, keys[::-1]):
            given[name] = (key, environ[key])
    return given


def _other_names(field: FieldInfo) -> tuple[str, ...]:
    return next((also.names for also in field.metadata if isinstance(also, AlsoRead)), ())


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SettingsError(f"{message} (--help lists every option)")


def _from_command_line(settings: type[Settings], argv: Sequence[str]) -> Given:
    parser = _Parser(
        description="Serve MCP. A setting is read from the command line, then its environment variables, "
        f"then its {PREFIX} line in .env beside server.py ({ENV_FILE_KEY} names another file).",
        allow_abbrev=False,
    )
    for name, field in settings.model_fields.items():
        names = ", ".join((PREFIX + name.upper(), *_other_names(field)))
        parser.add_argument(
            _flag(name),
            metavar=name.upper(),
            default=argparse.SUPPRESS,
            help=f"{field.description} (default: {default_text(field)}; {names})",
        )
    given, unknown = parser.parse_known_args(argv)
    if unknown:
        meant = _close(unknown[0], [_flag(name) for name in settings.model_fields], 0.6)
        parser.error(
            f"{one_line(unknown[0])}: no such option" + "".join(f", did you mean {option}?" for option in meant)
        )
    return {name: (_flag(name), value) for name, value in vars(given).items()}


def default_text(field: FieldInfo) -> str:
    """Return a setting's default as somebody would write it; `none` when it is empty."""
    default = ",".join(field.default) if isinstance(field.default, tuple) else str(field.default)
    return (default.lower() if isinstance(field.default, bool) else default) or "none"


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _explain(settings: type[Settings], given: Given, error: ValidationError) -> str:
    properties = settings.model_json_schema()["properties"]
    faults = {str(fault["loc"][0]) for fault in error.errors()}
    return "; ".join(_explain_one(*given[name], properties[name]) for name in given if name in faults)


def _explain_one(key: str, value: str, schema: dict[str, Any]) -> str:
    shown = key if schema.get("writeOnly") else f"{key}={one_line(value)}"
    link = " (a Kubernetes Service named mcp sets it: put enableServiceLinks: false into the pod)"
    return f"{shown}: expected {_expectation(schema)}{link if value.startswith('tcp://') else ''}"


def one_line(value: str) -> str:
    """Return a value so that it takes one line."""
    return value if value.isprintable() else repr(value)


def _expectation(schema: dict[str, Any]) -> str:
    match schema:
        case {"enum": choices}:
            return _either(choices)
        case {"type": "boolean"}:
            return "true or false"
        case {"type": "integer", "minimum": low, "maximum": high}:
            return f"a whole number from {low} to {high}"
        case {"type": "number", "exclusiveMinimum": low, "maximum": high}:
            return f"a number above {low:g}, up to {high:g}"
        case {"type": "number", "minimum": low, "maximum": high}:
            return f"a number from {low:g} to {high:g}"
        case {"type": "string", "pattern": _, "examples": [example, *_]} | {"pattern": _, "default": example}:
            return f"a value like {example}"
        case _:
            return "a value that is not empty"


def _either(choices: Iterable[str]) -> str:
    *most, last = choices
    return f"{', '.join(most)} or {last}"
