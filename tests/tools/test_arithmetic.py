"""Results, and errors that a model can act on."""

import math

import pytest
from fastmcp.exceptions import ToolError

from tools.arithmetic import add, calculate, multiply


def test_add_and_multiply():
    assert add(1, 2) == 3
    assert multiply(3, 4) == 12


@pytest.mark.parametrize(("operation", "result"), [("add", 8), ("subtract", 4), ("multiply", 12), ("divide", 3)])
def test_calculate_knows_four_operations(operation, result):
    assert calculate(operation, 6, 2) == result


def test_division_by_zero_is_refused():
    with pytest.raises(ToolError, match=r"^Division by zero$"):
        calculate("divide", 1, 0)


@pytest.mark.parametrize(
    ("operation", "a", "b"), [("multiply", 1e308, 10), ("add", math.inf, 1), ("divide", math.nan, 1)]
)
def test_a_result_that_is_not_finite_is_refused(operation, a, b):
    with pytest.raises(ToolError, match=f"The result of {operation} is not a finite number"):
        calculate(operation, a, b)


def test_whole_numbers_stay_whole():
    assert isinstance(add(2**53, 1), int)
    assert add(2**53, 1) == 9007199254740993
