"""What each step does on the wire, against what was recorded.

The rows are data: `workshop/wire_rows.toml`. Three oracles that are not ours
look at the answers: h11 in every row, curl, and h11 as a client.
"""

import contextlib
import functools
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h11
import pytest

from workshop import wire
from workshop.errors import WorkshopError
from workshop.exchange import MOST, Until, Wire, requested
from workshop.explain import there
from workshop.serving import launched, target
from workshop.steps import all_steps, find, load

STEPS = [step.number for step in all_steps()]
RIGHT_STEPS = [number for number in STEPS if number >= "03"]
ROWS = [row.number for row in wire.rows()]
HOST = b"Host: pico\r\n"
GET = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"
UPGRADE = b"Connection: Upgrade\r\nUpgrade: h2c\r\n"
CHUNKED = (
    b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"
)


@functools.cache
def judged(number):
    """Judge a step once; only what should be right may take its time."""

    def judge(row):
        wrong = wire.recorded_word(number, row.number) == "wrong"
        return wire.judge(url, row, number, 1 if wrong else 5)

    with (
        wire.served(target(number)) as url,
        ThreadPoolExecutor(len(ROWS)) as pool,
    ):
        return dict(zip(ROWS, pool.map(judge, wire.rows()), strict=True))


def contract(number):
    """Serve the contract application on a step."""
    return launched(find(number).folder, wire.PROGRAM)


# Rows


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("number", STEPS)
def test_wire_row_is_as_it_was_recorded(number, row):
    seen = judged(number)[row]

    assert seen.word == wire.recorded_word(number, row), seen.reason


@pytest.mark.parametrize("number", RIGHT_STEPS)
def test_wire_rows_hold_from_the_step_that_promises_them(number):
    promised = [row for row in wire.counted() if row.since <= number]
    wrong = [
        row.number
        for row in promised
        if wire.recorded_word(number, row.number) != "right"
    ]

    assert (len(promised), wrong) == (33 if number == "03" else 35, [])


@pytest.mark.parametrize("number", RIGHT_STEPS)
def test_wire_every_final_answer_has_a_date_and_one_end(number):
    def untold(row):
        return [
            f"row {row.number}, {case.name}: {found}"
            for case in row.cases
            for cut in case.cuts[:1]
            for found in wire.untold(wire.exchange(served, case, cut))
        ]

    promised = [row for row in wire.counted() if row.since <= number]
    with (
        contract(number) as running,
        ThreadPoolExecutor(len(promised)) as pool,
    ):
        served = Wire(running.url, 5)
        found = [line for row in pool.map(untold, promised) for line in row]

    assert found == []


def test_wire_rows_are_complete():
    names = [row.name for row in wire.rows()]
    origins = {row.since for row in wire.rows()}

    assert list(range(1, 36)) == ROWS
    assert len(set(names)) == len(names)
    assert origins <= {*STEPS, "later"}
    for row in wire.rows():
        cases = [case.name for case in row.cases]
        assert row.name and row.cases and len(set(cases)) == len(cases)
        assert row.rfc.startswith("RFC ")
        for case in row.cases:
            assert case.then in ("kept", "closed", "reset", "ended", "left")
            assert set(case.cuts) <= {"given", "whole", "bytes", "twice"}
            assert "twice" not in case.cuts or case.then == "kept"


def test_wire_rows_name_what_is_there_in_each_step_that_does_them():
    absent = [
        (row.number, step.number, row.look)
        for row in wire.rows()
        for step in all_steps()
        if step.number >= row.since and not there(step.folder, row.look)
    ]

    assert absent == []


def test_wire_rows_refuse_a_word_that_nobody_knows():
    case = {"name": "a", "send": ["a"], "expect": [], "then": "kept"}
    row = {"number": 1, "name": "a", "rfc": "RFC 1", "from": "03"}

    with pytest.raises(TypeError):
        wire.read_row({**row, "case": [{**case, "expects": []}]})
    with pytest.raises(WorkshopError):
        wire.action({"txt": "a"})


