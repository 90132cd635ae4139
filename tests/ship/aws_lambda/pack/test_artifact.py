"""The zip for Lambda: the same byte by byte, and never more than Lambda takes."""

import base64
import hashlib
import os
import zipfile

import pytest

from ship.aws_lambda.pack import artifact
from ship.aws_lambda.pack.artifact import PACKAGES, largest_of, zip_up
from ship.aws_lambda.pack.errors import BuildError
from ship.aws_lambda.pack.guest import files_of

MB = 1024**2


@pytest.fixture
def folder(tmp_path):
    """Write files of these sizes into a new folder, in this order."""

    def write(where, **sizes):
        for name, size in sizes.items():
            path = tmp_path / where / name.replace("__IN__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                file.truncate(size)
        return files_of(tmp_path / where)

    return write


def test_two_builds_are_the_same_byte_by_byte(tmp_path, folder):
    first, second = folder("a", x=1, y=2, z__IN__w=3), folder("b", z__IN__w=3, y=2, x=1)
    for file in second.values():
        os.utime(file, (10**9, 10**9))
    one, two = zip_up(tmp_path / "1.zip", first), zip_up(tmp_path / "2.zip", dict(reversed(list(second.items()))))
    assert one.file.read_bytes() == two.file.read_bytes()
    assert (one.sha256, one.checksum, one.unzipped_bytes) == (two.sha256, two.checksum, 6)


def test_the_checksum_is_what_s3_compares_it_with(tmp_path, folder):
    made = zip_up(tmp_path / "x.zip", folder("a", x=1))
    digest = hashlib.sha256(made.file.read_bytes()).digest()
    assert made.sha256 == digest
    assert base64.b64decode(made.checksum, validate=True) == digest


def test_only_programs_may_be_run(tmp_path, folder):
    files = folder("a", run=1, page=1)
    files["run"].chmod(0o700)
    files["page"].chmod(0o600)
    with zipfile.ZipFile(zip_up(tmp_path / "x.zip", files).file) as archive:
        modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
    assert modes == {"run": 0o100755, "page": 0o100644}


def test_what_is_too_large_names_the_ten_largest_packages_and_is_not_written(tmp_path, folder, monkeypatch):
    monkeypatch.setattr(artifact, "MOST_UNZIPPED_BYTES", 20 * MB)
    sizes = {f"p{number:02}__IN__data": number * MB // 2 for number in range(1, 13)}
    files = {f"{PACKAGES}/{name}": path for name, path in folder("packages", **sizes).items()}
    files |= {"model.bin": folder("guest", model=4 * MB + MB // 2)["model"]}
    with pytest.raises(BuildError) as raised:
        zip_up(tmp_path / "x.zip", files)
    largest = [(f"p{number:02}", number / 2) for number in range(12, 2, -1)]
    largest = [*largest[:3], ("./model.bin", 4.5), *largest[3:]]
    largest.sort(key=lambda one: -one[1])
    named = ", ".join(f"{name} {size:.1f} MB" for name, size in largest[:10])
    total = sum(range(1, 13)) / 2 + 4.5
    expected = f"unzipped it has {total:.0f} MB, and Lambda takes 20 MB: the largest are "
    message = str(raised.value)
    assert message.startswith(expected)
    assert sorted(message.removeprefix(expected).split(", ")) == sorted(named.split(", "))
    assert message.startswith(f"{expected}p12 6.0 MB, p11 5.5 MB, p10 5.0 MB, ")
    assert not (tmp_path / "x.zip").exists()


def test_what_is_just_as_large_as_it_may_be_is_written(tmp_path, folder, monkeypatch):
    monkeypatch.setattr(artifact, "MOST_UNZIPPED_BYTES", 5)
    assert zip_up(tmp_path / "x.zip", folder("a", x=2, y=3)).unzipped_bytes == 5
    with pytest.raises(BuildError):
        zip_up(tmp_path / "x.zip", folder("b", x=3, y=3))


def test_all_of_a_package_or_a_folder_counts_as_one():
    sizes = {f"{PACKAGES}/numpy/a": 3, f"{PACKAGES}/numpy/b/c": 4, f"{PACKAGES}/six.py": 1, "data/a": 2, "data/b": 3}
    assert largest_of(sizes) == [("numpy", 7), ("./data", 5), ("six.py", 1)]
