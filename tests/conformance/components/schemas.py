"""json-schema-2020-12, http-custom-header-server-validation: input schemas that the suites read."""

from typing import Annotated, Any, Final

from fastmcp.tools import Tool, tool
from pydantic import Field

SCHEMA: Final[dict[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


def json_schema_2020_12_tool() -> None:
    """Have keywords in the input schema that no Python signature yields."""


with_every_keyword = Tool.from_function(json_schema_2020_12_tool).model_copy(update={"parameters": SCHEMA})


@tool
def test_custom_header(city: Annotated[str, Field(json_schema_extra={"x-mcp-header": "City"})]) -> str:
    """Take an argument that a 2026-07-28 client repeats in the header Mcp-Param-City."""
    return city
