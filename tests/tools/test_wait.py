"""Progress while waiting, and the end of it when the client cancels."""

from itertools import pairwise

import anyio
import pytest
from fastmcp import Client

from tests.support import SERVER, serving


@pytest.fixture(scope="module")
def url():
    with serving(script=SERVER) as server:
        yield server.url


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_progress_comes_once_a_second_up_to_the_end(url, mode):
    progress = []

    async def on_progress(done, total, message):
        progress.append((done, total))

    async with Client(url, mode=mode, progress_handler=on_progress) as client:
        assert (await client.call_tool("wait", {"seconds": 1.2})).data == "Waited 1.2 seconds"
    assert progress[0] == (pytest.approx(0, abs=0.1), 1.2)
    assert progress[-1] == (1.2, 1.2)
    assert len(progress) == 3
    assert all(before < after for (before, _), (after, _) in pairwise(progress))


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_it_stops_at_once_when_the_client_cancels(url, mode):
    with anyio.fail_after(60):
        async with Client(url, mode=mode) as client:
            with anyio.move_on_after(0.5):
                await client.call_tool("wait", {"seconds": 3600})


async def test_a_time_out_of_range_is_refused(url):
    async with Client(url) as client:
        assert (await client.call_tool("wait", {"seconds": -1}, raise_on_error=False)).is_error
