"""What is unpacked: what packers write. Everything else is refused before a byte of it is written."""

import io
import os
import resource
import stat
import struct
import warnings
import zipfile
import zlib
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ship.archive import unpack as unpacking
from ship.archive.errors import ArchiveError
from ship.archive.unpack import MARK, unpack
from tests.ship.archive.support import BUNDLE, entry, zipped

MEBIBYTE = 1024**2
FILE = ("server.py", "x")
EOCD = b"PK\5\6"


def unpacked(content, folder, **changes):
    unpack(io.BytesIO(content), folder / "bundle", replace(BUNDLE, **changes))
    found = {str(path.relative_to(folder / "bundle")): path for path in (folder / "bundle").rglob("*")}
    found.pop(MARK)
    return found


def refused(content, folder, **changes):
    """Return why; nothing may be left in the folder, nor have been written beside it."""
    inner = folder / "inner"
    inner.mkdir()
    with pytest.raises(ArchiveError) as caught:
        unpacked(content, inner, **changes)
    assert list(inner.iterdir()) == []
    assert list(folder.iterdir()) == [inner]
    said = str(caught.value)
    assert said.isprintable()
    return said


def test_files_and_folders_come_out_with_their_content_and_a_plain_mode(tmp_path):
    content = zipped(
        [
            ("manifest.json", "{}"),
            (entry("bin/", stat.S_IFDIR | 0o700), ""),
            (entry("bin/run", stat.S_IFREG | 0o4711), "#!"),
            (entry("src/empty/", stat.S_IFDIR | 0o777), ""),
            (entry("src/a b é.py", 0, compress_type=zipfile.ZIP_STORED), "é" * 1000),
        ]
    )
    found = unpacked(content, tmp_path)
    assert sorted(found) == ["bin", "bin/run", "manifest.json", "src", "src/a b é.py", "src/empty"]
    assert found["src/a b é.py"].read_text() == "é" * 1000
    modes = {name: stat.S_IMODE(path.stat().st_mode) for name, path in found.items()}
    assert modes["bin/run"] == modes["bin"] == modes["src/empty"] == 0o755
    assert modes["manifest.json"] == 0o644


@pytest.mark.parametrize("end", [b"", b"MCPB_SIG_V1" + bytes(4000) + b"MCPB_SIG_END"], ids=["as packed", "signed"])
def test_a_signature_behind_the_archive_changes_nothing(tmp_path, end):
    assert list(unpacked(zipped([FILE]) + end, tmp_path)) == ["server.py"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        *((name, "leads out of the bundle") for name in ("../x", "a/../../x", "a/..", "..", "a/../x")),
        *((name, "has an absolute path") for name in ("/etc/x", "//host/x", "C:x", "c:/x")),
        *((name, "no path here has") for name in ("..\\x", "a\\b", "a\nb", "a\x1b[2Jb", "a\u202eb", "a\x7fb")),
        *((name, "has a path that is not plain") for name in ("a//b", "./x", "a/./b", "a//")),
        *((name, "has too long a path") for name in ("a" * 256, "é" * 200, "/".join(["a"] * 65), "a/" * 600 + "x")),
    ],
)
def test_a_name_that_is_no_plain_path_below_is_refused(tmp_path, name, reason):
    assert reason in refused(zipped([FILE, (entry(name), "x")]), tmp_path)


def test_a_name_that_ends_for_some_readers_is_refused(tmp_path):
    content = zipped([FILE, (entry("server.pyXjs"), "x")]).replace(b"server.pyXjs", b"server.py\0js")
    assert "no path here has" in refused(content, tmp_path)


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        (stat.S_IFLNK | 0o777, "is a symbolic link"),
        *((kind | 0o644, "neither a file nor a folder") for kind in (stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO)),
        *((kind | 0o644, "neither a file nor a folder") for kind in (stat.S_IFSOCK, stat.S_IFDIR)),
    ],
)
def test_what_is_no_file_is_refused(tmp_path, mode, reason):
    assert reason in refused(zipped([FILE, (entry("x", mode), "/etc/passwd")]), tmp_path)


def test_a_folder_that_says_to_be_something_else_or_has_a_content_is_refused(tmp_path):
    (tmp_path / "1").mkdir()
    assert "neither a file nor a folder" in refused(zipped([(entry("x/", stat.S_IFREG), "")]), tmp_path / "1")
    (tmp_path / "2").mkdir()
    assert "is a folder with a content" in refused(zipped([(entry("x/", stat.S_IFDIR), "x")]), tmp_path / "2")


