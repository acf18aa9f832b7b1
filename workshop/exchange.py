"""Send raw bytes over a real socket and read the answers back.

Knows: sockets, one watchdog, and h11 as an independent reader of answers.
Does not know: which answer would be right.

Answers are read by h11, one `h11.Connection` for each, so that `HEAD`, 1xx,
chunked and close-delimited answers are judged by somebody else than pico.
What hangs, resets or talks nonsense is a result (`end`, `garbage`), never an
error of ours.

Segments stay apart: after each one a request on a second connection is sent
and its answer awaited, twice. The second one is read in a later turn of the
server's loop than the first, so whatever order that loop has, it has read by
then what lay in the first connection. Nothing sleeps.
"""

import contextlib
import re
import select
import socket
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Self
from urllib.parse import urlsplit

import h11

PATIENCE = 2.0  # Seconds without a byte before a target is called silent.
FOLLOW_UP = b"GET /hello/again HTTP/1.1\r\nhost: pico\r\n\r\n"
REQUEST_LINE = re.compile(rb"^([A-Z]+) [^ \r\n]+ HTTP/1\.[01]\r$", re.M)

End = Literal["kept", "closed", "reset", "silent", "left"]


@dataclass
class Answer:
    """One final answer, with the 1xx answers that came before it."""

    status: int
    fields: list[tuple[str, str]]  # Names in lower case.
    content: bytes = b""
    informational: list[int] = field(default_factory=list)
    complete: bool = False  # Its content came to its end.

    def field(self, name: str) -> str | None:
        """Return the first value of a field, or None."""
        return next((v for n, v in self.fields if n == name.lower()), None)


@dataclass
class Exchange:
    """All that one connection brought back, and how it ended.

    `kept`: a further request was answered (in `follow_up`). `closed`: the
    server ended the stream. `reset`: it broke it off. `silent`: the watchdog
    gave up. `left`: we went away first, on purpose.
    """

    answers: list[Answer]
    end: End
    raw: bytes
    garbage: str | None = None  # What h11 says of bytes that are no answer.
    follow_up: Answer | None = None


@dataclass(frozen=True)
class Aside:
    """A request on a second connection, answered before we go on."""

    request: bytes
    answer: bytes = b""  # What its answer must contain.


@dataclass(frozen=True)
class Until:
    """Wait until the answer so far contains these bytes."""

    content: bytes


Action = bytes | Aside | Until
MOST = 10_000  # answers; who sends more to one connection does not end
TURN = Aside(b"GET /hello/turn HTTP/1.1\r\nhost: pico\r\n\r\n", b'"}')


class Wire:
    """A server that is sent raw bytes: `Wire(url).send(b"GET ...")`."""

    def __init__(self, url: str, patience: float = PATIENCE) -> None:
        parts = urlsplit(url)
        self.url = url
        self.host = parts.hostname or "127.0.0.1"
        self.port = parts.port or 80
        self.patience = patience

    def send(
        self,
        *segments: Action,
        methods: Sequence[str] | None = None,
        answers: int | None = None,
        closing: bool = False,
        half_close: bool = False,
        leave: bool = False,
        reads: bool = True,
        follow_up: bool = True,
    ) -> Exchange:
        """Send segments, each apart from the next; return what came back.

        One answer is awaited for each method; methods are taken from the
        request lines in the bytes unless given, `answers` is another number.
        With `closing` the end of the stream is awaited, else a follow-up
        request shows whether the connection was kept; with `follow_up=False`
        the answers are enough. `reads=False`: nothing is read until all is
        sent.
        """
        joined = b"".join(s for s in segments if isinstance(s, bytes))
        if methods is None:
            methods = requested(joined)
        wanted = len(methods) or 1 if answers is None else answers
        reader = Reader(methods)
        try:
            with Connection(self, reader) as connection:
                with contextlib.suppress(Silent):
                    connection.play(segments, reads)
                    if leave:
                        connection.end = "left"
                        return connection.exchange()
                    if half_close:
                        connection.half_close()
                    connection.read_answers(wanted)
                    if closing or half_close or reader.closing:
                        connection.read_to_the_end()
                    elif follow_up:
                        return connection.follow_up(wanted)
                    else:
                        connection.end = connection.end or "left"
                return connection.exchange()
        except OSError as error:  # Nothing listens there (any more).
            return Exchange([], "silent", b"", f"no connection: {error}")


