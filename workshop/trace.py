r"""Send the same bytes to several steps; tell what each wrote, and when.

Knows: pieces that are read one by one, how a connection ended, escapes.
Does not know: which answer would be right, how a trace is laid out.

The steps serve the contract application (`wire_app.py`); step 01 serves its
`pico.py`. All is bounded: a server that says nothing is left after
`exchange.PATIENCE` seconds, one that never stops talking after `ENOUGH` bytes.
"""

import contextlib
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from workshop import serving, work
from workshop.bench.words import joined
from workshop.errors import FAIL, WorkshopError
from workshop.exchange import (
    PATIENCE,
    TURN,
    Answer,
    Connection,
    Exchange,
    Reader,
    Silent,
    Wire,
    requested,
)
from workshop.serving import Target
from workshop.steps import all_steps
from workshop.verbs import START

PROGRAM = Path(__file__).with_name("wire_app.py")
LARGEST = 2**24  # bytes of a request: it is held in memory
PIECES = 5000  # Each takes two answers on a second connection.
ENOUGH = 2**20  # bytes that came: whoever sends more is left
DATE = re.compile(rb"(?im)^date: [^\r\n]*")
LETTER = {9: r"\t", 10: r"\n", 13: r"\r", 92: r"\\"}
ENDS = {
    "kept": "keeps the connection",
    "closed": "closes the connection",
    "reset": "breaks the connection off",
    "silent": "waits for more",
    "left": "talks without an end",
}


# What is sent


def read(name: str) -> bytes:
    """Return the bytes of a file, or of the standard input (`-`)."""
    data = first_bytes(name)
    shown = "the standard input" if name == "-" else name
    if not data:
        raise WorkshopError(
            f"There is nothing to send in {shown}: write a request into it,"
            " such as `GET / HTTP/1.1`, its fields and an empty line."
        )
    if len(data) > LARGEST:
        raise WorkshopError(
            f"There are more than {LARGEST:,} bytes in {shown}: send less."
        )
    return data


def first_bytes(name: str) -> bytes:
    """Return all bytes, or one more than may be sent."""
    if name == "-":
        return sys.stdin.buffer.read(LARGEST + 1)
    try:
        with Path(name).expanduser().open("rb") as file:
            return file.read(LARGEST + 1)
    except OSError as error:
        raise WorkshopError(
            f"{name} cannot be read ({error.strerror or error}): give a file"
            " that holds a request, or - for the standard input."
        ) from None


def with_crlf(data: bytes) -> bytes:
    r"""Return the bytes with CR LF where a line feed stood alone.

    >>> with_crlf(b"GET / HTTP/1.1\nhost: pico\r\n\n")
    b'GET / HTTP/1.1\r\nhost: pico\r\n\r\n'
    """
    return re.sub(rb"(?<!\r)\n", b"\r\n", data)


def advice(data: bytes) -> str:
    """Return what a person may have forgotten, or nothing."""
    if b"\n" in data and b"\r\n" not in data:
        return (
            "Its lines end with LF alone, HTTP's with CR LF: --crlf turns"
            " them."
        )
    if not re.search(rb"\n\r?\n", data):
        return "It has no empty line: a server waits for the rest of the head."
    return ""


def cut(data: bytes, size: int) -> list[bytes]:
    """Return the bytes in pieces of this size; 0: in one.

    >>> cut(b"abcde", 2), cut(b"abcde", 0)
    ([b'ab', b'cd', b'e'], [b'abcde'])
    """
    size = size or len(data)
    if len(data) > size * PIECES:
        raise WorkshopError(
            f"That makes more than {PIECES:,} pieces, which takes too long:"
            f" use --split {-(-len(data) // PIECES)} or more."
        )
    return [data[at : at + size] for at in range(0, len(data), size)]


def targets(words: str | None) -> list[Target]:
    """Return what `01,02,work` names; all steps if nothing is said."""
    if words is None:
        return [serving.target(step.number) for step in all_steps()]
    names = dict.fromkeys(filter(None, map(str.strip, words.split(","))))
    if not names:
        raise WorkshopError("--step names no step: say --step 01,02,03.")
    return [named(name) for name in names]


def named(word: str) -> Target:
    """Return a step, a folder, a URL, or the learner's own folder."""
    if word != "work":
        return serving.target(word)
    if not work.folder().is_dir():
        raise WorkshopError(f"There is no work/: `{START} begin` makes it.")
    return serving.target(str(work.folder()))


# What came back


