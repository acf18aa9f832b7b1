"""What one sees of a protocol through the lens is what it does."""

import asyncio
import doctest

import pytest

from workshop import lens
from workshop.lens import Watched, connections, strip, watch
from workshop.steps import load

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"
GET = b"GET /hello/ada HTTP/1.1\r\nHost: pico\r\n\r\n"


class Fragile(asyncio.Protocol):
    """Answers a dot, breaks on an x, closes on a c."""

    def connection_made(self, transport):
        self.transport = transport
        self.lost = False

    def data_received(self, data):
        if data == b"x":
            raise ValueError("x")
        self.transport.write(ANSWER)
        if data == b"c":
            self.transport.close()

    def connection_lost(self, error):
        self.lost = True


def test_lens_doctests():
    results = doctest.testmod(lens)

    assert results.failed == 0
    assert results.attempted == 3


@pytest.mark.parametrize(
    ("reads", "letter", "writes"),
    [
        ([], "0", []),
        ([b"."], "1", [ANSWER]),
        ([b".", b"."], "2", [ANSWER, ANSWER]),
        ([b"x", b"."], "x", [b""]),
        ([b".", b"x", b"."], "!", [ANSWER, b""]),
        ([b"c", b"."], "1", [ANSWER]),
    ],
)
def test_watch_tells_what_each_read_brought(reads, letter, writes):
    seen = asyncio.run(watch(Fragile(), *reads))

    assert seen.letter == letter
    assert seen.writes == writes
    assert [a.content for a in seen.answers] == [b"hi"] * writes.count(ANSWER)


def test_watched_loses_its_connection_when_its_block_ends():
    async def lost():
        async with Watched(Fragile()) as watched:
            during = watched.protocol.lost
        return during, watched.protocol.lost

    assert asyncio.run(lost()) == (False, True)


def test_watch_leaves_no_task_of_a_connection_behind():
    async def left():
        step = load("03")
        seen = await watch(connections(step)(), GET[:9], GET[9:])
        return seen.letter, len(asyncio.all_tasks()), step.app.app.connections

    assert asyncio.run(left()) == ("1", 1, set())


@pytest.mark.parametrize("number", ["03", "04", "05"])
def test_strip_shows_one_answer_for_each_cut(number):
    found = asyncio.run(strip(connections(load(number)), GET))

    assert found == " " + "1" * (len(GET) - 1)
