"""The order in which a call meets what surrounds it."""

import pytest
from fastmcp import FastMCP

from serving.calls.order import around_calls, limits_of
from serving.settings import Settings


@pytest.mark.parametrize("transport", ["http", "sse", "stdio"])
def test_whatever_happens_is_recorded_and_exits_are_contained_where_they_happen(transport):
    names = [type(part).__name__ for part in around_calls(Settings(transport=transport)).parts]
    assert names[:2] == ["CompareHeaders", "RecordCalls"]  # what is refused for its headers has been no call
    assert names[-1] == "ContainExits"


def test_a_server_keeps_its_accounts():
    around = around_calls(Settings(max_concurrency=7))
    assert limits_of(FastMCP("test", middleware=[around])).most == 7
    with pytest.raises(LookupError, match="bare: expected a server made with"):
        limits_of(FastMCP("bare"))