@dataclass(frozen=True)
class Trace:
    """What one target wrote: after each piece, and how it ended."""

    target: Target
    came: tuple[bytes, ...]  # after each piece that was sent
    exchange: Exchange
    apart: bool  # The server read each piece before the next one was sent.
    log: str = ""  # the last line that the server wrote to its stderr

    def key(self) -> object:
        """Return what is equal where two targets behaved the same."""
        came = tuple(DATE.sub(b"date:", data) for data in self.came)
        return came, self.exchange.end, self.exchange.garbage, self.log


class Listener(Connection):
    """A connection that leaves a server which never stops talking."""

    def _read(self) -> None:
        super()._read()
        if len(self.raw) > ENOUGH and self.end is None:
            self.end = "left"
            raise Silent


def traces(
    chosen: Sequence[Target], pieces: Sequence[bytes], patience: float
) -> list[Trace]:
    """Send the pieces to all targets at the same time.

    When we are interrupted the servers end first, and with them the threads.
    """
    with (
        ThreadPoolExecutor(len(chosen)) as pool,
        contextlib.ExitStack() as stack,
    ):
        served = [started(target, stack) for target in chosen]
        found = pool.map(
            lambda server: traced(server[0], pieces, patience), served
        )
        return [
            Trace(target, *what, last_line(log()))
            for target, what, (_, log) in zip(
                chosen, found, served, strict=True
            )
        ]


def started(
    target: Target, stack: contextlib.ExitStack
) -> tuple[str, Callable[[], str]]:
    """Serve a target; return its URL, and what tells its log."""
    if target.folder is None:
        assert target.url
        return target.url, str
    launched = serving.launched(target.folder, PROGRAM)
    server = stack.enter_context(launched)
    return server.url, server.log


def last_line(log: str) -> str:
    """Return the last line of a log: of a traceback, the exception."""
    return log.strip().rpartition("\n")[2].strip()


def traced(
    url: str, pieces: Sequence[bytes], patience: float
) -> tuple[tuple[bytes, ...], Exchange, bool]:
    """Send pieces to a server: what came after each, the end, apart."""
    methods = requested(b"".join(pieces))
    try:
        with Listener(Wire(url, patience), Reader(methods)) as connection:
            ends, apart = played(connection, pieces)
            exchange = ended(connection, len(methods) or 1)
    except OSError as error:
        raise WorkshopError(
            f"{url} takes no connection ({error}): start its server again.",
            FAIL,
        ) from error
    ends[-1] = len(exchange.raw)  # The last piece is what it waits with.
    edges = zip([0, *ends], ends, strict=False)
    return tuple(exchange.raw[a:b] for a, b in edges), exchange, apart


def played(
    connection: Connection, pieces: Sequence[bytes]
) -> tuple[list[int], bool]:
    """Send piece after piece; return how much had come after each, apart."""
    ends: list[int] = []
    apart = True
    for number, piece in enumerate(pieces, 1):
        if connection.end is not None:
            break
        with contextlib.suppress(Silent):
            connection.write(piece)
        if number < len(pieces):
            apart = apart and settled(connection)
        ends.append(len(connection.raw))
    return ends, apart


def settled(connection: Connection) -> bool:
    """Wait until the server has read what it was sent; read what it wrote.

    False if it does not answer on a second connection: then nobody knows.
    """
    try:
        connection.aside(TURN)
        connection.aside(TURN)
        return True
    except Silent:
        return False
    finally:
        with contextlib.suppress(Silent):
            connection.read_available()


def ended(connection: Connection, wanted: int) -> Exchange:
    """Return what came, once it is known whether the connection is kept."""
    reader = connection.reader
    with contextlib.suppress(Silent):
        connection.read_answers(wanted)
        if connection.end is None:  # Step 01 answers each piece.
            settled(connection)
        if not reader.closing:
            return connection.follow_up(max(wanted, len(reader.answers)))
        connection.read_to_the_end()
    reader.cut()  # What was begun and did not come to its end.
    return connection.exchange()


# In words


def alike(found: Sequence[Trace]) -> list[list[Trace]]:
    """Return the traces in groups that behaved the same, dates apart."""
    groups: dict[object, list[Trace]] = {}
    for trace in found:
        groups.setdefault(trace.key(), []).append(trace)
    return list(groups.values())


def names(group: Sequence[Trace]) -> str:
    """Return the names of a group, as a person lists them."""
    return joined([trace.target.name for trace in group])


