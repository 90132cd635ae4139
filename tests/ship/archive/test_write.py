"""Archives that are written: nothing but names, contents and modes is in them."""

import os
import zipfile

import pytest

from ship.archive.write import write

FILES = {"b.txt": "b", "a/deep.txt": "deep" * 1000, "run.sh": "#!/bin/sh\n"}


@pytest.fixture
def made(tmp_path):
    """Files in a new folder, made in this order, by their names in the zip."""

    def make(where, names):
        paths = {}
        for name in names:
            paths[name] = tmp_path / where / name
            paths[name].parent.mkdir(parents=True, exist_ok=True)
            paths[name].write_text(FILES[name])
            paths[name].chmod(0o755 if name.endswith(".sh") else 0o644)
        return paths

    return make


def test_when_and_in_which_order_files_were_made_changes_no_byte(tmp_path, made):
    first, second = made("first", FILES), made("second", sorted(FILES))
    os.utime(second["b.txt"], (10**9, 10**9))
    write(tmp_path / "first.zip", first, programs=True)
    write(tmp_path / "second.zip", second, programs=True)
    write(tmp_path / "again.zip", first, programs=True)
    content = (tmp_path / "first.zip").read_bytes()
    assert content == (tmp_path / "second.zip").read_bytes() == (tmp_path / "again.zip").read_bytes()


def test_names_are_in_order_and_what_is_behind_them_comes_out_again(tmp_path, made):
    write(tmp_path / "x.zip", {**made("files", FILES), "said.json": b"{}"})
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["a/deep.txt", "b.txt", "run.sh", "said.json"]
        assert archive.read("a/deep.txt").decode() == FILES["a/deep.txt"]
        assert archive.read("said.json") == b"{}"


@pytest.mark.parametrize("programs", [True, False])
def test_only_programs_may_be_run_and_only_if_they_are_asked_for(tmp_path, made, programs):
    paths = made("files", FILES)
    paths["b.txt"].chmod(0o600)
    write(tmp_path / "x.zip", {**paths, "said.json": b"{}"}, programs=programs)
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
    assert modes.pop("run.sh") == (0o100755 if programs else 0o100644)
    assert set(modes.values()) == {0o100644}


def test_what_was_there_is_replaced(tmp_path):
    write(tmp_path / "x.zip", {"old.txt": b"old"})
    write(tmp_path / "x.zip", {"new.txt": b"new"})
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        assert archive.namelist() == ["new.txt"]
