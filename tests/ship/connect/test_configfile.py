import errno
import json
import stat
from datetime import datetime

import pytest

from ship.connect.configfile import ConfigFile, ConnectError

ENTRY = {"url": "http://h/"}
OTHERS = '{"mcpServers": {"other": {"n": 1.0}}}\n'


@pytest.fixture
def path(tmp_path):
    return tmp_path / "mcp.json"


def put(path, entry=ENTRY, **options):
    return ConfigFile.read(path).put("mcpServers", "mine", entry, **{"private": False, **options})


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_is_its_owners_alone_and_has_no_copy(path):
    assert put(path) is None
    assert json.loads(path.read_text()) == {"mcpServers": {"mine": ENTRY}}
    assert (path.read_text()[-2:], mode(path), *path.parent.iterdir()) == ("}\n", 0o600, path)


@pytest.mark.parametrize("content", ["", "\n", "  \r\n", "\ufeff"])
def test_an_empty_file_is_one_without_servers(path, content):
    path.write_bytes(content.encode())
    assert ConfigFile.read(path).server("mcpServers", "mine") is None
    assert put(path).read_bytes() == content.encode()
    assert ConfigFile.read(path).server("mcpServers", "mine") == ENTRY


def test_the_file_and_its_copy_keep_the_mode(path):
    path.write_text(OTHERS)
    path.chmod(0o640)
    copy = put(path)
    assert (copy.read_text(), mode(copy), mode(path)) == (OTHERS, 0o640, 0o640)
    assert copy.name.startswith("mcp.json.bak-")


def test_a_file_with_a_secret_is_its_owners_alone(path):
    path.write_text(OTHERS)
    path.chmod(0o644)
    copy = put(path, private=True)  # in which an earlier secret may be
    assert (mode(path), mode(copy)) == (0o600, 0o600)


def test_no_copy_takes_the_place_of_another(path, monkeypatch):
    path.write_text(OTHERS)
    copies = [put(path, {"url": str(number)}) for number in range(5)]
    assert len(set(copies)) == 5
    assert [json.loads(copy.read_text())["mcpServers"].get("mine") for copy in copies[:2]] == [None, {"url": "0"}]

    class Stopped:
        now = staticmethod(lambda: datetime(2026, 7, 28))

    monkeypatch.setattr("ship.connect.configfile.datetime", Stopped)
    first = put(path)
    before = path.read_text(), first.read_text()
    with pytest.raises(ConnectError, match=rf"{first}: cannot be written \(File exists\)"):
        put(path, {"url": "another"})
    assert (path.read_text(), first.read_text()) == before


def test_a_link_stays_a_link(path, tmp_path):
    target = tmp_path / "dotfiles" / "cursor.json"
    target.parent.mkdir()
    target.write_text(OTHERS)
    path.symlink_to("dotfiles/cursor.json")
    copy = put(path)
    assert path.is_symlink()
    assert copy.parent == path.parent
    assert json.loads(target.read_text())["mcpServers"]["mine"] == ENTRY
    assert list(target.parent.iterdir()) == [target]


def test_a_link_to_what_is_not_there_yet_is_written_through(path, tmp_path):
    path.symlink_to(tmp_path / "elsewhere.json")
    put(path)
    assert path.is_symlink()
    assert ConfigFile.read(tmp_path / "elsewhere.json").server("mcpServers", "mine") == ENTRY


@pytest.mark.parametrize("broken", ["os.replace", "os.fsync", "pathlib.Path.chmod"])
def test_a_write_that_fails_leaves_the_file_as_it_was(path, monkeypatch, broken):
    def fail(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    path.write_text(OTHERS)
    monkeypatch.setattr(broken, fail)
    with pytest.raises(ConnectError, match=r"mcp\.json: cannot be written \(No space left on device\)"):
        put(path)
    assert path.read_text() == OTHERS
    assert [found for found in path.parent.iterdir() if not found.name.startswith("mcp.json.bak-")] == [path]


def test_an_interrupted_write_leaves_nothing_behind(path, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        put(path)
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("before", [None, OTHERS])
def test_what_somebody_else_wrote_meanwhile_is_not_lost(path, before):
    if before:
        path.write_text(before)
    file = ConfigFile.read(path)
    path.write_text('{"theirs": 1}')
    with pytest.raises(ConnectError, match="somebody else has just written it"):
        file.put("mcpServers", "mine", ENTRY, private=False)
    assert path.read_text() == '{"theirs": 1}'


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"a": 1} // why', r"expected plain JSON \(Extra data: line 1 column 10"),
        (b'{"mcpServers": {}, "mcpServers": {}}', r"expected plain JSON \('mcpServers' is there twice\)"),
        ('{"a": "ü"}'.encode("latin-1"), r"expected plain JSON \('utf-8' codec can't decode"),
        (OTHERS.encode("utf-16"), "expected plain JSON"),
        (b"[]", "expected a JSON object$"),
        (b'{"mcpServers": []}', 'expected an object as "mcpServers"$'),
        (b'{"mcpServers": null}', 'expected an object as "mcpServers"$'),
    ],
)
def test_a_file_that_no_client_would_have_written_is_named(path, content, reason):
    path.write_bytes(content)
    with pytest.raises(ConnectError, match=f"^{path}: {reason}"):
        ConfigFile.read(path).server("mcpServers", "mine")


def test_what_cannot_be_read_is_named(path):
    path.mkdir()
    with pytest.raises(ConnectError, match=r"mcp\.json: cannot be read \(Is a directory\)"):
        ConfigFile.read(path)
    loop = path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(ConnectError, match=r"loop: cannot be read \(Too many levels of symbolic links\)"):
        ConfigFile.read(loop)


def test_a_folder_that_is_not_there_is_named(path):
    with pytest.raises(ConnectError, match=r"cannot be written \(No such file or directory\)"):
        put(path / "missing" / "mcp.json")
    assert not path.exists()
