"""What a build does is told on stderr, and what fails is named with its step."""

import ast
import re

import pytest

from serving.errors import StartError
from ship.archive.errors import ArchiveError
from ship.aws_lambda.pack.errors import BuildError
from ship.aws_lambda.pack.steps import TOTAL, Steps
from tests.support import ROOT


def test_steps_are_numbered_named_and_timed_on_stderr(capsys):
    steps = Steps(2)
    with steps.step("Download"):
        steps.say("      3 bytes")
    with steps.step("Verify"):
        pass
    said = capsys.readouterr()
    assert said.out == ""
    one, detail, first, two, second = said.err.splitlines()
    assert (one, detail, two) == ("[1/2] Download", "      3 bytes", "[2/2] Verify")
    assert re.fullmatch(r" +\d+\.\d s", first)
    assert re.fullmatch(r" +\d+\.\d s", second)


def test_a_quiet_build_says_nothing(capsys):
    steps = Steps(2, quiet=True)
    with steps.step("Download"):
        steps.say("      3 bytes")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (StartError("no such thing"), "no such thing"),
        (ArchiveError("the archive is longer"), "the archive is longer"),
        (BuildError("no entry point"), "no entry point"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError("of no number"), "of no number"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_fails_begins_with_its_number_and_title(error, reason):
    steps = Steps(quiet=True)
    with steps.step("Download"):
        pass
    with pytest.raises(BuildError) as raised, steps.step("Verify"):
        raise error
    assert str(raised.value) == f"step 2 (Verify) failed: {reason}"
    assert raised.value.exit_status == 1


def test_a_bug_stays_a_bug():
    with pytest.raises(ZeroDivisionError), Steps(quiet=True).step("Divide"):
        raise ZeroDivisionError


def test_as_many_steps_are_announced_as_there_are():
    module = ast.parse((ROOT / "ship/aws_lambda/pack/build.py").read_text())
    steps = {node.name: ast.unparse(node).count("steps.step(") for node in module.body if hasattr(node, "name")}
    assert steps["build"] + steps["build_zip"] == TOTAL
    assert f"Steps({steps['build_zip']}, quiet=" in (ROOT / "ship/aws_lambda/pack/build.py").read_text()
