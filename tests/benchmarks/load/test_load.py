"""The load, against a server that answers and one that does not as it should."""

import asyncio

import pytest

from benchmarks.load.__main__ import measure
from benchmarks.load.job import Job
from benchmarks.load.messages import HANDSHAKE, MODERN, Question
from tests.support import serving


@pytest.fixture(scope="module")
def url():
    with serving() as server:
        yield server.url


def job(url, question, era, calls=3):
    return Job(url, (), era, question, greets=True, clients=2, warm_up=0, seconds=30, calls=calls)


@pytest.mark.parametrize("era", [MODERN, HANDSHAKE])
def test_each_client_calls_as_often_as_it_shall(url, era):
    result = asyncio.run(measure(job(url, Question("tools/list", {}, '"tools"'), era)))
    assert (result.calls, result.errors) == (6, 0)
    assert result.calls_per_second > 0
    assert 0 < result.p50_ms <= result.p99_ms


def test_an_answer_without_what_was_expected_is_an_error_and_no_call(url):
    result = asyncio.run(measure(job(url, Question("tools/list", {}, "no such text"), MODERN)))
    assert (result.calls, result.errors, result.calls_per_second) == (0, 6, 0)
    assert result.error