@pytest.mark.parametrize("number", [0x000D, 0x756E])
def test_a_field_that_makes_an_entry_a_hard_link_is_refused(tmp_path, number):
    target = b"/etc/passwd"
    extra = struct.pack("<HH", number, 12 + len(target)) + bytes(12) + target
    assert "can make it a link" in refused(zipped([FILE, (entry("x", extra=extra), "")]), tmp_path)


def test_fields_that_do_not_add_up_are_refused(tmp_path):
    assert "can make it a link" in refused(zipped([(entry("x", extra=b"\1\0\0"), "")]), tmp_path)


@pytest.mark.parametrize("other", ["server.py", "SERVER.py", "\u017ferver.py"])
def test_two_entries_of_the_same_name_are_refused(tmp_path, other):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # zipfile's, of the same
        content = zipped([FILE, (other, "y")])
    assert "is there twice" in refused(content, tmp_path)


@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b", "a"), ("a", "a/"), ("A/b", "a"), ("a/b/c", "a/b")])
def test_a_file_that_is_a_folder_as_well_is_refused(tmp_path, names):
    assert "is a file and a folder" in refused(zipped(dict.fromkeys(names, "")), tmp_path)


@pytest.mark.parametrize("bit", [0x1, 0x40, 0x2000])
def test_an_encrypted_entry_is_refused(tmp_path, bit):
    content = bytearray(zipped([FILE]))
    central = content.index(b"PK\1\2")
    content[central + 8 : central + 10] = struct.pack("<H", bit)
    assert "is encrypted" in refused(bytes(content), tmp_path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(tmp_path, method):
    assert "neither stored nor deflated" in refused(zipped([(entry("x", compress_type=method), "x")]), tmp_path)


def test_a_file_that_becomes_far_longer_is_refused(tmp_path):
    content = zipped({"zeros": bytes(8 * MEBIBYTE)})
    assert len(content) < 10_000
    assert "more than 200 times as long" in refused(content, tmp_path)


def test_what_is_repetitive_and_short_is_not(tmp_path):
    assert list(unpacked(zipped({"zeros": bytes(MEBIBYTE)}), tmp_path)) == ["zeros"]


def test_all_files_together_may_not_take_more_than_is_allowed(tmp_path):
    content = zipped({str(number): os.urandom(1000) for number in range(11)})
    assert "would take 11000 bytes: at most 10999" in refused(content, tmp_path, max_unpacked_bytes=10_999)
    (tmp_path / "inner").rmdir()
    assert len(unpacked(content, tmp_path, max_unpacked_bytes=11_000)) == 11


def test_a_file_that_is_longer_than_it_says_is_refused(tmp_path):
    content = bytearray(zipped({"x": os.urandom(1000)}))
    for at, offset in ((content.index(b"PK\3\4"), 22), (content.index(b"PK\1\2"), 24)):
        content[at + offset : at + offset + 4] = struct.pack("<L", 10)
    assert "no zip archive that can be read" in refused(bytes(content), tmp_path)


def test_a_stored_file_has_one_size(tmp_path):
    content = bytearray(zipped([(entry("x", compress_type=zipfile.ZIP_STORED), bytes(1000))]))
    at = content.index(b"PK\1\2") + 24
    content[at : at + 4] = struct.pack("<L", 10)
    assert "is stored in another size" in refused(bytes(content), tmp_path)


def test_entries_that_share_their_content_are_refused(tmp_path):
    """D. Fifield, A better zip bomb (2019): entries that overlap."""
    content = bytearray(zipped({"a": os.urandom(1000), "b": os.urandom(1000)}))
    second = content.rindex(b"PK\1\2")
    content[second + 42 : second + 46] = bytes(4)  # where the first one begins
    assert "no zip archive that can be read" in refused(bytes(content), tmp_path)


def test_a_checksum_that_does_not_fit_is_refused(tmp_path):
    content = bytearray(zipped([(entry("x", compress_type=zipfile.ZIP_STORED), "content")]))
    content[content.index(b"content")] ^= 1
    assert "no zip archive that can be read (Bad CRC-32" in refused(bytes(content), tmp_path)


def test_too_many_files_and_folders_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "MOST_ENTRIES", 10)
    assert "more than 10 files and folders" in refused(zipped(dict.fromkeys(map(str, range(11)), "")), tmp_path)


def test_folders_that_are_only_named_by_what_is_in_them_count_as_well(tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "MOST_ENTRIES", 100)
    content = zipped({f"{number}/" + "a/" * 40 + "x": "" for number in range(3)})
    assert "more than 100 files and folders" in refused(content, tmp_path)


