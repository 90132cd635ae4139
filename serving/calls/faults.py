"""What does not fit, each fault named, in words for whoever sent it and none of pydantic's."""

import json
import re
from collections import defaultdict
from numbers import Number
from typing import Any, Final, get_args

import pydantic
from pydantic_core import ErrorDetails
from pydantic_core.core_schema import ErrorType

MOST_FAULTS: Final = 10
"""How many faults are told; the rest is counted."""
MOST_READ: Final = 1000
"""More than that are only counted: a message may hold tens of thousands, and other calls wait meanwhile."""
LONGEST_NAME: Final = 100
LONGEST_FAULT: Final = 200

_EXPECTED: Final = "expected "
_NUMBER: Final = "expected a number"
_LIST: Final = "expected a list"
_OBJECT: Final = "expected an object"
_DATE: Final = "expected a date (YYYY-MM-DD)"
_TIME: Final = "expected a time (HH:MM:SS)"
_MOMENT: Final = "expected a date and time (ISO 8601)"
_IP: Final = "expected an IP address"
_UNKNOWN: Final = "no such argument"

_WORDS: Final = {
    "missing": "missing",
    "missing_argument": "missing",
    "missing_keyword_only_argument": "missing",
    "extra_forbidden": _UNKNOWN,
    "unexpected_keyword_argument": _UNKNOWN,
    "int": "expected a whole number",
    "float": _NUMBER,
    "decimal": _NUMBER,
    "fraction": _NUMBER,
    "complex": _NUMBER,
    "finite_number": "expected a finite number",
    "greater_than": "expected {kind} above {gt}",
    "greater_than_equal": "expected {kind} of at least {ge}",
    "less_than": "expected {kind} below {lt}",
    "less_than_equal": "expected {kind} of at most {le}",
    "multiple_of": "expected a multiple of {multiple_of}",
    "decimal_max_digits": "expected a number with at most {max_digits} digits",
    "decimal_max_places": "expected a number with at most {decimal_places} decimal places",
    "decimal_whole_digits": "expected a number with at most {whole_digits} digits before the decimal point",
    "bool": "expected true or false",
    "none_required": "expected null",
    "literal_error": "expected {expected}",
    "enum": "expected {expected}",
    "string": "expected text",
    "bytes": "expected text",
    "bytes_invalid_encoding": "expected text in {encoding}",
    "string_not_ascii": "expected ASCII text",
    "string_pattern_mismatch": "expected text that matches {pattern}",
    "string_too_short": "expected text of {min_length} characters or more",
    "string_too_long": "expected text of {max_length} characters or fewer",
    "bytes_too_short": "expected {min_length} bytes or more",
    "bytes_too_long": "expected {max_length} bytes or fewer",
    "list": _LIST,
    "tuple": _LIST,
    "set": _LIST,
    "frozen_set": _LIST,
    "deque": _LIST,
    "iterable": _LIST,
    "too_short": "expected a length of {min_length} or more",
    "too_long": "expected a length of {max_length} or less",
    "dict": _OBJECT,
    "mapping": _OBJECT,
    "model": _OBJECT,
    "model_attributes": _OBJECT,
    "dataclass": _OBJECT,
    "named_tuple": _OBJECT,
    "arguments": _OBJECT,
    "date": _DATE,
    "date_from_datetime": _DATE,
    "date_past": "expected a date in the past",
    "date_future": "expected a date in the future",
    "time": _TIME,
    "datetime": _MOMENT,
    "datetime_from_date": _MOMENT,
    "datetime_past": "expected a time in the past",
    "datetime_future": "expected a time in the future",
    "timezone_naive": "expected a time without a time zone",
    "timezone_aware": "expected a time with its time zone",
    "time_delta": "expected a duration (ISO 8601)",
    "url": "expected a URL",
    "url_scheme": "expected a URL that starts with {expected_schemes}",
    "url_too_long": "expected a URL of {max_length} characters or fewer",
    "uuid": "expected a UUID",
    "uuid_version": "expected a UUID of version {expected_version}",
    "ip_any_address": _IP,
    "ip_v4_address": _IP,
    "ip_v6_address": _IP,
    "json": "expected JSON",
    "union_tag_invalid": "expected {discriminator} to be one of {expected_tags}",
    "union_tag_not_found": "expected an object with {discriminator}",
}
"""By pydantic's error type, or by what it begins with: a type's name before `_type`, `_parsing` and the like."""

