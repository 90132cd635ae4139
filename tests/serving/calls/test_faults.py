"""What does not fit, in words."""

from datetime import date, datetime, timedelta
from enum import Enum
from ipaddress import IPv4Address
from typing import Annotated, Literal, get_args
from uuid import UUID

import pytest
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    Json,
    ValidationError,
    validate_call,
)
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import ErrorType

from serving.calls.faults import explain


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Cat(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["cat"]
    name: str


class Dog(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["dog"]
    barks: int


def prime(value: int) -> int:
    raise PydanticCustomError("no_prime", "a prime, please")


def long(value: str) -> str:
    raise PydanticCustomError("string_too_short", "longer, please")


def even(value: int) -> int:
    if value % 2:
        raise ValueError("an even number, please")
    return value


# What pydantic's kinds of errors tell besides their kind.
TEXTS = {
    *("attribute", "class", "class_name", "discriminator", "encoding", "encoding_error", "error", "expected"),
    *("expected_schemes", "expected_tags", "field_type", "method_name", "pattern", "tag"),
}
NUMBERS = {
    *("actual_length", "decimal_places", "expected_version", "ge", "gt", "le", "lt", "max_digits", "max_length"),
    *("min_length", "multiple_of", "tz_actual", "tz_expected", "whole_digits"),
}


def explained(kind, value):
    def call(value): ...

    call.__annotations__ = {"value": kind}
    with pytest.raises(ValidationError) as caught:
        validate_call(call)(value=value)
    return explain(caught.value, {"value": value})


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (int, "secret", "value: expected a whole number"),
        (int, 1.5, "value: expected a whole number"),
        (int, "9" * 5000, "value: expected a whole number"),
        (float, "secret", "value: expected a number"),
        (bool, "secret", "value: expected true or false"),
        (str, 1, "value: expected text"),
        (list[int], 1, "value: expected a list"),
        (dict[str, int], 1, "value: expected an object"),
        (Cat, 1, "value: expected an object"),
        (None, 1, "value: expected null"),
        (Literal["km", "mile"], "secret", 'value: expected "km" or "mile"'),
        (Colour, "secret", 'value: expected "red" or "blue"'),
        (Annotated[int, Field(ge=1)], 0, "value: expected a number of at least 1"),
        (Annotated[float, Field(lt=1)], 1, "value: expected a number below 1.0"),
        (Annotated[date, Field(gt=date(2020, 1, 1))], "2019-01-01", "value: expected a value above 2020-01-01"),
        (Annotated[int, Field(multiple_of=5)], 3, "value: expected a multiple of 5"),
        (Annotated[float, Field(allow_inf_nan=False)], float("nan"), "value: expected a finite number"),
        (Annotated[str, Field(min_length=3)], "x", "value: expected text of 3 characters or more"),
        (Annotated[str, Field(pattern="^a")], "x", "value: expected text that matches ^a"),
        (Annotated[list[int], Field(max_length=1)], [1, 2], "value: expected a length of 1 or less"),
        (date, "secret", "value: expected a date (YYYY-MM-DD)"),
        (datetime, "secret", "value: expected a date and time (ISO 8601)"),
        (AwareDatetime, "2020-01-01T00:00", "value: expected a time with its time zone"),
        (timedelta, "secret", "value: expected a duration (ISO 8601)"),
        (UUID, "secret", "value: expected a UUID"),
        (HttpUrl, "secret", "value: expected a URL"),
        (HttpUrl, "ftp://secret", 'value: expected a URL that starts with "http" or "https"'),
        (IPv4Address, "secret", "value: expected an IP address"),
        (Json, "secret", "value: expected JSON"),
        (type, 1, "value: does not fit"),
    ],
)
def test_each_kind_of_fault_has_words(kind, value, words):
    assert explained(kind, value) == words


@pytest.mark.parametrize("kind", get_args(ErrorType))
def test_no_fault_is_told_in_pydantics_words(kind):
    # Not all of them can be provoked from outside, but none may end in an exception.
    context = dict.fromkeys(TEXTS, "x") | dict.fromkeys(NUMBERS, 1)
    error = ValidationError.from_exception_data("", [{"type": kind, "loc": ("a",), "ctx": context, "input": "secret"}])
    told = explain(error, {"a": "secret"})
    assert told.startswith("a: ")
    assert not [word for word in ("Input", "secret", "{", "pydantic") if word in told]


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (list[int], [1, "x"], "value[1]: expected a whole number"),
        (dict[str, list[int]], {"a": [1, None]}, "value.a[1]: expected a whole number"),
        (Cat, {"kind": "cat"}, "value.name: missing"),
        (Cat, {"kind": "cat", "name": "x", "colour": 1}, "value.colour: no such argument"),
        (dict[str, int], {"int": "x"}, "value.int: expected a whole number"),
        (dict[str, int], {"a\nb": "x"}, 'value."a\\nb": expected a whole number'),
    ],
)
def test_what_lies_deeper_is_named_by_its_path(kind, value, words):
    assert explained(kind, value) == words


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (int | str, None, "value: expected a whole number or text"),
        (int | None, "x", "value: expected a whole number"),
        (list[int | str], [None], "value[0]: expected a whole number or text"),
        (int | Cat, {"kind": "cat"}, "value: expected a whole number; value.name: missing"),
        (Cat | Dog, {"kind": "cat", "barks": "x"}, "value.name: missing; value.barks: expected a whole number"),
        (Annotated[Cat | Dog, Field(discriminator="kind")], {"kind": "dog"}, "value.barks: missing"),
        (Annotated[Cat | Dog, Field(discriminator="kind")], {}, 'value: expected an object with "kind"'),
    ],
)
def test_the_types_of_a_union_are_told_together(kind, value, words):
    assert words in explained(kind, value)


def test_what_the_author_says_is_passed_on():
    assert explained(Annotated[int, AfterValidator(even)], 3) == "value: an even number, please"
    assert explained(Annotated[int, AfterValidator(prime)], 4) == "value: a prime, please"
    assert explained(Annotated[str, AfterValidator(long)], "x").startswith("value: expected text of")


def test_no_more_is_told_than_anybody_reads():
    many = explained(list[int], [None] * 1000)
    assert many.count("expected") == 10
    assert many.endswith("; and 990 more")
    assert explained(list[int], [None] * 5000) == "5000 values do not fit"
    assert len(explained(dict[str, int], {"x" * 100_000: None})) < 200
    assert len(explained(Literal[tuple(f"option {number}" for number in range(1000))], "x")) < 300