def test_wire_record_names_what_it_was_made_from():
    record = wire.recorded()
    rows = [
        (row["number"], row["name"], row["from"]) for row in record["rows"]
    ]

    assert rows == [(r.number, r.name, r.since) for r in wire.rows()]
    assert list(record["sources"]) == STEPS
    assert record["rows_counted"] == 35
    assert [record["rows_right"][number] for number in STEPS] == [
        sum(
            wire.recorded_word(number, row.number) != "wrong"
            for row in wire.counted()
        )
        for number in STEPS
    ]


# The parser of a step, without a socket: bytes in, requests out.

STREAMS = [
    GET * 3,
    b"\r\n" + GET,
    b"POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello" + GET,
    b"POST /a HTTP/1.1\r\n" + HOST + CHUNKED + GET,
    b"POST /a HTTP/1.1\r\n" + HOST + UPGRADE + CHUNKED + GET,
    b"GET /a HTTP/1.1\r\n" + HOST + UPGRADE + b"\r\n" + GET,
    b"GET /a HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n" + GET,
    GET + b"GET / HTTP/1.1\r\n\r\n",
    b"GET /a HTTP/1.1\r\n" + HOST + UPGRADE + b"\r\nGET / HTTP/1.1\r\n\r\n",
    GET + b"GET nonsense\r\n\r\n",
]


def parser_of(rooms):
    """Return the parser of a connection."""
    app = rooms.Pico()
    return app.Protocol(app).parser


def parsed(rooms, *segments):
    """Return what a parser makes of segments, as values."""
    parser = parser_of(rooms)
    for segment in segments:
        parser.feed(segment)
    requests = [
        (
            request.method,
            request.url,
            dict(request.headers),
            dict(request.trailers),
            bytes(request.arrived),
            request.complete,
        )
        for request in parser.requests
    ]
    error = parser.error and parser.error.status
    return requests, error, parser.finished


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("number", RIGHT_STEPS)
def test_parser_gives_the_same_wherever_segments_end(number, stream):
    rooms = load(number)
    whole = parsed(rooms, stream)
    halves = [
        parsed(rooms, stream[:at], stream[at:]) for at in range(1, len(stream))
    ]
    single = parsed(rooms, *[bytes([byte]) for byte in stream])

    assert [at for at, half in enumerate(halves, 1) if half != whole] == []
    assert single == whole


@pytest.mark.parametrize("number", RIGHT_STEPS)
def test_parser_is_full_while_bytes_wait_behind_a_full_queue(number):
    rooms = load(number)
    parser = parser_of(rooms)
    head = b"POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: 9999\r\n\r\n"
    parser.feed(GET * (parser.max_waiting - 1) + head)
    before = parser.full
    parser.feed(b"content")

    assert len(parser.requests) == parser.max_waiting
    assert (before, parser.full) == (False, True)


# Judging: a harness that cannot say no is worth nothing.


def test_wire_judges_a_right_row_on_an_early_step_as_luck():
    row = next(row for row in wire.rows() if row.number == 2)
    promised = Fake(b"", ends=False)
    with promised as url:
        early = wire.judge(url, row, "02", 0.2)
    with contract("03") as running:
        lucky = wire.judge(running.url, row, "02")
        right = wire.judge(running.url, row, "03")

    assert [early.word, lucky.word, right.word] == ["wrong", "lucky", "right"]


def answer(*fields, status=200, content=b"hello"):
    head = [b"HTTP/1.1 %d OK" % status, *fields]
    return b"\r\n".join([*head, b"", content])


CASE = wire.Case(
    name="a case",
    send=["GET /hello/bench HTTP/1.1\r\nHost: pico\r\n\r\n"],
    expect=[wire.Expected(200, "hello", {"x-kind": "a"}, ["x-evil"])],
    then="closed",
    cuts=["whole"],
    lacks=["secret"],
)
LENGTH, KIND = b"content-length: 5", b"x-kind: a"