def numbers(group: Sequence[Trace]) -> str:
    """Return the same in short: steps by their numbers."""
    targets = [trace.target for trace in group]
    return joined([serving.number_of(t) or t.name for t in targets])


def difference(groups: Sequence[Sequence[Trace]]) -> str:
    """Say in one sentence who differs from whom."""
    if len(groups) == 1:
        many = len(groups[0]) > 1
        same = f"{numbers(groups[0])} wrote the same, dates apart."
        return same if many else ""
    said = [behaviour(group[0]) for group in groups]
    parts = [
        f"{'each of ' if len(group) > 1 else ''}{numbers(group)} {text}"
        + (", in other bytes" if text in said[:at] else "")
        for at, (group, text) in enumerate(zip(groups, said, strict=True))
    ]
    return f"They differ: {'; '.join(parts)}."


def behaviour(trace: Trace) -> str:
    """Return what a target did, as a verb: `answers 200 and ...`."""
    exchange = trace.exchange
    end = ENDS[exchange.end]
    statuses = [answer.status for answer in exchange.answers]
    runs = [(status, len([*same])) for status, same in groupby(statuses)]
    words = [f"{s}" if n == 1 else f"{s} ({n} times)" for s, n in runs]
    if words:
        return f"answers {joined(words)} and {end}"
    nothing = "writes what is no HTTP" if exchange.raw else "answers nothing"
    return f"{nothing} and {end}"


def conclusion(trace: Trace) -> Iterator[str]:
    """Yield what is to be said below the bytes that came, fact by fact."""
    exchange = trace.exchange
    first = 1
    for text, same in groupby(map(described, exchange.answers)):
        last = first + len([*same]) - 1
        yield f"{numbered('answer', first, last)}: {text}"
        first = last + 1
    if exchange.garbage:
        yield f"no valid HTTP, says h11: {exchange.garbage}"
    yield f"end: {ending(exchange)}"
    if trace.log:
        yield f"its log ends: {trace.log}"
    if not trace.apart:
        yield (
            "it did not answer on a second connection: it may have read"
            " pieces together"
        )


def described(answer: Answer) -> str:
    """Return an answer as a list of its facts."""
    before = "".join(f"{status}, then " for status in answer.informational)
    fields = count(len(answer.fields), "field")
    content = count(len(answer.content), "byte")
    whole = "" if answer.complete else ", which did not come to its end"
    return f"{before}{answer.status}, {fields}, {content} of content{whole}"


def ending(exchange: Exchange) -> str:
    """Say how a connection ended."""
    if exchange.follow_up:
        status = exchange.follow_up.status
        return f"kept; a further request was answered with {status}"
    if exchange.end == "left":
        return f"left by us: more than {ENOUGH:,} bytes came"
    return {
        "closed": "closed by the server",
        "reset": "broken off by the server (reset)",
    }.get(exchange.end, f"still open, but silent for {PATIENCE:g} seconds")


def count(number: int, word: str) -> str:
    """Return a number with its word.

    >>> count(1, "byte"), count(2, "piece")
    ('1 byte', '2 pieces')
    """
    return f"{number:,} {word}" + ("" if number == 1 else "s")


def numbered(word: str, first: int, last: int) -> str:
    """Return things that are counted from 1.

    >>> numbered("piece", 3, 3), numbered("piece", 1, 25)
    ('piece 3', 'pieces 1-25')
    """
    return f"{word} {first}" if first == last else f"{word}s {first}-{last}"


def runs(came: Sequence[bytes]) -> Iterator[tuple[int, int, bytes]]:
    """Yield first and last piece after which the same came, and what.

    >>> list(runs([b"", b"", b"200"]))
    [(1, 2, b''), (3, 3, b'200')]
    """
    first = 1
    for _, same in groupby(came, lambda data: DATE.sub(b"date:", data)):
        many = [*same]
        yield first, first + len(many) - 1, many[0]
        first += len(many)


def lines(data: bytes, width: int | None = None) -> Iterator[str]:
    r"""Yield bytes line by line, escaped; none longer than the width.

    >>> list(lines(b"a\r\nb\xff\\"))
    ['a\\r\\n', 'b\\xff\\\\']
    """
    for line in re.findall(rb"[^\n]*\n|[^\n]+", data):
        text = ""
        for letter in map(letter_of, line):
            if width and len(text) + len(letter) > width:
                yield text
                text = ""
            text += letter
        yield text


def letter_of(byte: int) -> str:
    """Return one byte as it is shown."""
    if byte in LETTER:
        return LETTER[byte]
    return chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}"
