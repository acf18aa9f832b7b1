"""The load generators: each answer is counted, and each is checked."""

import asyncio
import os
import shutil
import sys
from dataclasses import replace

import pytest

from workshop.bench import Case, load
from workshop.bench.arms import Arm
from workshop.bench.cases import WrongAnswer
from workshop.bench.load import (
    Builtin,
    Client,
    ClosedLoop,
    Run,
    joined,
)
from workshop.bench.servers import server
from workshop.bench.shapes import CUT, PIPELINED, PLAINTEXT
from workshop.bench.wrk import Wrk
from workshop.errors import WorkshopError
from workshop.steps import find

try:
    import resource
except ImportError:  # Windows counts no descriptors.
    resource = None

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
REQUEST = b"GET / HTTP/1.1\r\n\r\n"
CASE = Case("tiny", REQUEST, 200, {}, b"hi")
THREE = Case("3 pipelined", REQUEST, 200, {}, b"hi", pipelined=3)
IN_THREE = Case("cut in 3", REQUEST, 200, {}, b"hi", cuts=(4, 12))
LATE = "self.every > 500"  # when all seemed to be well


class Server(asyncio.Protocol):
    """Counts what it was asked; `say` may change an answer."""

    def __init__(self, seen, say):
        self.seen = seen
        self.say = say

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.seen.append(data)
        self.say(self.transport, len(self.seen))


async def loaded(say, seconds=0.05, connections=4):
    """Let a closed loop ask a server in this loop; return run and count."""
    *runs, seen = await asked(say, CASE, seconds, connections)
    assert set(seen) == {CASE.request}
    return *runs, len(seen)


async def asked(say, case, seconds=0.05, connections=4):
    """Let a closed loop ask; return the runs and what the server read."""
    seen = []
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(
        lambda: Server(seen, say), "127.0.0.1", 0
    )
    async with listening:
        closed = ClosedLoop(case)
        host, port = listening.sockets[0].getsockname()
        await closed.open(host, port, connections)
        first = await closed.verify()
        run = await closed.run(seconds) if not first.wrong else first
        last = await closed.verify() if not run.wrong else run
        closed.close()
        await asyncio.sleep(0)
    return first, run, last, seen


def right(transport, number):
    transport.write(ANSWER)


def test_the_generator_counts_every_answer():
    first, run, last, asked = asyncio.run(loaded(right))

    assert first.answers == last.answers == 4
    assert asked == first.answers + run.answers + last.answers
    assert run.answers >= 4
    assert (first.wrong, run.wrong, last.wrong) == (None, None, None)
    assert run.length == len(ANSWER)


def test_an_answer_in_pieces_is_one_answer():
    def in_pieces(transport, number):
        loop = asyncio.get_running_loop()
        for size in range(len(ANSWER)):
            loop.call_soon(transport.write, ANSWER[size : size + 1])

    _, run, _, asked = asyncio.run(loaded(in_pieces, connections=1))

    assert run.wrong is None
    assert asked == 1 + run.answers + 1


@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        (ANSWER.replace(b"hi", b"ho"), "content is b'ho'"),
        (ANSWER.replace(b"200", b"500"), "status is 500"),
        (ANSWER.replace(b": 2", b":  2"), "its length is 41, not 40"),
        (ANSWER * 2, "follows the answer"),
        (b"nonsense\r\n\r\n", "the status line is"),
    ],
)
def test_one_wrong_answer_among_many_is_seen(lie, reason):
    def lying(transport, number):
        transport.write(lie if number == 6 else ANSWER)

    first, run, _, _ = asyncio.run(loaded(lying))

    assert first.wrong is None
    assert reason in run.wrong


def test_bytes_before_an_answer_are_wrong_however_they_come():
    closed = ClosedLoop(CASE)
    closed.length = len(ANSWER)
    client = Client(closed)
    client.asked, client.left = 0.0, 1

    client.data_received(b"H")
    client.data_received(ANSWER)

    assert "the status line is 'HHTTP/1.1 200 OK'" in closed.wrong


def test_a_server_that_hangs_up_is_wrong():
    def leaving(transport, number):
        transport.close() if number == 6 else transport.write(ANSWER)

    _, run, _, _ = asyncio.run(loaded(leaving))

    assert run.wrong == "the server closed a connection"


