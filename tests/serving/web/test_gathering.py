"""What is written in one turn of the event loop, over a transport that writes down what reaches it."""

import asyncio

import anyio.lowlevel

from serving.web.gathering import MOST_GATHERED, GatheringTransport


class Written(asyncio.Transport):
    """Remembers what is written, and whether it is closed."""

    def __init__(self):
        super().__init__({"peername": "somebody"})
        self.pieces, self.closed = [], False

    def write(self, data):
        self.pieces.append(data)

    def close(self):
        self.closed = True

    def is_closing(self):
        return self.closed


async def gathering():
    written = Written()
    return written, GatheringTransport(written, asyncio.get_running_loop())


async def test_what_is_written_in_one_turn_goes_out_at_once_and_the_next_turn_is_another():
    written, transport = await gathering()
    transport.write(b"head")
    transport.write(b"body")
    assert written.pieces == []
    await anyio.lowlevel.checkpoint()
    assert written.pieces == [b"headbody"]
    transport.write(b"more")
    await anyio.lowlevel.checkpoint()
    assert written.pieces == [b"headbody", b"more"]


async def test_a_large_piece_does_not_wait_for_the_end_of_the_turn():
    written, transport = await gathering()
    transport.write(b"head")
    transport.write(b"x" * MOST_GATHERED)
    assert written.pieces == [b"head" + b"x" * MOST_GATHERED]
    await anyio.lowlevel.checkpoint()
    assert len(written.pieces) == 1


async def test_what_has_been_written_is_sent_before_the_connection_is_closed():
    written, transport = await gathering()
    transport.write(b"last words")
    transport.close()
    assert (written.pieces, written.closed) == ([b"last words"], True)


async def test_nothing_is_written_to_a_connection_that_is_gone():
    written, transport = await gathering()
    transport.write(b"late")
    written.close()
    await anyio.lowlevel.checkpoint()
    assert written.pieces == []


async def test_what_a_writer_does_with_its_bytes_afterwards_changes_nothing():
    written, transport = await gathering()
    data = bytearray(b"said")
    transport.write(data)
    data[:] = b"else"
    await anyio.lowlevel.checkpoint()
    assert written.pieces == [b"said"]


async def test_all_else_is_asked_of_the_transport_itself():
    _, transport = await gathering()
    assert transport.get_extra_info("peername") == "somebody"
