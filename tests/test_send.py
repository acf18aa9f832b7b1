"""`send`: raw bytes through steps side by side, and what is told of it."""

import asyncio
import contextlib
import io
import re
import shutil
import socket
import struct
import sys
import threading

import psutil
import pytest

from workshop import trace
from workshop.errors import ENVIRONMENT, INTERRUPTED, PASS, USAGE
from workshop.exchange import Exchange
from workshop.steps import ROOT, find

HELLO = b"GET /hello/you HTTP/1.1\r\nhost: pico\r\n\r\n"
ANSWER = b'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe"}l'
PAGE = ROOT / "docs" / "guides" / "bytes.md"
LINGER = "hh" if sys.platform == "win32" else "ii"
# There a connection outlives a protocol that has failed, as 02's does.
on_posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX")
IMPATIENT = 0.2  # seconds for a server of which we expect that it is silent


@pytest.fixture
def hello(tmp_path):
    """Return a file that holds the simplest request."""
    path = tmp_path / "hello.http"
    path.write_bytes(HELLO)
    return path


class Recorder(asyncio.Protocol):
    """Answers a request of ours apart, and does what it is told with others.

    `TURN` of `exchange.py` is a request on a second connection.
    """

    def __init__(self, read, told):
        self.read, self.told = read, told

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        if data.startswith(b"GET /hello/turn "):
            self.transport.write(ANSWER)
        else:
            self.read.append(data)
            self.told(self.transport, data)


@contextlib.contextmanager
def served(told):
    """Serve `told(transport, data)`; yield the URL and what was read."""
    read, bound, loop = [], threading.Event(), asyncio.new_event_loop()
    ports = []

    async def main():
        server = await loop.create_server(
            lambda: Recorder(read, told), "127.0.0.1", 0
        )
        async with server:
            ports.append(server.sockets[0].getsockname()[1])
            bound.set()
            with contextlib.suppress(asyncio.CancelledError):
                await server.serve_forever()

    task = loop.create_task(main())
    thread = threading.Thread(target=loop.run_until_complete, args=(task,))
    thread.start()
    bound.wait()
    try:
        yield f"http://127.0.0.1:{ports[0]}", read
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


def told_of(told, *pieces):
    """Return what is said below the bytes of a server that behaves so."""
    with served(told) as (url, read):
        found = trace.traced(url, pieces, IMPATIENT)
    return read, [*trace.conclusion(trace.Trace(None, *found))]


# What is sent


def test_pieces_are_read_one_by_one_and_nothing_is_translated():
    pieces = [b"GET / HTTP/1.1\n", b"\r", b"\n\xff\x00", b"\\n"]

    read, _ = told_of(lambda transport, data: None, *pieces)

    assert read == pieces


def test_bytes_are_cut_where_it_is_asked_for(say, hello):
    status, out, err = say("send", hello, "--step", "03", "--split", "20")

    assert (status, err) == (PASS, "")
    assert out.startswith("Sent: 39 bytes in 2 pieces.\n    > GET /hello/you ")
    assert "  piece 1: nothing came back\n" in out
    assert re.search(r"  piece 2: \d+ bytes came back\n", out)


def test_standard_input_is_read_as_bytes(say, monkeypatch):
    stdin = io.TextIOWrapper(io.BytesIO(HELLO))
    monkeypatch.setattr("sys.stdin", stdin)

    status, out, _ = say("send", "-", "--step", "03")

    assert status == PASS
    assert '    < {"message":"Hello you"}\n' in out


def test_line_feeds_alone_get_advice_and_can_be_turned(say, tmp_path):
    path = tmp_path / "typed.txt"
    path.write_bytes(HELLO.replace(b"\r", b""))

    _, as_it_is, advice = say("send", path, "--step", "03")
    _, turned, nothing = say("send", path, "--step", "03", "--crlf")

    assert "> GET /hello/you HTTP/1.1\\n\n" in as_it_is
    assert "answer 1: 400" in as_it_is
    assert "--crlf turns them" in advice and advice.count("\n") == 1
    assert "> GET /hello/you HTTP/1.1\\r\\n\n" in turned
    assert "answer 1: 200" in turned
    assert nothing == ""


def test_a_head_without_its_end_gets_advice():
    assert "no empty line" in trace.advice(HELLO[:-2])
    assert trace.advice(HELLO) == ""


# What came back


def test_steps_that_behave_the_same_are_told_once(say, hello):
    _, out, _ = say("send", hello, "--step", "03,05,03")

    assert out.count("HTTP/1.1 200 OK") == 1
    assert "\n03_parsing and 05_benchmarks\n" in out
    assert out.endswith("\n03 and 05 wrote the same, dates apart.\n")


def test_answers_of_two_seconds_are_the_same():
    seconds = [
        trace.Trace(
            None,
            (b"HTTP/1.1 200 OK\r\ndate: %s GMT\r\n\r\n" % second,),
            Exchange([], "kept", b""),
            True,
        )
        for second in (b"12:00:00", b"12:00:01")
    ]

    assert trace.alike(seconds) == [seconds]


@on_posix
def test_steps_that_differ_are_named_in_one_sentence(say, hello):
    _, out, _ = say("send", hello, "--step", "1,2,3,4", "--split", "1")

    assert " ".join(out.rpartition("\n\n")[2].split()) == (
        "They differ: 01 answers 200 (39 times) and keeps the connection; 02"
        " answers nothing and closes the connection; each of 03 and 04"
        " answers 200 and keeps the connection."
    )
    assert "\n  38 pieces not sent: it was over\n" in out
    assert "\n  its log ends: ValueError: not enough values" in out


