"""A guest is found in what was unpacked, and none of it is run."""

import pytest

from ship.archive.unpack import MARK
from ship.aws_lambda.pack.errors import BuildError
from ship.aws_lambda.pack.guest import ENTRYPOINTS, look_at


@pytest.fixture
def unpacked(tmp_path):
    """Put these files into what was unpacked, which has the mark of whoever unpacks."""

    def put(*names, content=""):
        for name in (MARK, *names):
            path = tmp_path / "src" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return tmp_path / "src"

    return put


def test_the_first_entry_point_that_is_there_is_taken(unpacked):
    expected = ("server.py", "main.py", "index.py", "app.py", "handler.py", "lambda.py", "mcp.py")
    assert expected == ENTRYPOINTS
    for at in range(len(expected)):
        folder = unpacked(*reversed(expected), "other.py")
        for name in expected[:at]:
            (folder / name).unlink()
        assert look_at(folder).entrypoint == expected[at]


def test_without_one_it_is_said_what_was_looked_for(unpacked):
    with pytest.raises(BuildError, match=r"no entry point: expected server\.py, main\.py, .*, or MCP_ENTRYPOINT$"):
        look_at(unpacked("tool.py", "src/server.py", "server.py/x.txt"))


@pytest.mark.parametrize("given", ["src/tool.py", "src/tool.py:mcp", "main.py"])
def test_one_that_is_given_is_taken_before_all_others(unpacked, given):
    guest = look_at(unpacked("server.py", "main.py", "src/tool.py"), given)
    assert guest.entrypoint == given


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("tool.py", "a file that is in the archive"),
        ("tool.py:mcp", "a file that is in the archive"),
        ("folder.py", "a file that is in the archive"),
        ("../outside.py", "a file like src/server.py"),
    ],
)
def test_one_that_is_given_must_be_there(unpacked, given, expected):
    folder = unpacked("server.py", "folder.py/x.txt", "../outside.py")
    with pytest.raises(BuildError, match=f"^MCP_ENTRYPOINT={given}: expected {expected}"):
        look_at(folder, given)


def test_a_single_folder_that_has_all_the_rest_is_the_guest(unpacked):
    guest = look_at(unpacked("name-main/server.py", "name-main/requirements.txt", "name-main/src/x.py"), "server.py")
    assert guest.folder.name == "name-main"
    assert guest.requirements == guest.folder / "requirements.txt"
    assert set(guest.files()) == {"server.py", "requirements.txt", "src/x.py"}


def test_a_single_file_or_a_second_folder_is_no_such_folder(unpacked):
    assert look_at(unpacked("server.py")).folder.name == "src"
    assert look_at(unpacked("a/x.txt", "b/x.txt")).folder.name == "src"


@pytest.mark.parametrize("name", ["__boot__/x.py", "__BOOT__/x.py", "__Boot__", "top/__boot__/x.py"])
def test_what_is_called_as_ours_is_refused(unpacked, name):
    with pytest.raises(BuildError, match="the archive has a __boot__: expected none"):
        look_at(unpacked("top/server.py" if name.startswith("top/") else "server.py", name))


def test_what_no_function_needs_is_left_out(unpacked):
    kept = {"server.py", ".env.example", "data/.hidden", "venvs/x.py", "lib/git/x", "pkg/mod.py"}
    left = {".git/config", ".venv/bin/python", "venv/x.py", "pkg/.venv/x.py", "pkg/.git", f"pkg/{MARK}"}
    assert set(look_at(unpacked(*kept, *left)).files()) == kept


def test_an_empty_folder_is_not_packed(unpacked):
    folder = unpacked("server.py")
    (folder / "empty").mkdir()
    assert look_at(folder).files() == {"server.py": folder / "server.py"}


def test_requirements_come_before_the_project_and_none_are_none(unpacked):
    folder = unpacked("server.py", "requirements.txt", "pyproject.toml", "src/requirements.txt")
    assert look_at(folder).requirements == folder / "requirements.txt"
    (folder / "requirements.txt").unlink()
    assert look_at(folder).requirements == folder / "pyproject.toml"
    (folder / "pyproject.toml").unlink()
    assert look_at(folder).requirements is None


def test_nothing_of_it_is_run(unpacked, tmp_path):
    code = f"open({str(tmp_path / 'was_run')!r}, 'w')\n"
    folder = unpacked("server.py", "__init__.py", "setup.py", "sitecustomize.py", content=code)
    assert look_at(folder, "server.py:mcp").files()
    assert not (tmp_path / "was_run").exists()