def test_an_entry_with_two_names_is_refused(tmp_path):
    """Info-ZIP's Unicode Path: since Python 3.12 zipfile takes its name for the entry's (APPNOTE 4.6.9)."""
    name = b"../../out"
    extra = struct.pack("<HHBL", 0x7075, 5 + len(name), 1, zlib.crc32(b"server.py")) + name
    assert "has two names" in refused(zipped([(entry("server.py", extra=extra), "x")]), tmp_path)


def test_a_list_of_entries_that_would_take_all_memory_is_refused_before_it_is_read(tmp_path):
    content = bytearray(zipped([FILE]))
    at = content.index(EOCD)
    content[at + 12 : at + 16] = struct.pack("<L", unpacking.MOST_DIRECTORY_BYTES + 1)
    assert "has a list of entries of 8388609 bytes" in refused(bytes(content), tmp_path)


@pytest.mark.parametrize("comment", [0, 65_535])
def test_a_zip64_archive_is_refused_wherever_its_end_is(tmp_path, comment):
    content = zipped([FILE])
    at = content.index(EOCD)
    end = content[at : at + 20] + struct.pack("<H", comment) + bytes(comment)
    assert "is a zip64 archive" in refused(content[:at] + b"PK\6\7" + bytes(16) + end, tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"PK", b"<html>", EOCD, bytes(100_000), zipped([FILE])[:-1], zipped([FILE])[:40], b"\x1f\x8b" * 99],
    ids=["nothing", "a beginning", "a page", "an end", "zeros", "cut at its end", "cut", "gzip"],
)
def test_what_is_no_archive_is_refused(tmp_path, content):
    assert "no zip archive" in refused(content, tmp_path)


def test_a_file_that_the_disk_does_not_take_is_one_line(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    content = zipped({"x": os.urandom(100_000)})
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        said = refused(content, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert f"cannot be unpacked to {tmp_path}/inner/bundle: File too large" in said


def test_messages_name_the_settings_of_whoever_asks(tmp_path):
    ours = {"noun": "archive", "prefix": "ZIP_"}
    for number, (content, message) in enumerate(
        [
            (zipped({"x": bytes(11)}), "the archive would take 11 bytes: at most 10 (ZIP_MAX_UNPACKED_BYTES)"),
            (zipped({"../x": ""}), "the archive's entry '../x' leads out of the archive"),
            (zipped({"a": "", "a/b": ""}), "the archive's entry 'a' is a file and a folder"),
            (b"<html>", "the archive is no zip archive (it has no end)"),
        ]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert refused(content, folder, max_unpacked_bytes=10, **ours) == message


FUZZ = settings(
    max_examples=300,
    derandomize=True,  # the same every time
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
GOOD = zipped({"manifest.json": "{}", "src/server.py": "x" * 500, "deps/a/b.py": bytes(range(200))})
CHANGES = st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=8)


@FUZZ
@given(changes=CHANGES, cut=st.integers(0, len(GOOD)), tail=st.binary(max_size=64))
def test_whatever_bytes_come_nothing_gets_out_and_nothing_is_left_half_done(tmp_path, changes, cut, tail):
    content = bytearray(GOOD)
    for at, value in changes:
        content[at] = value
    _survives(bytes(content[: cut if cut % 3 == 0 else len(GOOD)]) + tail, tmp_path)


NAMES = st.text(st.sampled_from(["a", "B", "b", "/", ".", "\\", "\0", ":", "é", " ", "~", "\u202e"]), max_size=12)


@FUZZ
@given(names=st.lists(NAMES, max_size=6), mode=st.integers(0, 0xFFFF), extra=st.binary(max_size=12))
def test_whatever_names_modes_and_fields_come_nothing_gets_out(tmp_path, names, mode, extra):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        _survives(zipped([(entry(name or "x", mode, extra=extra), "content") for name in names]), tmp_path)


def _survives(content: bytes, folder: Path) -> None:
    """Unpack it or refuse it; then see that there is nothing anywhere but plain files below one folder."""
    target = folder / "bundle"
    with suppress(ArchiveError):
        unpack(io.BytesIO(content), target, replace(BUNDLE, max_unpacked_bytes=MEBIBYTE))
    assert list(folder.iterdir()) in ([], [target])
    assert not target.exists() or (target / MARK).is_file()
    for path in sorted(target.rglob("*"), reverse=True):
        assert not path.is_symlink()
        assert path.stat().st_mode & 0o7022 == 0
        path.rmdir() if path.is_dir() else path.unlink()
    if target.exists():
        target.rmdir()