def test_work_is_served_like_any_step(say, hello, tmp_path, monkeypatch):
    mine = tmp_path / "mine"
    shutil.copytree(find("03").folder, mine)
    parsing = mine / "rendering.py"
    parsing.write_text(parsing.read_text().replace("date: ", "x-day: "))
    monkeypatch.setenv("WORKSHOP_WORK", str(mine))

    _, out, _ = say("send", hello, "--step", "03,work")

    assert "\nmine\n" in out
    assert " ".join(out.rpartition("\n\n")[2].split()) == (
        "They differ: 03 answers 200 and keeps the connection; mine answers"
        " 200 and keeps the connection, in other bytes."
    )


def test_a_server_without_an_end_is_left(say, tmp_path):
    path = tmp_path / "flood.http"
    path.write_bytes(HELLO.replace(b"/hello/you", b"/flood/send"))

    _, out, _ = say("send", path, "--step", "04")

    assert len(out.splitlines()) < 80
    assert "which did not come to its end" in " ".join(out.split())
    assert "end: left by us: more than 1,048,576 bytes came\n" in out


def test_silence_is_an_end():
    _, said = told_of(lambda transport, data: None, HELLO)

    assert said == ["end: still open, but silent for 2 seconds"]


def test_a_server_that_closes_or_breaks_off_is_told():
    def close(transport, data):
        transport.close()

    def reset(transport, data):
        transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(LINGER, 1, 0)
        )
        transport.abort()

    assert told_of(close, HELLO)[1] == ["end: closed by the server"]
    assert told_of(reset, HELLO)[1] == [
        "end: broken off by the server (reset)"
    ]


def test_what_is_no_http_is_told_by_h11():
    def greet(transport, data):
        transport.write(b"hello\r\n\r\n")
        transport.close()

    _, said = told_of(greet, HELLO)

    assert said[0].startswith("no valid HTTP, says h11: ")
    assert said[1:] == ["end: closed by the server"]


def test_a_server_that_serves_one_at_a_time_is_told():
    pieces = [HELLO[:9], HELLO[9:]]
    with socket.create_server(("127.0.0.1", 0), backlog=5) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}"
        came, exchange, apart = trace.traced(url, pieces, IMPATIENT)

    assert (came, exchange.end, apart) == ((b"", b""), "silent", False)
    said = [*trace.conclusion(trace.Trace(None, came, exchange, apart))]
    assert "may have read pieces together" in said[-1]


def test_long_lines_are_broken_between_escapes_and_not_with_plain():
    data = b"\x00" * 40 + b"\r\n"

    broken = [*trace.lines(data, 72)]
    assert broken == ["\\x00" * 18, "\\x00" * 18, "\\x00" * 4 + "\\r\\n"]
    assert len([*trace.lines(data)]) == 1


def test_plain_trace_marks_lines_by_words(say, hello):
    _, out, _ = say("send", hello, "--step", "03", "--plain")

    assert "    sent: host: pico\\r\\n\n" in out
    assert "    came: HTTP/1.1 200 OK\\r\\n\n" in out


# What goes wrong

WRONG = {
    "no file": (["no/such.http"], USAGE, "cannot be read"),
    "a folder": ([ROOT], USAGE, "cannot be read"),
    "an unknown step": (["{}", "--step", "03,09"], USAGE, "no step '09'"),
    "no step at all": (["{}", "--step", ","], USAGE, "--step 01,02,03"),
    "a size below nothing": (["{}", "--split", "-1"], USAGE, "--split"),
    "no work": (["{}", "--step", "work"], USAGE, "There is no work/"),
    "nobody at a URL": (
        ["{}", "--step", "http://127.0.0.1:9"],
        ENVIRONMENT,
        "does not answer",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_goes_wrong_is_told_in_one_sentence(
    say, hello, kind, monkeypatch, tmp_path
):
    words, wanted, text = WRONG[kind]
    monkeypatch.setenv("WORKSHOP_WORK", str(tmp_path / "none"))

    status, out, err = say("send", *(str(w).format(hello) for w in words))

    assert (status, out) == (wanted, "")
    assert text in err and err.count("\n") == 1


def test_an_empty_file_and_too_many_pieces_are_refused(say, tmp_path):
    path = tmp_path / "some.http"
    path.write_bytes(b"")
    _, _, empty = say("send", path)
    path.write_bytes(bytes(trace.PIECES * 2))
    _, _, many = say("send", path, "--split", "1")

    assert "There is nothing to send" in empty
    assert "use --split 2 or more" in many


def test_interrupted_servers_are_ended(say, hello, monkeypatch):
    before, started = psutil.Process().children(), []

    def interrupted(*words):
        now = psutil.Process().children()
        started.extend(child for child in now if child not in before)
        raise KeyboardInterrupt

    monkeypatch.setattr(trace, "traced", interrupted)
    status, _, err = say("send", hello, "--step", "03")

    assert status == INTERRUPTED
    assert err == "Interrupted: what was started is ended.\n"
    assert len(started) == 1
    assert not started[0].is_running()


# The page


def without_dates(text):
    return re.sub(r"date: .*", "date: ...", text)


@on_posix
def test_the_trace_on_the_page_is_what_is_printed(say, tmp_path, monkeypatch):
    page = PAGE.read_text("utf-8")
    blocks = re.findall(
        r"```console\n\$ python3 start.py (.*)\n((?s:.*?))```", page
    )
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hello.http").write_bytes(HELLO)

    assert blocks
    for words, shown in blocks:
        _, out, _ = say(*words.split())

        assert without_dates(out) == without_dates(shown)