@pytest.mark.parametrize(
    ("said", "objections"),
    [
        (answer(LENGTH, KIND), []),
        (answer(LENGTH, KIND, status=404), ["404 instead of 200"]),
        (answer(LENGTH), ["x-kind is None instead of 'a'"]),
        (answer(LENGTH, KIND, b"x-evil: b"), ["there is a x-evil"]),
        (
            answer(LENGTH, KIND, content=b"adieu"),
            ["content 'adieu' instead of 'hello'"],
        ),
        (answer(LENGTH, KIND) * 2, ["2 answers instead of 1"]),
        (
            answer(LENGTH, KIND, b"x: secret"),
            ["the answer tells 'secret'"],
        ),
        (b"", ["0 answers instead of 1"]),
        (
            answer(KIND, b"content-length: 9"),
            [
                "not HTTP: peer closed connection without sending complete"
                " message body (received 5 bytes, expected 9)",
                "broken off",
            ],
        ),
        (
            answer(LENGTH, KIND) + b"garbage\r\n\r\n",
            ["not HTTP: illegal status line: bytearray(b'garbage')"],
        ),
    ],
)
def test_wire_objects_to_what_is_wrong(said, objections):
    with Fake(said) as url:
        found = list(wire.objections(Wire(url), CASE, "whole"))

    assert found == objections


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ([b"date: now", LENGTH], []),
        ([b"date: now", b"connection: close"], []),
        ([LENGTH], ["200 has 0 fields Date"]),
        ([b"date: now"], ["200 does not say where it ends"]),
        ([b"date: a", b"date: b", LENGTH], ["200 has 2 fields Date"]),
    ],
)
def test_wire_misses_date_and_framing(fields, found):
    with Fake(answer(*fields)) as url:
        seen = Wire(url).send(CASE.send[0].encode(), closing=True)

    assert list(wire.untold(seen)) == found


# Exchanges: what a server may do to us is a result, never an error.


class Fake:
    """A server that says the same to everybody who has said something."""

    def __init__(self, said, ends=True, resets=False):
        self.said, self.ends, self.resets = said, ends, resets

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.taken = []
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def __exit__(self, *exc_info):
        # A connection of our own wakes `accept`, on each system.
        self.taken.append(None)
        socket.create_connection(self.listener.getsockname()).close()
        self.thread.join()
        self.listener.close()

    def run(self):
        open_ones = []
        with contextlib.ExitStack() as stack:
            while True:
                made = stack.enter_context(self.listener.accept()[0])
                if None in self.taken:
                    return
                open_ones.append(made)
                self.speak(made)

    def speak(self, made):
        made.recv(65536)
        made.sendall(self.said)
        if self.resets:
            now = struct.pack("ii", 1, 0)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)
            made.close()
        elif self.ends:
            made.shutdown(socket.SHUT_WR)


def test_exchange_with_a_silent_server_ends_by_the_watchdog():
    with Fake(b"", ends=False) as url:
        seen = Wire(url, patience=0.2).send(GET)

    assert (seen.answers, seen.end) == ([], "silent")


def test_exchange_without_a_follow_up_ends_with_its_answer():
    """Who says nothing further would keep a follow-up until the watchdog."""
    with Fake(answer(LENGTH), ends=False) as url:
        asked = Wire(url, patience=0.2).send(GET)
        seen = Wire(url).send(GET, follow_up=False)

    assert (len(asked.answers), asked.end) == (1, "silent")
    assert (len(seen.answers), seen.end) == (1, "left")


def test_exchange_that_is_reset_is_told_from_one_that_is_closed():
    said = answer(LENGTH)
    with Fake(said, resets=True) as url:
        broken = Wire(url).send(GET, closing=True)
    with Fake(said) as url:
        closed = Wire(url).send(GET, closing=True)

    assert (broken.end, closed.end) == ("reset", "closed")


