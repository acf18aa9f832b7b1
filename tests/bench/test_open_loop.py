"""The open loop on sockets: all is asked, all is checked, nothing is lost."""

import asyncio
import time
from array import array

import pytest

from workshop.bench import Case, load
from workshop.bench.arrivals import Queue, poisson
from workshop.bench.cases import WrongAnswer
from workshop.bench.open_loop import (
    OpenBuiltin,
    OpenClient,
    OpenLoop,
    from_text,
    to_text,
)
from workshop.bench.servers import server

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
CASE = Case("tiny", b"GET / HTTP/1.1\r\n\r\n", 200, {}, b"hi")
DUE = array("d", [0.0] * 30 + [0.005] * 30 + [0.02] * 40)


class Server(asyncio.Protocol):
    """Counts what it was asked; `say` may change an answer."""

    def __init__(self, seen, say):
        self.seen = seen
        self.say = say

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        assert data == CASE.request
        self.seen.append(data)
        self.say(self.transport, len(self.seen))


def right(transport, number):
    transport.write(ANSWER)


async def offered(say, due=DUE, connections=4):
    """Offer a load to a server in this loop; return loop, trace, count."""
    seen = []
    listening = await asyncio.get_running_loop().create_server(
        lambda: Server(seen, say), "127.0.0.1", 0
    )
    async with listening:
        opened = OpenLoop(CASE)
        host, port = listening.sockets[0].getsockname()
        await opened.open(host, port, connections)
        await opened.verify()
        trace = await opened.offer(due)
        last = None if opened.wrong else await opened.verify()
        opened.close()
        await asyncio.sleep(0)
    return opened, trace, last, len(seen)


def test_each_request_is_sent_once_and_not_before_it_is_due():
    opened, trace, last, asked = asyncio.run(offered(right))

    assert opened.wrong is None
    assert asked == 4 + len(DUE) + last.answers
    assert len(trace.ended) == len(DUE)
    for moments in zip(
        trace.intended, trace.possible, trace.actual, trace.ended, strict=True
    ):
        assert list(moments) == sorted(moments)
    gaps = [moment - trace.intended[0] for moment in trace.intended]
    assert gaps == pytest.approx(list(DUE))


def test_littles_law_holds_for_what_was_recorded():
    due = poisson(2000, 0.1, seed=1)
    _, trace, _, _ = asyncio.run(offered(right, due))

    window = max(trace.ended) - trace.intended[0]
    waited = sum(trace.response) / len(due)
    assert trace.in_system() == pytest.approx(
        len(due) / window * waited, rel=1e-6
    )


@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        (ANSWER.replace(b"hi", b"ho"), "content is b'ho'"),
        (ANSWER.replace(b"200", b"500"), "status is 500"),
        (ANSWER.replace(b": 2", b":  2"), "its length is 41, not 40"),
        (ANSWER * 2, "follows the answer"),
    ],
)
def test_one_wrong_answer_among_many_is_seen(lie, reason):
    def lying(transport, number):
        transport.write(lie if number == 50 else ANSWER)

    opened, _, _, _ = asyncio.run(offered(lying))

    assert reason in opened.wrong


def test_an_answer_that_nobody_asked_for_is_wrong():
    opened = OpenLoop(CASE)
    opened.length = len(ANSWER)
    client = OpenClient(opened)
    opened.queue = Queue(DUE, [client], lambda: 0.0, OpenClient.ask)

    client.data_received(ANSWER)

    assert opened.wrong == "an answer came that nobody had asked for"


def test_a_server_that_hangs_up_is_wrong():
    def leaving(transport, number):
        transport.close() if number == 50 else transport.write(ANSWER)

    opened, _, _, _ = asyncio.run(offered(leaving))

    assert opened.wrong == "the server closed a connection"


def test_a_request_that_is_never_answered_is_wrong(monkeypatch):
    monkeypatch.setattr(load, "PATIENCE", 0.05)

    def silent(transport, number):
        if number != 50:
            transport.write(ANSWER)

    opened, _, _, _ = asyncio.run(offered(silent))

    assert opened.wrong == "1 requests were never answered"


def test_a_trace_survives_its_journey():
    _, trace, _, _ = asyncio.run(offered(right))

    assert from_text(to_text(trace)) == trace


def test_a_generator_that_is_stopped_says_so():
    # The server is in the same loop: while it blocks, nobody sends.
    def blocking(transport, number):
        if number == 50:
            time.sleep(0.05)
        transport.write(ANSWER)

    due = array("d", [number / 2000 for number in range(100)])
    _, trace, _, _ = asyncio.run(offered(blocking, due))

    assert max(trace.stopped) >= 0.045


def test_the_generator_offers_and_runs_a_closed_loop(tmp_path, tiny):
    arm = tiny(tmp_path)
    with server(arm) as running, OpenBuiltin(8) as generator:
        first = generator.open(running.host, running.port, CASE)
        run = generator.run(0.05)
        trace = generator.offer(2000, 0.1, seed=1)
        again = generator.offer(2000, 0.1, seed=1)
        last = generator.close()

    assert first.answers == last.answers == 8
    assert run.answers >= 8
    due = poisson(2000, 0.1, seed=1)
    for each in (trace, again):
        start = each.intended[0] - due[0]
        assert [moment - start for moment in each.intended] == pytest.approx(
            list(due)
        )
        assert min(each.closed) > 0


def test_the_generator_raises_what_is_wrong(tmp_path, tiny):
    arm = tiny(tmp_path, ANSWER.replace(b"hi", b"ho"), "self.every > 500")
    with server(arm) as running, OpenBuiltin(8) as generator:
        generator.open(running.host, running.port, CASE)

        with pytest.raises(WrongAnswer, match="content is b'ho'"):
            generator.offer(6000, 0.2, seed=1)