_PYDANTICS: Final = frozenset(get_args(ErrorType))
_AUTHORS: Final = ("value_error", "assertion_error")
"""What an author's own validators raise; besides, they may make up types."""
_ENDING: Final = re.compile(r"(_str)?_(type|parsing|parsing_size|from_float|unicode|inexact|invalid|syntax_violation)$")
_QUOTED: Final = re.compile(r"'([^']*)'")


def explain(error: pydantic.ValidationError, arguments: Any, within: tuple[str, ...] = ()) -> str:
    """Say what does not fit and what was expected: `count: expected a whole number; filter.sizes[2]: missing`.

    Of the arguments nothing is repeated but names. They are needed because pydantic puts the names of a union's
    types into the path of a fault, and only the arguments themselves tell those from names in them.
    `within` is where in the arguments the validation began.
    """
    if error.error_count() > MOST_READ:  # pydantic would take seconds to list them
        return f"{error.error_count()} values do not fit"
    faults: dict[str, list[str]] = {}
    details = error.errors(include_url=False, include_input=False)
    for detail in details:
        said = faults.setdefault(_path((*within, *detail["loc"]), detail["type"], arguments), [])
        if (words := _words(detail)) not in said:
            said.append(words)
    told = [f"{path}: {_both(said)}" for path, said in list(faults.items())[:MOST_FAULTS]]
    if more := len(faults) - len(told):
        told.append(f"and {more} more")
    return "; ".join(told)


def _path(loc: tuple[int | str, ...], kind: str, arguments: Any) -> str:
    at, path = arguments, ""
    for depth, part in enumerate(loc):
        if isinstance(part, int):
            at = at[part] if isinstance(at, list) and part < len(at) else None
            path += f"[{part}]"
        elif isinstance(at, dict) and part in at:
            at = at[part]
            path += "." * bool(path) + shown(part)
        elif depth == 0 or (depth == len(loc) - 1 and kind.startswith("missing")):
            path += "." * bool(path) + shown(part)
    return _shorten(path, LONGEST_NAME) or "the arguments"


def shown(name: str) -> str:
    """Return a name as it is told: quoted and cut, unless it is a plain one."""
    return name if name.replace("-", "_").isidentifier() else json.dumps(_shorten(name, LONGEST_NAME))


def _words(detail: ErrorDetails) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    known = _WORDS.get(kind) or _WORDS.get(_ENDING.sub("", kind))
    if known is None:
        own = kind in _AUTHORS or (kind not in _PYDANTICS and not detail["msg"].startswith("Input "))
        said = str(context.get("error", detail["msg"])) if own else ""
        return _shorten(said.encode("utf-8", "backslashreplace").decode(), LONGEST_FAULT) or "does not fit"
    limits = (context.get(limit) for limit in ("gt", "ge", "lt", "le"))
    number = any(isinstance(limit, Number) for limit in limits)
    # An author may use one of pydantic's types without what belongs to it.
    filled = known.format_map(defaultdict(str, context, kind="a number" if number else "a value"))
    return _shorten(_QUOTED.sub(r'"\1"', filled), LONGEST_FAULT)


def _both(said: list[str]) -> str:
    """Join what the types of a union expect with "or"."""
    expected = [words.removeprefix(_EXPECTED) for words in said if words.startswith(_EXPECTED)]
    others = [words for words in said if not words.startswith(_EXPECTED)]
    if len(said) > 1:  # one type of a union knows the name
        others = [words for words in others if words != _UNKNOWN]
    return ", ".join(([_EXPECTED + " or ".join(expected)] if expected else []) + others)


def _shorten(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