def test_exchange_that_is_reset_leaves_its_answer_incomplete():
    """Without a length the end of the stream would be its end."""
    with Fake(answer(b"x: y"), resets=True) as url:
        broken = Wire(url).send(GET, closing=True)
    with Fake(answer(b"x: y")) as url:
        closed = Wire(url).send(GET, closing=True)

    assert [a.complete for a in broken.answers] == [False]
    assert [a.complete for a in closed.answers] == [True]


def test_exchange_with_nobody_says_so():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    seen = Wire(url).send(GET)

    assert (seen.answers, seen.end) == ([], "silent")
    assert "no connection" in seen.garbage


def test_exchange_keeps_segments_apart():
    """Step 01 answers once for each segment that it sees."""
    with contract("01") as running:
        seen = Wire(running.url).send(*[b"x"] * 20, answers=20)

    assert (len(seen.answers), seen.end) == (20, "kept")


def test_exchange_reads_the_methods_from_the_bytes():
    data = b"HEAD / HTTP/1.1\r\n\r\nPOST /a HTTP/1.0\r\n\r\nGET nonsense\r\n"

    assert requested(data) == ["HEAD", "POST"]


# Oracles


CURL = [
    ([], "/hello/curl", '{"message":"Hello curl"} 200 1.1 1'),
    (["--http1.0"], "/hello/curl", '{"message":"Hello curl"} 200 1.1 1'),
    (["--http1.0"], "/stream", "onetwo 200 1.1 1"),
    ([], "/stream", "onetwo 200 1.1 1"),
    (["--data-binary", "abc"], "/echo", "abc 200 1.1 1"),
    (
        ["--data-binary", "abc", "-H", "Transfer-Encoding: chunked"],
        "/echo",
        "abc 200 1.1 1",
    ),
    (
        ["--data-binary", "abc", "-H", "Expect: 100-continue"],
        "/echo",
        "abc 200 1.1 1",
    ),
    (["--data-binary", "abc", "-H", "Expect: tea"], "/echo", "417 1.1 1"),
    (["-X", "DELETE"], "/hello/curl", "405 1.1 1"),
    ([], "/nowhere", "404 1.1 1"),
    (["-H", "Host:"], "/hello/curl", "400 1.1 1"),
    (["-L"], "/set/redirect?value=/hello/there", "Hello there"),
]


