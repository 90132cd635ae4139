"""Fields of an event, read with an error that names the one that does not fit."""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from ship.aws_lambda.boot.contract.errors import InputError

T = TypeVar("T", str, dict[str, Any], list[Any])
C = TypeVar("C")

_WORDS: Final[dict[type, str]] = {str: "a string that is not empty", dict: "an object", list: "a list"}


def read(values: Mapping[str, Any], name: str, kind: type[T], where: str = "") -> T:
    """Return a field of this kind; `where` is what it is in, for the message.

    Raises:
        InputError: it is missing or something else, or an empty string.
    """
    found = values.get(name)
    if not isinstance(found, kind) or found == "":
        raise InputError(f"{where}{name}: expected {_WORDS[kind]}")
    return found


def read_object(values: Mapping[str, Any], name: str, where: str = "") -> dict[str, Any]:
    """Return a field that is an object.

    Raises:
        InputError: it is missing or something else.
    """
    return read(values, name, dict, where)


def read_choice(values: Mapping[str, Any], name: str, choices: Mapping[str, C]) -> C:
    """Return what a field chooses.

    Raises:
        InputError: it is missing, or none of the choices.
    """
    found = values.get(name)
    if not isinstance(found, str) or found not in choices:
        raise InputError(f"{name}: expected one of {', '.join(choices)}")
    return choices[found]
