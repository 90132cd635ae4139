"""A bundle's command and variables, with the placeholders filled in: by what the user has configured, and where it is.

`${user_config.api-key}` is the variable `USER_CONFIG_API_KEY`, checked as the manifest says, or the default. As in
mcpb's own hosts, a list in the place of an argument becomes that many arguments. Unlike there, what is not configured
and has no default never stays behind as `${...}`: an argument or variable of nothing else is left out.
"""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ship.archive.errors import one_line
from ship.mcpb.errors import BundleError
from ship.mcpb.load.manifest import Bundle, Command, Option

PREFIX: Final = "USER_CONFIG_"
MOST: Final = 512 * 1024
MOST_WORD: Final = 128 * 1024 - 1
"""What Linux takes of a command with its variables (a quarter of 8 MiB), and of a single one of them (execve(2))."""
_PLACEHOLDER: Final = re.compile(r"\$\{([^{}]+)\}")
_USER: Final = "user_config."

Values = Mapping[str, str | list[str] | None]
"""What each placeholder stands for; None is what is not configured."""


def fill_in(bundle: Bundle, start: Command, environ: Mapping[str, str]) -> Command:
    """Return the command, arguments and variables without placeholders.

    Raises:
        BundleError: something that is required is missing, named by its variable, or does not fit.
    """
    values = _values(bundle, environ)
    lengths = _lengths([start.program, *start.args, *start.env.values()], values)
    if max(lengths) > MOST_WORD or sum(lengths) > MOST:
        raise BundleError(
            f"manifest.json: its command is longer than {MOST} characters, or a word of it than {MOST_WORD}"
        )
    program = " ".join(_filled(start.program, values))
    args = tuple(word for argument in start.args for word in _filled(argument, values))
    env = {name: ",".join(filled) for name, text in start.env.items() if (filled := _filled(text, values))}
    if not all(map(_can_be_a_word, (program, *args, *env.values()))):
        raise BundleError("manifest.json: its command, filled in, has a character that none can have")
    return Command(program, args, env)


def _can_be_a_word(text: str) -> bool:
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:  # half of a pair of surrogates, which JSON can have
        return False


def variable(key: str) -> str:
    """Return the variable by which a user configures what a manifest calls `key`."""
    return PREFIX + re.sub(r"\W", "_", key, flags=re.ASCII).upper()


def _values(bundle: Bundle, environ: Mapping[str, str]) -> Values:
    home = Path(environ.get("HOME") or "/")
    places = {name.upper(): str(home / name) for name in ("Desktop", "Documents", "Downloads")}
    fixed = {"__dirname": str(bundle.folder), "HOME": str(home), "/": os.sep, "pathSeparator": os.sep, **places}
    options = bundle.manifest.user_config
    given = {key: _given(key, option, environ, fixed) for key, option in options.items()}
    if missing := [variable(key) for key, option in options.items() if option.required and not given[key]]:
        raise BundleError(f"{one_line(', '.join(missing))}: expected a value, without which the bundle does not run")
    return {**fixed, **{_USER + key: value for key, value in given.items()}}


def _given(key: str, option: Option, environ: Mapping[str, str], fixed: Values) -> str | list[str] | None:
    name = variable(key)
    text = environ.get(name, "")
    value = _default(option.default, fixed) if not text else _several(name, text) if option.multiple else text
    for one in value if isinstance(value, list) else filter(None, [value]):
        _check(name, one, option)
    if option.type == "boolean" and isinstance(value, str):
        return value.lower()
    return value or None


def _default(default: object, fixed: Values) -> str | list[str] | None:
    """Return a default as text; places can stand in it, as in `${HOME}/Documents`."""
    match default:
        case None:
            return None
        case list():
            return [_PLACEHOLDER.sub(lambda found: _inside(found, fixed), str(one)) for one in default]
        case bool():
            return str(default).lower()
        case float() if default.is_integer():
            return str(int(default))
        case _:
            return _PLACEHOLDER.sub(lambda found: _inside(found, fixed), str(default))


def _several(name: str, text: str) -> list[str]:
    """Read a list, which is JSON, or separated by commas."""
    if not text.startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise BundleError(f"{name}: expected a JSON list of strings, or values separated by commas")
    return found


def _check(name: str, value: str, option: Option) -> None:
    """See that a value fits, which is not shown, because it may be secret."""
    if option.type == "boolean" and value.lower() not in ("true", "false"):
        raise BundleError(f"{name}: expected true or false")
    if option.type == "number":
        low, high = option.min, option.max
        limits = (f" from {low:g}" if low is not None else "") + (f" up to {high:g}" if high is not None else "")
        try:
            number = float(value)
        except ValueError:
            raise BundleError(f"{name}: expected a number{limits}") from None
        if not (low is None or number >= low) or not (high is None or number <= high):
            raise BundleError(f"{name}: expected a number{limits}")


def _filled(text: str, values: Values) -> list[str]:
    """Return what becomes of an argument: one word, or none or several if it is nothing but one placeholder."""
    alone = _PLACEHOLDER.fullmatch(text)
    if alone and alone[1].startswith(_USER):
        return _listed(values.get(alone[1]))
    return [_PLACEHOLDER.sub(lambda found: _inside(found, values), text)]


def _lengths(words: list[str], values: Values) -> list[int]:
    """Return how long each word becomes, before it does: a short manifest can make more of it than there is memory."""
    known = {name: len(",".join(_listed(value))) for name, value in values.items()}
    return [len(word) + sum(known.get(found[1], 0) for found in _PLACEHOLDER.finditer(word)) for word in words]


def _listed(value: str | list[str] | None) -> list[str]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _inside(found: re.Match[str], values: Values) -> str:
    name = found[1]
    if name in values or name.startswith(_USER):
        return ",".join(_listed(values.get(name)))
    return found[0]  # not a placeholder of ours: perhaps the program's own