def test_a_request_that_is_never_answered_is_wrong(monkeypatch):
    monkeypatch.setattr(load, "PATIENCE", 0.05)

    def silent(transport, number):
        if number != 6:
            transport.write(ANSWER)

    _, run, _, _ = asyncio.run(loaded(silent))

    assert run.wrong == "1 requests were never answered"


def test_bytes_that_nobody_asked_for_are_wrong():
    closed = ClosedLoop(CASE)

    Client(closed).data_received(b"late")

    assert closed.wrong == "an answer came that nobody had asked for"


# Pipelined requests


def test_requests_are_sent_at_once_and_their_answers_counted_one_by_one():
    def all_three(transport, number):
        transport.write(ANSWER * 3)

    first, run, last, seen = asyncio.run(asked(all_three, THREE))

    assert set(seen) == {REQUEST * 3}
    assert (first.answers, last.answers) == (12, 12)
    assert run.answers + 24 == 3 * len(seen)
    assert (run.wrong, run.length) == (None, len(ANSWER))


def test_pipelined_answers_are_one_by_one_however_they_come():
    def in_pieces(transport, number):
        loop = asyncio.get_running_loop()
        data = ANSWER * 3
        for begin in range(0, len(data), 7):
            loop.call_soon(transport.write, data[begin : begin + 7])

    run, seen = asyncio.run(asked(in_pieces, THREE, connections=1))[1::2]

    assert run.wrong is None
    assert run.answers + 6 == 3 * len(seen)


WRONG = ANSWER.replace(b"hi", b"ho")


@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        (WRONG + ANSWER * 2, "content is b'ho'"),
        (ANSWER + WRONG + ANSWER, "content is b'ho'"),
        (ANSWER * 2 + WRONG, "content is b'ho'"),
        (ANSWER * 4, "follows the answer"),
        (ANSWER + b"nonsense\r\n\r\n", "the status line is"),
        (ANSWER.replace(b": 2", b":  2") + ANSWER * 2, "is 41, not 40"),
        (ANSWER * 2, "1 requests were never answered"),
    ],
)
def test_one_wrong_answer_among_pipelined_ones_is_seen(
    monkeypatch, lie, reason
):
    monkeypatch.setattr(load, "PATIENCE", 0.05)

    def lying(transport, number):
        transport.write(lie if number == 6 else ANSWER * 3)

    first, run, _, _ = asyncio.run(asked(lying, THREE))

    assert first.wrong is None
    assert reason in run.wrong


# A request in segments


@pytest.mark.parametrize("connections", [1, 2, 3, 4, 5, 9, 32])
def test_a_request_in_segments_is_sent_and_ends(connections):
    def once_whole(transport, number):
        if transport.get_protocol().seen[-1].endswith(b"\r\n\r\n"):
            transport.write(ANSWER)

    first, run, last, seen = asyncio.run(
        asked(once_whole, IN_THREE, connections=connections)
    )

    assert (first.wrong, run.wrong, last.wrong) == (None, None, None)
    assert first.answers == last.answers == connections
    answers = first.answers + run.answers + last.answers
    assert b"".join(seen).count(b"\r\n\r\n") == answers
    # Where enough of them ask, each segment is a read of its own, but for
    # those who begin a run, all in one turn of the loop.
    if connections > 4:
        together = [data for data in seen if data not in IN_THREE.segments]
        assert len(together) <= 3 * connections


def test_an_answer_to_a_part_of_a_request_is_wrong():
    _, run, _, _ = asyncio.run(asked(right, IN_THREE, connections=9))

    assert run.wrong == "an answer came that nobody had asked for"


@pytest.mark.parametrize("case", [CUT, PIPELINED])
def test_the_builtin_generator_asks_a_step_in_other_segments(case):
    program = PLAINTEXT if case is PIPELINED else None
    arm = Arm("05", find("05").folder, case, program)
    with server(arm) as running, Builtin(1, connections=8) as generator:
        first = generator.open(running.host, running.port, case)
        run = generator.run(0.05)
        last = generator.close()

    assert first.answers == last.answers == 8 * case.pipelined
    assert run.answers >= 8


def test_runs_of_several_processes_are_one():
    runs = [Run(10, 1.0, None, 41), Run(20, 1.1, "late", 41)]

    assert joined(runs) == Run(30, 1.1, "late", 41)


