"""This server as a bundle: the same bytes each time, and a manifest that says what is in it."""

import json
import shutil
import zipfile
from pathlib import Path

import jsonschema
import pytest

from serving.identity import read_identity
from serving.settings import Settings
from ship.mcpb.pack.manifest import ASKED, TYPES, manifest
from tests.ship.archive.support import sha256
from tests.ship.mcpb import support
from tests.support import ROOT, copy_of_this_server, environment

SCHEMAS = Path(environment().get("SCHEMAS_DIR") or ROOT.parent / "shared" / "schemas")
TOOLS = {
    "mine.py": '''
from fastmcp.prompts import Message, prompt
from fastmcp.tools import tool


@tool
def shout(text: str) -> str:
    """Shout it,
    over two lines.

    Fails never.
    """
    return text.upper()


@tool
def silent() -> None: ...


@prompt
def ask(topic: str) -> str:
    """Ask about it."""
    return f"What about {topic}?"


@prompt
def count(number: int) -> str:
    """Cannot be rendered with a word."""
    return f"Count to {number + 1}."


@prompt
def talk() -> list[Message]:
    """Is more than one message."""
    return [Message("a"), Message("b")]
''',
    "data.json": "{}",
    ".secret": "hunter2",
}
PACKED = ["__init__.py", "data.json", "mine.py"]


@pytest.fixture
def copy(tmp_path):
    """A copy of this server with other tools, and what packs it."""
    copy_of_this_server(tmp_path, TOOLS)
    shutil.copy(ROOT / "requirements.txt", tmp_path)
    for folder in ("adapter", "archive", "mcpb"):
        shutil.copytree(
            ROOT / "ship" / folder, tmp_path / "ship" / folder, ignore=shutil.ignore_patterns("__pycache__", "bench")
        )
    return tmp_path


def pack(folder: Path, *arguments: str, status: int = 0) -> str:
    """Return which file was written, or the one line that says why not."""
    done = support.pack(*arguments, cwd=folder)
    assert done.returncode == status, done.stderr
    assert len(done.stderr.splitlines()) == (1 if status else 0), done.stderr
    return done.stderr if status else done.stdout.strip()


def test_what_is_packed_is_what_the_images_have_and_a_manifest(copy):
    file = copy / pack(copy, "--type", "uv")
    who = read_identity()
    assert file == copy / "dist" / f"{who.name}-{who.version}.mcpb"
    assert Path(f"{file}.sha256").read_text() == f"{sha256(file.read_bytes())}  {file.name}\n"
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        assert archive.read("requirements.txt") == (ROOT / "requirements.txt").read_bytes()
    assert names == sorted(names)
    assert {name for name in names if "/" not in name} == {
        "manifest.json",
        "pyproject.toml",
        "requirements.txt",
        "server.py",
    }
    assert [name for name in names if name.startswith("tools/")] == [f"tools/{name}" for name in PACKED]
    assert "serving/web/page.html" in names
    assert not [name for name in names if "__pycache__" in name or "/." in name]


def test_two_builds_are_the_same_byte_by_byte(copy):
    first = (copy / pack(copy, "--type", "uv")).read_bytes()
    for file in copy.rglob("*.py"):
        file.touch()
        file.chmod(0o755)
    assert (copy / pack(copy, "--type", "uv", "--output", "other")).read_bytes() == first


def manifest_of(file: Path) -> dict:
    with zipfile.ZipFile(file) as archive:
        return dict(json.loads(archive.read("manifest.json")))


@pytest.mark.parametrize("kind", TYPES)
async def test_the_manifest_of_each_type_is_valid(kind):
    said = await manifest(kind, "3.14", "linux")
    schema = SCHEMAS / f"mcpb-manifest-v{said['manifest_version']}.schema.json"
    if not schema.exists():
        pytest.skip(f"{schema} is not there: set SCHEMAS_DIR to a folder with the schemas of manifests")
    jsonschema.Draft7Validator(json.loads(schema.read_text())).validate(said)


def test_the_manifest_lists_what_is_registered(copy):
    said = manifest_of(copy / pack(copy, "--type", "uv"))
    who = read_identity()
    assert (said["name"], said["version"], said["description"]) == (who.name, who.version, who.description)
    assert said["tools"] == [{"name": "shout", "description": "Shout it, over two lines."}, {"name": "silent"}]
    assert said["prompts"] == [
        {
            "name": "ask",
            "description": "Ask about it.",
            "arguments": ["topic"],
            "text": "What about ${arguments.topic}?",
        }
    ]
    assert said["prompts_generated"] is True
    assert said["compatibility"] == {"runtimes": {"python": ">=3.11"}}


def test_the_settings_of_which_users_are_asked_exist_and_have_their_defaults(copy):
    said = manifest_of(copy / pack(copy, "--type", "uv"))
    for name in ASKED:
        assert said["user_config"][name]["default"] == Settings.model_fields[name].default
        assert said["server"]["mcp_config"]["env"][f"MCP_{name.upper()}"] == f"${{user_config.{name}}}"


def test_what_the_tools_need_is_asked_for_as_well(copy):
    with (copy / "pyproject.toml").open("a") as file:
        file.write('\n[tool.mcpb.user_config.WEATHER_API_KEY]\ntitle = "Key"\nsensitive = true\nrequired = true\n')
        file.write('\n[tool.mcpb.user_config.REGION]\ntitle = "Region"\n')
    said = manifest_of(copy / pack(copy, "--type", "uv"))
    key, region = said["user_config"]["WEATHER_API_KEY"], said["user_config"]["REGION"]
    assert key == {"type": "string", "title": "Key", "description": "Key", "sensitive": True, "required": True}
    assert region["default"] == ""  # or hosts would hand on the placeholder
    assert said["server"]["mcp_config"]["env"]["WEATHER_API_KEY"] == "${user_config.WEATHER_API_KEY}"


def test_what_cannot_be_packed_is_one_line(copy):
    (copy / "tools" / "link.txt").symlink_to("/etc/passwd")
    assert pack(copy, "--type", "uv", status=1) == "pack: tools/link.txt: expected a file or a folder, and no link\n"
    (copy / "tools" / "link.txt").unlink()
    assert "Python 'three': expected a version like 3.14" in pack(copy, "--python", "three", status=1)
    assert "platform 'amiga': expected one of linux, macos, windows" in pack(copy, "--platform", "amiga", status=1)
    with (copy / "pyproject.toml").open("a") as file:
        file.write('\n[tool.mcpb.user_config.api-key]\ntitle = "Key"\n')
    said = pack(copy, "--type", "uv", status=1)
    assert "[tool.mcpb.user_config.api-key]: expected a variable's name and a title" in said
    assert not (copy / "dist").exists()


def test_a_tool_that_does_not_start_is_not_packed(copy):
    (copy / "tools" / "mine.py").write_text("import no_such_module")
    assert "tools/mine.py: ModuleNotFoundError" in pack(copy, "--type", "uv", status=1)
    assert not (copy / "dist").exists()
