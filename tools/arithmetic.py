"""Typed arguments, a choice, and errors that the model can act on."""

import math
import operator
from collections.abc import Callable
from typing import Annotated, Final, Literal

from fastmcp.exceptions import ToolError
from fastmcp.tools import tool
from pydantic import WithJsonSchema

Number = Annotated[int | float, WithJsonSchema({"type": "number"})]
"""Whole numbers stay whole, and exact; a client sees one plain type."""
Operation = Literal["add", "subtract", "multiply", "divide"]

_OPERATIONS: Final[dict[Operation, Callable[[Number, Number], Number]]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
}
_PURE: Final = {"readOnlyHint": True, "idempotentHint": True, "openWorldHint": False}


@tool(annotations=_PURE)
def add(a: Number, b: Number) -> Number:
    """Add two numbers."""
    return calculate("add", a, b)


@tool(annotations=_PURE)
def multiply(a: Number, b: Number) -> Number:
    """Multiply two numbers."""
    return calculate("multiply", a, b)


@tool(annotations=_PURE)
def calculate(operation: Operation, a: Number, b: Number) -> Number:
    """Apply one operation to two numbers.

    Fails when b is 0 in a division, or when the result is not a finite number.
    """
    try:
        result = _OPERATIONS[operation](a, b)
        if math.isfinite(result):
            return result
    except ZeroDivisionError:
        raise ToolError("Division by zero") from None
    except OverflowError:
        pass  # a whole number beyond what a float can hold
    raise ToolError(f"The result of {operation} is not a finite number")
