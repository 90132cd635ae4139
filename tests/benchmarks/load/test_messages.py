"""What the load says."""

import json
from dataclasses import asdict
from typing import Any

import pytest

from benchmarks.load.job import Job
from benchmarks.load.messages import FIRST_ID, HANDSHAKE, MODERN, Question

ODD = Question.call("sum", {"a": FIRST_ID, "b": "100 %d"}, "x")


@pytest.mark.parametrize("era", [MODERN, HANDSHAKE])
def test_only_the_id_differs_from_call_to_call_whatever_the_arguments_are(era):
    first, second = (json.loads(ODD.template(era) % number) for number in (FIRST_ID, FIRST_ID + 1))
    assert (first.pop("id"), second.pop("id")) == (FIRST_ID, FIRST_ID + 1)
    assert first == second
    assert first["params"]["arguments"] == {"a": FIRST_ID, "b": "100 %d"}
    assert ("_meta" in first["params"]) == (era == MODERN)


def test_a_job_survives_being_written_down():
    said: dict[str, Any] = {
        "url": "",
        "argv": (),
        "protocol": MODERN,
        "greets": True,
        "clients": 1,
        "warm_up": 0.0,
        "seconds": 1.0,
    }
    job = Job(**said, question=Question("tools/list", {}, "sum"))
    assert Job.read(json.loads(json.dumps(asdict(job))) | {"argv": ()}) == job