def test_the_builtin_generator_asks_from_processes_of_its_own(tmp_path, tiny):
    arm = tiny(tmp_path)
    with server(arm) as running, Builtin(2, connections=8) as generator:
        first = generator.open(running.host, running.port, CASE)
        before = running.usage()
        run = generator.run(0.05)
        after = running.usage()
        last = generator.close()

    assert first.answers == last.answers == 8
    assert run.answers >= 8
    assert after.cpu > before.cpu


def test_several_servers_are_asked_in_turn_by_the_same_processes(
    tmp_path, tiny
):
    arm = tiny(tmp_path)
    with (
        server(arm) as one,
        server(arm) as two,
        Builtin(1, connections=8) as generator,
    ):
        loads = [generator.another() for _ in "12"]
        for load, running in zip(loads, (one, two), strict=True):
            load.open(running.host, running.port, CASE)
        for load in [*loads, *loads]:
            load.turn(0.02)
        runs = [load.sums() for load in loads]

        assert [load.close().answers for load in loads] == [8, 8]
    assert min(run.answers for run in runs) >= 16
    assert min(run.seconds for run in runs) > 0.03


def test_what_is_summed_up_is_forgotten(tmp_path, tiny):
    with server(tiny(tmp_path)) as running, Builtin(1, 8) as generator:
        generator.open(running.host, running.port, CASE)
        whole = [generator.run(0) for _ in "12"]

    assert [run.answers for run in whole] == [8, 8]


def test_a_case_says_how_many_ask(tmp_path, tiny):
    with server(tiny(tmp_path)) as running, Builtin(2, 8) as generator:
        asked = [
            generator.open(running.host, running.port, case).answers
            for case in (CASE, replace(CASE, connections=12), CASE)
        ]

    assert asked == [8, 12, 8]


def test_the_builtin_generator_raises_what_is_wrong(tmp_path, tiny):
    arm = tiny(tmp_path, ANSWER.replace(b"hi", b"ho"), LATE)
    with server(arm) as running, Builtin(1, connections=8) as generator:
        generator.open(running.host, running.port, CASE)

        with pytest.raises(WrongAnswer, match="content is b'ho'"):
            for _ in range(100):
                generator.run(0.05)


def test_the_builtin_generator_tells_when_nobody_listens():
    with (
        Builtin(1, connections=2) as generator,
        pytest.raises(WrongAnswer, match="no connection"),
    ):
        generator.open("127.0.0.1", 9, CASE)


needs_prlimit = pytest.mark.skipif(
    sys.platform != "linux", reason="limits of others are Linux's alone"
)


def opened(running, generator, limits):
    """Return the answers of a server, on as many connections as we ask."""
    (process,) = generator.processes
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, limits)
    return generator.another().open(running.host, running.port, CASE).answers


@needs_prlimit
def test_the_builtin_generator_opens_as_many_files_as_it_needs(tmp_path, tiny):
    arm = tiny(tmp_path)
    with (
        server(arm) as one,
        server(arm) as two,
        Builtin(1, connections=300) as generator,
    ):
        answers = opened(one, generator, (600, 1000))
        more = opened(two, generator, (400, 1000))

    assert (answers, more) == (300, 300)


@needs_prlimit
def test_a_generator_that_may_open_too_few_files_says_so(tmp_path, tiny):
    with (
        server(tiny(tmp_path)) as running,
        Builtin(1, connections=100) as generator,
        pytest.raises(WrongAnswer, match="raise it with `ulimit -n 356`"),
    ):
        opened(running, generator, (200, 200))


needs_wrk = pytest.mark.skipif(
    not shutil.which("wrk") or sys.platform == "win32",
    reason="wrk is not installed",
)


@needs_wrk
def test_wrk_asks_what_the_case_says(tmp_path, tiny):
    arm = tiny(tmp_path)
    with server(arm) as running, Wrk(connections=8) as generator:
        first = generator.open(running.host, running.port, CASE)
        run = generator.run(0.2)
        last = generator.close()

    assert first.answers == last.answers == 8
    assert run.answers > 0
    assert run.length == len(ANSWER)


@needs_wrk
def test_wrk_asks_from_as_many_connections_as_the_case_says(tmp_path, tiny):
    asked = []
    with server(tiny(tmp_path)) as running, Wrk(connections=8) as generator:
        for case in (replace(CASE, connections=12), CASE):
            first = generator.open(running.host, running.port, case)
            generator.run(0.1)
            asked.append((first.answers, generator.asking))

    assert asked == [(8, 12), (8, 8)]


