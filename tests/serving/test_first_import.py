"""FastMCP is imported with what it reads under control, and builds no more than a server needs."""

import sys

from tests.support import program


def test_models_are_built_when_they_are_used_and_only_those_of_fastmcp_and_the_sdk():
    code = (
        "import serving.first_import as first\n"
        "first.import_fastmcp()\n"
        "from mcp_types import CallToolResult\n"
        "from pydantic import BaseModel\n"
        "class Mine(BaseModel): ...\n"
        "print(CallToolResult.__pydantic_complete__, Mine.__pydantic_complete__)\n"
        "print(CallToolResult.model_validate({'content': []}).model_dump(by_alias=True, exclude_unset=True))\n"
    )
    with program(sys.executable, "-c", code) as process:
        assert process.communicate()[0] == "False True\n{'content': []}\n"