def curl(*words):
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    command = ["curl", "--silent", "--show-error", "--max-time", "10"]
    written = " %{http_code} %{http_version} %{num_connects}"
    return subprocess.run(
        [*command, "-w", written, *words],
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.mark.parametrize("number", RIGHT_STEPS)
def test_curl_understands_the_answers(number):
    with contract(number) as running:
        said = [
            curl(*options, running.url + path) for options, path, _ in CURL
        ]

    for (options, path, wanted), text in zip(CURL, said, strict=True):
        assert wanted in text, (options, path)


@pytest.mark.parametrize("number", RIGHT_STEPS)
def test_curl_keeps_its_connection_for_a_second_url(number):
    with contract(number) as running:
        urls = [running.url + "/hello/one", running.url + "/hello/two"]
        said = curl(*urls)

    assert said == (
        '{"message":"Hello one"} 200 1.1 1{"message":"Hello two"} 200 1.1 0'
    )


@pytest.mark.parametrize("number", RIGHT_STEPS)
def test_curl_sees_the_same_head_for_head_and_get(number):
    with contract(number) as running:
        url = running.url + "/hello/curl"
        head = curl("--head", url).partition("\n\n")[0]
        get = curl("--include", url).partition("\n\n")[0]

    def fields(text):
        return [x for x in text.splitlines() if not x.startswith("date:")]

    assert fields(head) == fields(get)
    assert "content-length: 24" in fields(head)


class Client:
    """An HTTP client that knows only what h11 knows."""

    def __init__(self, running):
        self.socket = socket.create_connection(
            (running.host, running.port), timeout=10
        )
        self.h11 = h11.Connection(h11.CLIENT)

    def ask(self, method, path, *content, headers=()):
        """Return the statuses and the content of the answer."""
        headers = [("Host", "pico"), *headers]
        request = h11.Request(method=method, target=path, headers=headers)
        events = [request, *[h11.Data(data=piece) for piece in content]]
        self.socket.sendall(
            b"".join(
                self.h11.send(event) for event in [*events, h11.EndOfMessage()]
            )
        )
        statuses, said = [], b""
        while not isinstance(event := self.event(), h11.EndOfMessage):
            if isinstance(event, h11.Data):
                said += bytes(event.data)
            else:
                statuses.append(event.status_code)
        if self.h11.states == {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}:
            self.h11.start_next_cycle()
        return statuses, said

    def event(self):
        while (event := self.h11.next_event()) is h11.NEED_DATA:
            self.h11.receive_data(self.socket.recv(65536))
        return event


@pytest.mark.parametrize("number", RIGHT_STEPS)
def test_h11_as_a_client_goes_through_a_whole_connection(number):
    chunked = [("Transfer-Encoding", "chunked")]
    with contract(number) as running:
        client = Client(running)
        with client.socket:
            said = [
                client.ask("GET", "/hello/h11"),
                client.ask("HEAD", "/hello/h11"),
                client.ask(
                    "POST", "/echo", b"abc", headers=[("Content-Length", "3")]
                ),
                client.ask("POST", "/echo", b"ab", b"c", headers=chunked),
                client.ask("POST", "/pour", b"ab", b"c", headers=chunked),
                client.ask("GET", "/stream"),
                client.ask("GET", "/status/204"),
                client.ask("OPTIONS", "*"),
                client.ask(
                    "GET", "/hello/h11", headers=[("Connection", "close")]
                ),
            ]
            states = client.h11.states

    assert said == [
        ([200], b'{"message":"Hello h11"}'),
        ([200], b""),
        ([200], b"abc"),
        ([200], b"abc"),
        ([200], b"abc"),
        ([200], b"onetwo"),
        ([204], b""),
        ([204], b""),
        ([200], b'{"message":"Hello h11"}'),
    ]
    assert set(states.values()) == {h11.MUST_CLOSE}


def test_wire_waits_for_100_continue():
    head = b"POST /echo HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n"
    with contract("03") as running:
        seen = Wire(running.url).send(
            head + b"Expect: 100-continue\r\n\r\n", Until(b" 100 "), b"hi"
        )

    assert seen.answers[0].informational == [100]
    assert (seen.answers[0].content, seen.end) == (b"hi", "kept")


# The command


def run(*words):
    return subprocess.run(
        [sys.executable, "-m", "workshop.wire", *words],
        cwd=Path(wire.__file__).parent.parent,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        check=False,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


def test_wire_command_refuses_what_is_no_target():
    done = run("99")

    assert (done.returncode, done.stdout) == (2, "")
    assert "99" in done.stderr
    assert "Traceback" not in done.stderr


def test_wire_command_fails_where_rows_are_wrong():
    done = run("01")

    assert done.returncode == 1
    assert "0/35 rows right" in done.stdout
    assert "FAIL" in done.stdout


def test_answers_without_end_are_not_read_for_ever():
    """Nobody would see the end of it; what came is told."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def talk():
            client, _ = server.accept()
            with client, contextlib.suppress(OSError):
                while True:
                    client.sendall(b"HTTP/1.1 204 No Content\r\n\r\n" * 100)

        thread = threading.Thread(target=talk)
        thread.start()
        host, port = server.getsockname()
        wire = Wire(f"http://{host}:{port}", patience=30)
        found = wire.send(GET, closing=True)
        thread.join()

    assert found.end == "silent"
    assert len(found.answers) > MOST