@needs_wrk
@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        (ANSWER.replace(b"200", b"500"), "answers with another status"),
        (ANSWER.replace(b": 2", b":   2"), "bytes for"),
    ],
)
def test_the_sums_of_wrk_betray_wrong_answers(tmp_path, lie, reason, tiny):
    arm = tiny(tmp_path, lie, LATE)
    with server(arm) as running, Wrk(connections=8) as generator:
        generator.open(running.host, running.port, CASE)

        with pytest.raises(WrongAnswer, match=reason):
            for _ in range(50):
                generator.run(0.2)


@needs_wrk
def test_content_that_wrk_overlooks_is_seen_afterwards(tmp_path, tiny):
    arm = tiny(tmp_path, ANSWER.replace(b"hi", b"ho"), LATE)
    with server(arm) as running, Wrk(connections=8) as generator:
        generator.open(running.host, running.port, CASE)
        answers = 0
        while answers < 1000:
            answers += generator.run(0.2).answers

        with pytest.raises(WrongAnswer, match="content is b'ho'"):
            generator.close()


@needs_wrk
def test_wrk_pipelines(tmp_path, tiny):
    pico = tiny(tmp_path).folder / "pico.py"
    source = pico.read_text().replace(
        "answer = ANSWER *",
        "if data != b'GET / HTTP/1.1\\r\\n\\r\\n' * 3: data = b''\n"
        "        answer = data and ANSWER *",
    )
    pico.write_text(source)
    with (
        server(Arm("tiny", tmp_path, THREE)) as running,
        Wrk(connections=8) as generator,
    ):
        generator.open(running.host, running.port, THREE)
        run = generator.run(0.2)
        last = generator.close()

    assert run.answers > 0
    assert last.answers == 24


@needs_wrk
def test_wrk_cuts_no_request():
    with Wrk() as generator, pytest.raises(WorkshopError, match="builtin"):
        generator.open("127.0.0.1", 9, IN_THREE)


@needs_wrk
def test_wrk_that_was_stopped_too_early_asks_again(
    monkeypatch, tmp_path, tiny
):
    late = iter([{"answers": 0}, {"answers": 0}])
    said, turn = Wrk.said, Wrk.turn
    asked = []

    def noted(self, seconds):
        asked.append(seconds)
        turn(self, seconds)

    def saying(self):
        found = said(self)
        return next(late, found)

    monkeypatch.setattr(Wrk, "turn", noted)
    monkeypatch.setattr(Wrk, "said", saying)
    with server(tiny(tmp_path)) as running, Wrk(connections=8) as generator:
        generator.open(running.host, running.port, CASE)
        run = generator.run(0.1)

    assert asked[0] == 0.1
    assert asked[1] >= 0.1
    assert asked[2] >= 2 * asked[1]
    assert run.answers > 0


@needs_wrk
def test_wrk_sleeps_between_its_turns(tmp_path, tiny):
    with server(tiny(tmp_path)) as running, Wrk(connections=8) as generator:
        generator.open(running.host, running.port, CASE)
        for _ in range(3):
            generator.turn(0.05)
            pid = generator.process.pid
            assert os.waitpid(pid, os.WUNTRACED)[0] == pid
        run = generator.sums()

        assert run.answers > 0
        assert run.seconds >= 0.15
        assert generator.process is None
        assert generator.close().answers == 8


@needs_wrk
def test_wrk_that_sleeps_is_ended_by_ctrl_c(tmp_path, tiny):
    with (
        server(tiny(tmp_path)) as running,
        pytest.raises(KeyboardInterrupt),
        Wrk(connections=8) as generator,
    ):
        load = generator.another()
        load.open(running.host, running.port, CASE)
        load.turn(0.05)
        process = load.process
        raise KeyboardInterrupt

    assert process.returncode is not None


@needs_wrk
def test_wrk_without_an_answer_is_told(monkeypatch):
    monkeypatch.setattr(Wrk, "turn", lambda self, seconds: None)
    monkeypatch.setattr(Wrk, "said", lambda self: {"answers": 0})
    with Wrk() as generator, pytest.raises(WorkshopError, match="too busy"):
        generator.run(0.1)
