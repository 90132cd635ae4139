"""`python -m ship.aws_lambda`: what cannot be done is one line on stderr and status 1."""

import os
import subprocess
import sys

import pytest

from ship.aws_lambda.pack import build
from tests.support import ROOT, SECONDS, environment

GIVEN = ("ZIP_", "S3_", "AWS_", "MCP_", "PYTHON_VERSION", "ARCHITECTURE")


def said(*arguments, cwd=ROOT, **variables):
    """The one line that it says, with nothing on stdout and status 1."""
    env = {name: value for name, value in environment().items() if not name.startswith(GIVEN)}
    done = subprocess.run(
        [sys.executable, "-m", "ship.aws_lambda", *arguments],
        env=env | {"PYTHONPATH": str(ROOT)} | variables,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, ""), done
    [line] = done.stderr.splitlines()
    return line


def test_without_its_variables_it_says_which():
    assert said() == "build: ZIP_URL and S3_BUCKET and S3_KEY: expected a value, and nothing is set"


def test_what_cannot_be_is_one_line_whatever_is_in_it():
    variables = {"ZIP_URL": "https://example.invalid/x.zip", "S3_BUCKET": "a\nb\x1b[2J", "S3_KEY": "x.zip"}
    assert said(**variables) == "build: S3_BUCKET=a b [2J: expected the name of a bucket"


@pytest.mark.parametrize("word", ["unpack", "--help", ""])
def test_a_word_that_it_does_not_know_is_named(word):
    assert said(word) == f"build: {word}: expected no arguments, or pack: a build is told by its environment"


def test_a_python_that_lambda_does_not_have_is_refused_with_those_that_it_has(tmp_path):
    line = said("pack", "--python", "2.7", cwd=tmp_path)
    assert line == "pack: PYTHON_VERSION=2.7: expected one of 3.11, 3.12, 3.13, 3.14"
    assert not os.listdir(tmp_path)  # noqa: PTH208


def test_an_architecture_that_lambda_does_not_have_is_refused(tmp_path):
    line = said("pack", "--python", "3.13", "--architecture", "riscv", cwd=tmp_path)
    assert line == "pack: ARCHITECTURE=riscv: expected x86_64 or arm64"


def test_a_step_that_fails_is_told_last_and_nothing_secret_with_it(tmp_path, capsys):
    (tmp_path / "x.zip").write_bytes(b"no zip")
    order = {"ZIP_URL": f"file://{tmp_path}/x.zip?hunter2", "S3_BUCKET": "builds", "S3_KEY": "x.zip"}
    with pytest.raises(SystemExit) as stopped:
        build.main(order, tmp_path)
    assert str(stopped.value) == (
        f"build: step 3 (Unpack to {tmp_path}/src) failed: the archive is no zip archive (it has no end)"
    )
    told = capsys.readouterr()
    assert told.out == ""
    assert [line for line in told.err.splitlines() if line.startswith("[")] == [
        f"[1/10] Download file://{tmp_path}/x.zip",
        "[2/10] Verify",
        f"[3/10] Unpack to {tmp_path}/src",
    ]
    assert "hunter2" not in told.err


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    order = {"ZIP_URL": f"file://{tmp_path}/x.zip", "S3_BUCKET": "builds", "S3_KEY": "x.zip"}
    with pytest.raises(SystemExit) as stopped:
        build.main(order, tmp_path / "none")
    assert str(stopped.value).startswith(f"build: {tmp_path}/none: expected a folder that can be written to (")
