"""FastMCP is imported with what it reads under control, and builds no more than a server needs."""

import sys

from tests.support import program

_IMPORT = "import serving.first_import as first\nfirst.import_fastmcp()\n"


def test_models_are_built_when_they_are_used_and_only_those_of_fastmcp_and_the_sdk():
    code = (
        "from mcp_types import CallToolResult\n"
        "from pydantic import BaseModel\n"
        "class Mine(BaseModel): ...\n"
        "print(CallToolResult.__pydantic_complete__, Mine.__pydantic_complete__)\n"
        "print(CallToolResult.model_validate({'content': []}).model_dump(by_alias=True, exclude_unset=True))\n"
    )
    with program(sys.executable, "-c", _IMPORT + code) as process:
        assert process.communicate()[0] == "False True\n{'content': []}\n"


def test_two_threads_that_import_it_at_once_leave_pydantic_as_it_was():
    code = (
        "import threading\n"
        "from pydantic import BaseModel, TypeAdapter\n"
        "import serving.first_import as first\n"
        "before = TypeAdapter.__init__\n"
        "threads = [threading.Thread(target=first.import_fastmcp) for _ in range(2)]\n"
        "[thread.start() for thread in threads]\n"
        "[thread.join() for thread in threads]\n"
        "print(TypeAdapter.__init__ is before, 'defer_build' in BaseModel.model_config)\n"
    )
    with program(sys.executable, "-c", code) as process:
        assert process.communicate() == ("True False\n", "")


def test_so_are_type_adapters_and_each_of_them_can_be_built():
    """Whatever is found in the modules of FastMCP and the SDK: a later version may have others."""
    code = (
        "import gc, sys\n"
        "from pydantic import BaseModel, TypeAdapter\n"
        "class Mine(BaseModel): ...\n"
        "from mcp_types import jsonrpc_message_adapter as messages\n"
        "print(messages.pydantic_complete, TypeAdapter(int).pydantic_complete, TypeAdapter(Mine).pydantic_complete)\n"
        "found = [one for one in gc.get_objects() if isinstance(one, TypeAdapter)]\n"
        "late = [one for one in found if not one.pydantic_complete]\n"
        "print(len(late) > 5, {type(one.validator.title).__name__ for one in late})\n"
        "print({one.pydantic_complete for one in found})\n"
    )
    with program(sys.executable, "-c", _IMPORT + code) as process:
        assert process.communicate() == ("False True True\nTrue {'str'}\n{True}\n", "")
