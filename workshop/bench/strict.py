"""Ask for the six kinds of work; judge each answer, also under load.

Knows: connections, pipelines, ids of requests, the rules of each work.
Does not know: databases, the server's clock.

It is the generator of `load.py`, with a stricter client: each request has an
id of its own, which its answer must carry. So answers of a pipeline must come
in order, and none can have been prepared.
"""

import functools
import random
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import replace

from workshop.bench.cases import Case, parse, wrong
from workshop.bench.load import Builtin, Client, ClosedLoop, Run, main, obey
from workshop.bench.techempower import TOKEN, WORKS
from workshop.errors import WorkshopError

IDS = 4096  # many more than a server remembers
LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)\r\n")


def ids(seed: int) -> Iterator[bytes]:
    """Yield ids for ever; they repeat only after a long time."""
    lot = random.Random(seed)
    drawn = [b"%016x" % lot.getrandbits(64) for _ in range(IDS)]
    while True:
        yield from drawn


def framed(data: bytes) -> tuple[bytes, bytes, bytes] | None:
    """Return head, content and what follows; None if it is not whole.

    >>> framed(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nhiHT")
    (b'HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n', b'hi', b'HT')
    """
    end = data.find(b"\r\n\r\n") + 4
    if end < 4:
        return None
    found = LENGTH.search(data, 0, end)
    if not found:
        raise ValueError("the answer does not say its content-length")
    last = end + int(found[1])
    if len(data) < last:
        return None
    return data[:end], data[end:last], data[last:]


class StrictClient(Client):
    """One connection that asks in pipelines, and judges each answer."""

    load: "StrictLoop"

    def ask(self) -> None:
        depth = self.load.work.depth
        self.waiting = deque(next(self.load.ids) for _ in range(depth))
        request = self.load.case.request
        asked = [request.replace(TOKEN, each) for each in self.waiting]
        self.transport.write(b"".join(asked))

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        try:
            while self.waiting and (found := framed(self.buffer)):
                head, content, self.buffer = found
                self.load.judge(head, content, self.waiting.popleft())
        except ValueError as error:
            self.waiting.clear()
            self.load.fail(str(error))
        if self.waiting:
            return
        if self.buffer:
            self.load.fail(f"{self.buffer[:80]!r} follows the answer")
            self.buffer = b""
        self.load.answers += self.load.work.depth
        if self.load.running:
            self.ask()
        else:
            self.load.rest(self)


class StrictLoop(ClosedLoop):
    """Connections that do one of the six works."""

    kind = StrictClient

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.work = WORKS[case.name]
        self.ids = ids(seed=2026)
        self.fully = False

    async def verify(self) -> Run:
        """Ask once on each connection; judge fields, too."""
        self.fully = True
        run = await super().verify()
        self.fully = False
        return run

    def judge(self, head: bytes, content: bytes, token: bytes) -> None:
        """Fail unless it is the answer to the request with this id."""
        if not head.startswith(self.status):
            self.fail(f"the answer begins with {head[:40]!r}")
        elif token not in head:
            self.fail("an answer does not carry the id of its request")
        elif reason := self.work.wrong(content):
            self.fail(reason)
        elif self.fully:
            answer = parse(head + content)
            assert answer
            case = replace(self.case, content=content)
            if reason := wrong(case, answer):
                self.fail(reason)


def only_builtin(load: str) -> None:
    """Raise one sentence if another generator is asked for."""
    if load not in ("auto", "builtin"):
        raise WorkshopError(
            f"Each answer is checked here, which {load} cannot do: leave"
            " --load out."
        )


class Strict(Builtin):
    """The generator, from the side of who measures."""

    program = "workshop.bench.strict"


if __name__ == "__main__":
    main(functools.partial(obey, kind=StrictLoop))