def requested(data: bytes) -> list[str]:
    r"""Return the methods of the request lines in these bytes.

    >>> requested(b"HEAD / HTTP/1.1\r\n\r\nGET /a HTTP/1.0\r\n\r\n")
    ['HEAD', 'GET']
    """
    return [m.group(1).decode() for m in REQUEST_LINE.finditer(data)]


class Silent(Exception):
    """The watchdog gave up."""


class Reader:
    """Turn the bytes of a connection into answers, with h11."""

    def __init__(self, methods: Iterable[str]) -> None:
        self.methods = iter(methods)
        self.answers: list[Answer] = []
        self.garbage: str | None = None
        self.closing = False  # The last answer said that it is the last.
        self._begin()

    def _begin(self) -> None:
        """Expect the next answer, with a new h11 connection."""
        method = next(self.methods, "GET")
        if method == "CONNECT":  # A refusal is read like any other answer.
            method = "GET"
        self.answer: Answer | None = None
        self.informational: list[int] = []
        self.h11 = h11.Connection(h11.CLIENT)
        self.h11.send(
            h11.Request(method=method, target="/", headers=[("host", "pico")])
        )
        self.h11.send(h11.EndOfMessage())

    def feed(self, data: bytes) -> None:
        """Take bytes; empty bytes are the end of the stream."""
        begun = self.answer or self.h11.trailing_data[0]
        if self.garbage or not (data or begun):
            return
        try:
            self.h11.receive_data(data)
            while self._take(self.h11.next_event()):
                pass
        except h11.RemoteProtocolError as error:
            self.garbage = str(error)
            self.cut()

    def cut(self) -> None:
        """Keep an answer that was broken off: a reset is no end of stream."""
        if self.answer:
            self.answers.append(self.answer)
            self.answer = None

    def _take(self, event: object) -> bool:
        """Note one event; return whether another one may follow."""
        if isinstance(event, h11.InformationalResponse):
            self.informational.append(event.status_code)
        elif isinstance(event, h11.Response):
            fields = [
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, value in event.headers
            ]
            self.answer = Answer(event.status_code, fields)
            self.answer.informational = self.informational
        elif isinstance(event, h11.Data) and self.answer:
            self.answer.content += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage) and self.answer:
            return self._finish(self.answer)
        else:  # NEED_DATA, PAUSED, ConnectionClosed
            return False
        return True

    def _finish(self, answer: Answer) -> bool:
        """Keep an answer; return whether bytes of the next one are there."""
        answer.complete = True
        self.answers.append(answer)
        self.closing = self.h11.their_state is h11.MUST_CLOSE
        rest, _ = self.h11.trailing_data
        self._begin()
        if rest:
            self.h11.receive_data(rest)
        return bool(rest)


