"""The boot files: ours under a name that no guest has, so that a guest's own names are the guest's."""

import ast
import json
import os
import subprocess
import sys
import sysconfig

import pytest

from ship.aws_lambda.pack.boot import KINDS, MOVED, add_boot_files, renamed
from tests.support import ROOT, SECONDS

OURS = ("serving", "ship", "tools", "tests", "server")


@pytest.fixture
def boot(tmp_path):
    """The boot files where they are in the zip, beside a guest."""
    add_boot_files(tmp_path / "__boot__", "server.py:mcp")
    return tmp_path / "__boot__"


def imported(source):
    """The modules that a module imports, and those that it names to somebody who does."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            yield str(node.module)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__", "find_spec")):
            yield from (str(word.value) for word in node.args if isinstance(word, ast.Constant))


def test_all_modules_are_there_with_their_modes_and_nothing_else(boot):
    expected = {"about.json": 0o644}
    for source, where in MOVED.items():
        for path in (ROOT / source).rglob("*"):
            if path.suffix in KINDS and "__pycache__" not in path.parts:
                name = os.path.normpath(f"{where}/{path.relative_to(ROOT / source)}")
                expected[name] = path.stat().st_mode & 0o777
    found = {str(path.relative_to(boot)): path.stat().st_mode & 0o777 for path in boot.rglob("*") if path.is_file()}
    assert found.keys() == expected.keys()
    expected["about.json"] = found["about.json"]
    assert found == expected
    assert {"__init__.py", "__main__.py", "handler.py", "serving/settings.py", "serving/web/page.html"} <= found.keys()


def test_every_kind_of_file_that_the_chassis_has_is_taken(boot):
    for source in MOVED:
        kinds = {path.suffix for path in (ROOT / source).rglob("*") if path.is_file()} - {".pyc"}
        assert kinds <= set(KINDS), source


def test_what_the_adapter_starts_may_be_run(boot):
    assert os.access(boot / "run.sh", os.X_OK)
    assert (boot / "run.sh").read_bytes() == (ROOT / "ship/aws_lambda/boot/run.sh").read_bytes()


def test_the_entry_point_is_written_down(boot):
    assert json.loads((boot / "about.json").read_text()) == {"entrypoint": "server.py:mcp"}


def test_nothing_imports_ours_by_a_name_that_a_guest_can_have(boot):
    wrong = {
        (str(path.relative_to(boot)), name)
        for path in boot.rglob("*.py")
        for name in imported(path.read_text(encoding="utf-8"))
        if name.partition(".")[0] in OURS
    }
    assert not wrong


def test_all_of_ours_that_is_imported_is_there(boot):
    for path in boot.rglob("*.py"):
        for name in imported(path.read_text(encoding="utf-8")):
            if name.startswith("__boot__"):
                place = boot.parent / name.replace(".", "/")
                assert place.is_dir() or place.with_suffix(".py").is_file(), (path, name)


def test_no_module_says_by_its_full_name_what_is_called_otherwise_there():
    """`import serving.x` would bind the name `serving`, which nothing renames where it is used."""
    for source in MOVED:
        for path in (ROOT / source).rglob("*.py"):
            plain = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Import)]
            names = [alias.name for node in plain for alias in node.names if alias.asname is None]
            assert not [name for name in names if name.partition(".")[0] in OURS], path


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from serving import logs", "from __boot__.serving import logs"),
        ("    from serving.web.app import x", "    from __boot__.serving.web.app import x"),
        ("import serving.x as x", "import __boot__.serving.x as x"),
        ("from ship.aws_lambda.boot import PACKAGES", "from __boot__ import PACKAGES"),
        ("from ship.aws_lambda.boot.place import x", "from __boot__.place import x"),
        ("from servings import x", "from servings import x"),
        ("from mcp.serving import x", "from mcp.serving import x"),
        ("getLogger('serving.run')", "getLogger('serving.run')"),
        ("from ship.aws_lambda.bootstrap import x", "from ship.aws_lambda.bootstrap import x"),
    ],
)
def test_imports_are_renamed_and_nothing_else_is(source, expected):
    assert renamed(f"x = 1\n{source}\ny = 2\n") == f"x = 1\n{expected}\ny = 2\n"


GUESTS = """
import sys
sys.path.insert(0, {folder!r})  # as Lambda's runtime does
import __boot__.serving.settings, __boot__.serving.chassis, __boot__.serving.web.app, __boot__.start
from pathlib import Path
from __boot__.place import Place, arrange_path
arrange_path(Place(Path({folder!r}), "server.py", ""))
import boot, serving, serving.settings, ship, tools
import mcp.types
print(boot.WHOSE, serving.WHOSE, serving.settings.WHOSE, ship.WHOSE, tools.WHOSE, hasattr(mcp, "WHOSE"))
print(sorted(name for name in sys.modules if name.startswith(("serving", "ship"))))
"""


def test_what_a_guest_calls_as_we_do_is_the_guests_and_the_sdk_is_not_hidden(boot):
    guest = boot.parent
    for name in ("boot.py", "serving/__init__.py", "serving/settings.py", "ship.py", "tools.py", "mcp.py", "server.py"):
        (guest / name).parent.mkdir(exist_ok=True)
        (guest / name).write_text("WHOSE = 'guest'\n")
    (boot / "packages").symlink_to(sysconfig.get_path("purelib"))
    done = subprocess.run(
        [sys.executable, "-S", "-I", "-c", GUESTS.format(folder=str(guest))],
        cwd=guest,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "guest guest guest guest guest False",
        "['serving', 'serving.settings', 'ship']",
    ]
