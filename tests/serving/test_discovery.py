"""How tools are found, and what stops the start."""

import importlib
import sys
from textwrap import dedent

import pytest
from fastmcp import Client, FastMCP

from serving.discovery import DiscoveryError, Found, load
from tests.support import copy_of_this_server, run

TOOL = """
from fastmcp.tools import tool

@tool
def {name}() -> str:
    "A tool."
    return "{name}"
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Write modules of a package called `sample_tools` and load it."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(**modules: str) -> Found:
        for path, source in {"__init__": "", **modules}.items():
            file = tmp_path / "sample_tools" / f"{path.replace('__in__', '/')}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(dedent(source))
        importlib.invalidate_caches()
        return load(importlib.import_module("sample_tools"))

    yield write
    for name in [name for name in sys.modules if name.split(".")[0] == "sample_tools"]:
        del sys.modules[name]


def names(found: Found) -> list[str]:
    return [component.name for component in found.components]


def test_modules_are_read_in_name_order_and_helpers_are_left_out(package):
    found = package(b=TOOL.format(name="second"), a=TOOL.format(name="first"), _helper="raise RuntimeError")
    assert names(found) == ["first", "second"]


def test_subpackages_are_read_too(package):
    assert names(package(a=TOOL.format(name="one"), more__in____init__="", more__in__b=TOOL.format(name="two"))) == [
        "one",
        "two",
    ]


def test_a_folder_that_is_no_package_is_not_passed_over(package):
    with pytest.raises(DiscoveryError, match=r"^sample_tools/more/: expected an __init__\.py$"):
        package(a=TOOL.format(name="one"), more__in__b=TOOL.format(name="two"))


async def test_every_kind_of_component_is_registered(package):
    found = package(
        a="""
        from fastmcp.prompts import prompt
        from fastmcp.resources import resource
        from fastmcp.tools import Tool, tool

        @tool
        def a_tool() -> str: return "tool"

        @resource("a://resource")
        def a_resource() -> str: return "resource"

        @resource("a://{name}")
        def a_template(name: str) -> str: return name

        @prompt
        def a_prompt() -> str: return "prompt"

        an_object = Tool.from_function(lambda: "object", name="an_object")
        """
    )
    mcp = FastMCP("test")
    found.register(mcp)
    async with Client(mcp) as client:
        assert {tool.name for tool in await client.list_tools()} == {"a_tool", "an_object"}
        assert [str(resource.uri) for resource in await client.list_resources()] == ["a://resource"]
        assert [template.uri_template for template in await client.list_resource_templates()] == ["a://{name}"]
        assert [prompt.name for prompt in await client.list_prompts()] == ["a_prompt"]


async def test_lifespans_are_entered_in_module_order_and_left_in_reverse(package, capsys):
    source = """
    from fastmcp.server.lifespan import lifespan

    @lifespan
    async def open_{name}(server):
        print("open {name}")
        yield {{}}
        print("close {name}")
    """
    found = package(a=source.format(name="a"), b=source.format(name="b"))
    async with Client(FastMCP("test", lifespan=found.lifespan)):
        assert capsys.readouterr().out == "open a\nopen b\n"
    assert capsys.readouterr().out == "close b\nclose a\n"


def test_a_module_may_import_what_another_declares(package):
    assert names(
        package(a=TOOL.format(name="one"), b="from sample_tools.a import one\n" + TOOL.format(name="two"))
    ) == [
        "one",
        "two",
    ]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import nonsense", "sample_tools/bad.py: ModuleNotFoundError: No module named 'nonsense'"),
        ("def broken(:", "sample_tools/bad.py: line 1: invalid syntax"),
        ("raise SystemExit('bye')", "sample_tools/bad.py: SystemExit: bye"),
        ("1 / 0", "sample_tools/bad.py: ZeroDivisionError: division by zero"),
        (
            "x = 1",
            "sample_tools/bad.py: declares no @tool, @resource, @prompt or lifespan (a helper is named _*.py)",
        ),
        (TOOL.format(name="good"), "sample_tools/bad.py: tool good is already declared in sample_tools/a.py"),
        (
            TOOL.format(name="two").replace("two()", "two(*args)"),
            "sample_tools/bad.py: Functions with *args are not supported as tools",
        ),
    ],
)
def test_a_module_that_cannot_be_used_is_named_with_the_reason(package, source, message):
    with pytest.raises(DiscoveryError) as error:
        package(a=TOOL.format(name="good"), bad=source)
    assert str(error.value) == message


def test_a_subpackage_that_does_not_import_is_named(package):
    with pytest.raises(DiscoveryError, match=r"^sample_tools/more/__init__\.py: ZeroDivisionError: division by zero$"):
        package(more__in____init__="1 / 0")


def test_a_package_without_tools_is_refused(package):
    with pytest.raises(DiscoveryError, match=r"^sample_tools/: no file declares anything$"):
        package(_helper="x = 1")


@pytest.mark.parametrize("level", ["info", "debug"])
def test_a_broken_tool_ends_the_start_with_status_1_and_a_traceback_only_when_debugging(tmp_path, level):
    copy_of_this_server(tmp_path, {"broken.py": "import nonsense\n"})
    result = run(script=tmp_path / "server.py", cwd=tmp_path, MCP_LOG_LEVEL=level, MCP_PORT="0")
    assert (result.returncode, result.stdout) == (1, "")
    assert "tools/broken.py: ModuleNotFoundError: No module named 'nonsense'" in result.stderr
    assert ("Traceback" in result.stderr) is (level == "debug")
    assert len(result.stderr.splitlines()) == 1
