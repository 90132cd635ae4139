"""The REST API under requests that nobody has thought of, held against its own OpenAPI document."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT, SECONDS, serving

EXAMPLES = 40
"""How many requests of each kind an operation gets; which ones is the same every time."""


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("strict", "unfit"),
    [
        ("true", "positive_data_acceptance"),  # 1.0 is an integer to JSON Schema, but only after conversion
        ("false", "negative_data_rejection"),  # "1" is taken for 1, which no schema says
    ],
)
def test_every_answer_is_what_the_document_says(strict, unfit, tmp_path):
    schemathesis = Path(sys.executable).parent / "schemathesis"
    with serving("--strict-input", strict, script=ROOT / "tests" / "fuzz_server.py") as server:
        command: list[str | Path] = [schemathesis, "run", f"{server.base}/openapi.json", "--no-color"]
        command += ["--generation-deterministic", "--max-examples", str(EXAMPLES)]
        command += ["--checks", "all", "--exclude-checks", unfit]
        result = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False, cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
