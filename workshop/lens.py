"""Watch a protocol: give it reads one by one, see what it writes.

Knows: protocols, turns of the loop that runs, answers.
Does not know: sockets, which step it is.

No socket and no clock takes part: a read is what we say it is, so a request
can be cut at each position and the outcome is the same each time. For
notebooks and whoever wants to try a protocol by hand.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Self, cast

from workshop.bench.cases import Answer, parse
from workshop.bench.fake import Transport
from workshop.steps import Rooms

TURNS = 20  # of the loop; an answer that waits for nothing needs fewer

SIGNS = {"\r": "\N{NOT SIGN}", "\n": "\N{PILCROW SIGN}"}


@dataclass
class Seen:
    """What a protocol wrote after each read, and why it broke if it did."""

    writes: list[bytes] = field(default_factory=list)
    error: Exception | None = None

    @property
    def answers(self) -> list[Answer]:
        """The answers in all that was written."""
        found, data = [], b"".join(self.writes)
        while answer := parse(data):
            found.append(answer)
            data = data[answer.length :]
        return found

    @property
    def letter(self) -> str:
        """Say it in one letter.

        A digit: so many answers. `x`: an exception ended the connection
        before there was an answer. `!`: the same, after an answer.
        """
        if self.error:
            return "!" if self.answers else "x"
        return str(min(len(self.answers), 9))


class Watched:
    """A protocol on a transport of ours, as long as the block lasts."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        self.protocol = protocol
        self.transport = Transport()
        self.seen = Seen()

    async def __aenter__(self) -> Self:
        self.protocol.connection_made(self.transport)
        await turn()
        return self

    async def read(self, data: bytes) -> bytes:
        """Let the protocol read this; return what it writes then.

        An exception ends a connection, as on a real transport: what comes
        later is not read.
        """
        if self.transport.closing or self.seen.error:
            return b""
        try:
            self.protocol.data_received(data)
        except Exception as error:
            self.seen.error = error
        await turn()
        written = b"".join(self.transport.written)
        self.transport.written.clear()
        self.seen.writes.append(written)
        return written

    async def __aexit__(self, *exc_info: object) -> None:
        self.protocol.eof_received()
        await turn()
        self.protocol.connection_lost(None)
        await turn()


async def turn() -> None:
    """Let the loop turn until a task that waits for nothing is done."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


async def watch(protocol: asyncio.Protocol, *reads: bytes) -> Seen:
    """Let a protocol read these, one after the other; say what it did."""
    async with Watched(protocol) as watched:
        for data in reads:
            await watched.read(data)
    return watched.seen


def connections(step: Rooms) -> Callable[[], asyncio.Protocol]:
    """Return what makes the protocols of a step, as its server would."""
    if "app" not in step.modules:  # step 01 knows no app
        make: Callable[[], asyncio.Protocol] = step.Protocol
        return make
    app = step.app.app
    return lambda: cast(asyncio.Protocol, app.Protocol(app))


def cuts(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return the data in two pieces, cut at each position.

    >>> cuts(b"GET")
    [(b'G', b'ET'), (b'GE', b'T')]
    """
    return [(data[:at], data[at:]) for at in range(1, len(data))]


async def strip(make: Callable[[], asyncio.Protocol], request: bytes) -> str:
    """Cut a request at each position; return a letter for each cut.

    The letter at `n` tells of the cut before byte `n`; before the first byte
    there is nothing to cut.
    """
    seen = [await watch(make(), *pieces) for pieces in cuts(request)]
    return " " + "".join(each.letter for each in seen)


def visible(data: bytes) -> str:
    r"""Return bytes as one sign each: CR is a bent line, LF a pilcrow.

    >>> visible(b"GET / HTTP/1.1\r\n")
    'GET / HTTP/1.1¬¶'
    """
    text = data.decode("latin-1")
    return "".join(SIGNS.get(letter, letter) for letter in text)


def columns(rows: Iterable[Iterable[object]]) -> str:
    """Return rows of text in columns.

    >>> print(columns([("GET", 1), ("POST", 22)]))
    GET   1
    POST  22
    """
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    return "\n".join(
        "  ".join(map(str.ljust, row, widths)).rstrip() for row in texts
    )
