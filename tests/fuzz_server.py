"""The server that tests/test_fuzz.py works over: tools that take and return every kind of value, and hold still."""

from datetime import date
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from serving.run import run
from serving.settings import Settings

if TYPE_CHECKING:
    from fastmcp import FastMCP


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Circle(BaseModel):
    kind: Literal["circle"]
    radius: Annotated[float, Field(gt=0)]


class Square(BaseModel):
    kind: Literal["square"]
    side: Annotated[int, Field(ge=1, le=100)]


class Tree(BaseModel):
    """A schema with references to itself."""

    name: str
    children: list["Tree"] = []


def create_server(settings: Settings) -> "FastMCP":
    from fastmcp import FastMCP

    from serving.chassis import chassis

    mcp = FastMCP("fuzzed", version="1.2.3", instructions="Try anything.", **chassis(settings))

    @mcp.tool
    def nothing() -> None:
        """Take nothing and return nothing."""

    @mcp.tool
    def text(message: Annotated[str, Field(min_length=1, max_length=20)]) -> str:
        """Return a text."""
        return message

    @mcp.tool
    def numbers(whole: int, real: Annotated[float, Field(ge=-1, le=1)] = 0, flag: bool = False) -> list[float]:
        """Return a list."""
        return [whole % 1000, real, flag]

    @mcp.tool
    def choices(colour: Colour, unit: Literal["km", "mile"], other: int | str | None = None) -> dict[str, str]:
        """Return an object."""
        return {"colour": colour.value, "unit": unit, "other": str(other)}

    @mcp.tool
    def shapes(shape: Annotated[Circle | Square, Field(discriminator="kind")]) -> Circle | Square:
        """Return one of two models."""
        return shape

    @mcp.tool
    def trees(tree: Tree) -> Tree:
        """Return a model that holds itself."""
        return tree

    @mcp.tool(name="of/time")
    def of_time(day: date, id: UUID) -> str:  # noqa: A002
        """Return text; the name needs escaping."""
        return f"{day} {id}"

    @mcp.resource("fuzz://data", mime_type="application/json")
    def data() -> dict[str, int]:
        return {"a": 1}

    @mcp.resource("fuzz://binary")
    def binary() -> bytes:
        return b"\0\xff"

    @mcp.resource("fuzz://item/{number}")
    def item(number: int) -> str:
        return f"item {number}"

    return mcp


if __name__ == "__main__":
    run(create_server)
