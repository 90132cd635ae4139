"""What the client of a plain call gets, and when."""

import asyncio

import anyio
import pytest

from serving.web import reply
from serving.web.reply import Reply


class Client:
    """Takes what is sent, and hangs up when it is told to."""

    def __init__(self):
        self.sent = []
        self.gone = anyio.Event()
        self.watched = anyio.Event()

    async def receive(self):
        self.watched.set()
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        self.sent.append(message)

    def reply(self, *, stream=True):
        return Reply(self.receive, self.send, stream=stream)

    @property
    def body(self):
        return b"".join(message.get("body", b"") for message in self.sent)


@pytest.fixture
def client():
    return Client()


async def test_an_answer_alone_is_json_with_its_length_and_status(client):
    with client.reply() as answer:
        pass
    await answer.end(b"{}", 400)
    start, body = client.sent
    assert start["status"] == 400
    assert dict(start["headers"]) == {b"content-length": b"2", b"content-type": b"application/json"}
    assert body == {"type": "http.response.body", "body": b"{}"}


async def test_notes_make_it_a_stream(client):
    with client.reply() as answer:
        await answer.note(b'{"a":1}')
    await answer.end(b"{}", 400)
    assert client.sent[0]["status"] == 200
    assert dict(client.sent[0]["headers"])[b"content-type"] == b"text/event-stream"
    assert client.body == b'event: message\r\ndata: {"a":1}\r\n\r\nevent: message\r\ndata: {}\r\n\r\n'
    assert [message.get("more_body") for message in client.sent[1:]] == [True, False]


async def test_where_the_answer_is_to_be_json_notes_are_dropped(client):
    with client.reply(stream=False) as answer:
        await answer.note(b"{}")
    await answer.end(b"{}")
    assert client.body == b"{}"


async def test_a_note_that_comes_after_the_end_is_dropped(client):
    with client.reply() as answer:
        await answer.note(b'{"a":1}')
    await answer.end(b"{}")
    await answer.note(b'{"late":1}')
    assert b"late" not in client.body


async def test_who_waits_long_is_watched_and_gets_signs_of_life(client, monkeypatch):
    monkeypatch.setattr(reply, "PATIENT_SECONDS", 0)
    monkeypatch.setattr(reply, "PING_SECONDS", 0)
    with anyio.fail_after(10), client.reply() as answer:
        await client.watched.wait()
        while b": ping\r\n\r\n" not in client.body:
            await anyio.lowlevel.checkpoint()
    await answer.end(b"{}")
    assert client.body.endswith(b"event: message\r\ndata: {}\r\n\r\n")


async def test_nothing_is_left_behind_when_a_call_is_over(client, monkeypatch):
    monkeypatch.setattr(reply, "PATIENT_SECONDS", 0)
    before = asyncio.all_tasks()
    with anyio.fail_after(10), client.reply():
        await client.watched.wait()
    await anyio.wait_all_tasks_blocked()
    assert asyncio.all_tasks() == before


async def test_a_short_call_is_not_watched(client):
    with client.reply():
        await anyio.lowlevel.checkpoint()
    await anyio.wait_all_tasks_blocked()
    assert not client.watched.is_set()