class Connection:
    """One connection to the target, and a second one to let its loop turn."""

    def __init__(self, wire: Wire, reader: Reader) -> None:
        self.wire = wire
        self.reader = reader
        self.raw = b""
        self.end: End | None = None  # None: as far as we know it is open.
        self.second: socket.socket | None = None
        self.deadline = time.monotonic() + 10 * wire.patience

    def __enter__(self) -> Self:
        self.socket = self._connect()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.socket.close()
        if self.second:
            self.second.close()

    def _connect(self) -> socket.socket:
        wire = self.wire
        made = socket.create_connection((wire.host, wire.port), wire.patience)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def exchange(self) -> Exchange:
        """Return what has come so far."""
        reader = self.reader
        end = self.end or "silent"
        return Exchange(reader.answers, end, self.raw, reader.garbage)

    # What we do

    def play(self, actions: Sequence[Action], reads: bool) -> None:
        """Do one action after the other, as long as the server listens."""
        for number, action in enumerate(actions):
            if isinstance(action, Until):
                self.read_until(action.content)
            elif isinstance(action, Aside):
                self.aside(action)
            elif not self.write(action, reads):
                break
            elif number < len(actions) - 1:
                self.aside(TURN)
                self.aside(TURN)
                if reads:
                    self.read_available()

    def write(self, data: bytes, reads: bool = True) -> bool:
        """Send one segment; return False if the server listens no more."""
        view = memoryview(data)
        while view and self.end is None:
            readable, writable = self._ready(reads, True)
            if readable:
                self._read()
            elif writable:
                try:
                    view = view[self.socket.send(view[:65536]) :]
                except OSError:  # It is gone: what it said may still come.
                    return False
        return self.end is None

    def half_close(self) -> None:
        """Say that nothing more will be sent."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def aside(self, aside: Aside) -> None:
        """Ask on the second connection, and await that answer."""
        try:
            self.second = self.second or self._connect()
            self.second.sendall(aside.request)
            answer = b""
            while aside.answer not in answer or not whole(answer):
                data = self.second.recv(65536)
                if not data:
                    raise Silent
                answer += data
        except OSError as error:
            raise Silent from error

    def follow_up(self, wanted: int) -> Exchange:
        """Ask once more, to see whether the connection is kept."""
        with contextlib.suppress(Silent):
            seen = len(self.raw)
            answered = len(self.reader.answers) >= wanted
            if answered and self.write(FOLLOW_UP):
                self.read_answers(wanted + 1)
            if len(self.reader.answers) > wanted:
                self.end = self.end or "kept"
                self.raw = self.raw[:seen]
                follow_up = self.reader.answers.pop(wanted)
                exchange = self.exchange()
                exchange.follow_up = follow_up
                return exchange
            self.read_to_the_end()
        return self.exchange()

    # What comes back

    def read_answers(self, number: int) -> None:
        """Read until so many answers have come, or the end."""
        while not self.reader.garbage and len(self.reader.answers) < number:
            if self.end is not None:
                return
            self._read_or_give_up()

    def read_until(self, content: bytes) -> None:
        """Read until these bytes have come, or the end."""
        while content not in self.raw and self.end is None:
            self._read_or_give_up()

    def read_available(self) -> None:
        """Read what has come already, without waiting."""
        while self.end is None:
            if not select.select([self.socket], [], [], 0)[0]:
                return
            self._read()

    def read_to_the_end(self) -> None:
        """Read until the server ends the stream."""
        while self.end is None:
            self._read_or_give_up()

    def _read_or_give_up(self) -> None:
        self._ready(True, False)
        self._read()

    def _ready(self, reads: bool, writes: bool) -> tuple[bool, bool]:
        """Wait until the socket can be read or written; else: silent."""
        readable, writable, _ = select.select(
            [self.socket] if reads else [],
            [self.socket] if writes else [],
            [],
            self.wire.patience,
        )
        many = len(self.reader.answers) > MOST  # Somebody talks for ever.
        late = time.monotonic() > self.deadline
        if many or late or not (readable or writable):
            self.end = "silent"
            raise Silent
        return bool(readable), bool(writable)

    def _read(self) -> None:
        try:
            data = self.socket.recv(65536)
        except OSError:
            self.end = "reset"
            self.reader.cut()
            return
        if not data:
            self.end = "closed"
        self.raw += data
        self.reader.feed(data)


def whole(answer: bytes) -> bool:
    """Return whether an answer, of a second connection, has come wholly."""
    head, end, content = answer.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)^content-length: *(\d+)\r?$", head, re.M)
    return bool(end) and (not length or len(content) >= int(length[1]))
