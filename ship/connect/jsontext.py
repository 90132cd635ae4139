"""Set one member in a JSON text, and leave all the rest of it as it is, to the byte.

The text is not written anew from what was parsed: numbers, escapes, order and layout are its owner's.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

_DECODER: Final = json.JSONDecoder(parse_int=float)  # an int of more than 4300 digits would be an error
_BLANK: Final = re.compile(r"\ufeff?[ \t\n\r]*")
_INDENT: Final = re.compile(r"\r?\n([ \t]*)$")


def parse(text: str) -> Any:
    """Return what plain JSON says; a byte order mark before it is nothing.

    Raises:
        ValueError: it is something else, like JSON with comments, or has the same key twice in an object.
    """
    try:
        return json.loads(
            text.removeprefix("\ufeff"), object_pairs_hook=_without_twins, parse_int=float, parse_constant=_refuse
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None


def set_member(text: str, keys: Sequence[str], value: Any) -> str:
    """Set what `keys` lead to in a text that `parse` takes for objects, as far as they are there.

    New lines have the indent of the object's first member; an object in one line stays in one.
    """
    at = _skip(text, 0)
    members, _ = _members(text, at)
    indent = _INDENT.search(text, at, members[0].begin) if members else None
    step = (indent and indent[1]) or "  "
    return _set(text, at, keys, value, ("\r\n" if "\r\n" in text else "\n") + step, step)


def _without_twins(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in members:
        if key in found:
            raise ValueError(f"{key!r} is there twice")
        found[key] = value
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a number of JSON")


class _Member(NamedTuple):
    """Its key, and where in the text that begins and the value begins and ends."""

    key: str
    begin: int
    value: int
    end: int


def _members(text: str, at: int) -> tuple[list[_Member], int]:
    """Find the members of the object that begins at `at`, and its closing brace."""
    found = []
    at = _skip(text, at + 1)
    while text[at] != "}":
        key, colon = _DECODER.raw_decode(text, at)
        value = _skip(text, _skip(text, colon) + 1)
        _, end = _DECODER.raw_decode(text, value)
        found.append(_Member(key, at, value, end))
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return found, at


def _skip(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    return blank.end() if blank else at


def _set(text: str, at: int, keys: Sequence[str], value: Any, lead: str, step: str) -> str:
    """The same in the object that begins at `at`; `lead` is what comes before a member if there is none yet."""
    members, end = _members(text, at)
    if members:
        gap = text[at + 1 : members[0].begin]
        line = _INDENT.search(gap)
        lead = line[0] if line else gap
    key, *rest = keys
    for member in members:
        if member.key == key and rest:
            return _set(text, member.value, rest, value, lead + step if "\n" in lead else lead, step)
        if member.key == key:
            return text[: member.value] + _dump(value, lead, step) + text[member.end :]
    for name in reversed(rest):
        value = {name: value}
    new = f"{_dump(key, lead, step)}: {_dump(value, lead, step)}"
    if members:
        return f"{text[: members[-1].end]},{lead or ' '}{new}{text[members[-1].end :]}"
    return f"{text[: at + 1]}{lead}{new}{lead.removesuffix(step)}{text[end:]}"


def _dump(value: Any, lead: str, step: str) -> str:
    if "\n" not in lead:
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False, indent=step).replace("\n", lead)
