"""Ask servers whose handlers wait, and watch them for a while.

Knows: connections, a window of time, a tiny request behind a dear one.
Does not know: what is concluded.

Whoever has more connections than it can serve never answers them all: so we
look at what is answered within a window, and leave then. Every answer is
checked. We run in the process of the study, which has nothing else to do,
and read its CPU clock to see whether we could have asked for more.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from workshop.bench.arms import Arm
from workshop.bench.cases import Case, WrongAnswer, judged, parse
from workshop.bench.load import ClosedLoop
from workshop.bench.servers import Server, Usage, pin
from workshop.serving import launched

try:
    import uvloop as loops
except ImportError:  # No uvloop on Windows: asyncio's own loop will do.
    loops = asyncio  # type: ignore[misc]

GRACE = 0.2  # seconds: a server that blocks would not hear us for longer
AHEAD = 0.01  # seconds that a dear request has, before the tiny one comes


@dataclass(frozen=True)
class Watched:
    """What was seen within a window."""

    rate: float  # answers per second
    cpu_us: float  # server CPU time per answer
    server_share: float  # of a core
    our_share: float  # of a core
    memory: int  # bytes


@contextlib.contextmanager
def serving(arm: Arm, core: int | None) -> Iterator[Server]:
    """Run an arm's server in a fresh process, and end it soon."""
    with launched(arm.folder, arm.program, arm.env, grace=GRACE) as running:
        if core is not None:
            pin(running.process.pid, core)
        yield Server(running.host, running.port, running.process.pid)


class Window(ClosedLoop):
    """A closed loop that is watched for a while, and then left."""

    async def watch(
        self, warm_up: float, seconds: float, usage: Callable[[], Usage]
    ) -> Watched:
        """Return what is answered after the warm-up."""
        self.running = True
        for client in self.clients:
            client.ask()
        await asyncio.sleep(warm_up)
        before, ours = usage(), time.process_time()
        first, start = self.answers, time.perf_counter()
        await asyncio.sleep(seconds)
        took, number = time.perf_counter() - start, self.answers - first
        ours = time.process_time() - ours
        after, self.running = usage(), False
        cpu = after.cpu - before.cpu
        return Watched(
            number / took,
            cpu / max(number, 1) * 1e6,
            cpu / took,
            ours / took,
            after.memory,
        )


async def watch(
    server: Server,
    case: Case,
    connections: int,
    warm_up: float,
    seconds: float,
) -> Watched:
    """Open connections and watch them; WrongAnswer if one is wrong."""
    load = Window(case)
    try:
        await load.open(server.host, server.port, connections)
        found = await load.watch(warm_up, seconds, server.usage)
    finally:
        load.close()
    if load.wrong or not found.rate:
        raise WrongAnswer(load.wrong or "nothing was answered in time")
    return found


class Asker:
    """One connection that asks, and checks each answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: Any) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, case: Case) -> float:
        """Return how long the answer took, in milliseconds."""
        start = time.perf_counter()
        self.writer.write(case.request)
        data = b""
        while not complete(data):
            more = await self.reader.read(65536)
            if not more:
                raise WrongAnswer("the server closed a connection")
            data += more
        took = time.perf_counter() - start
        judged(case, data)
        return took * 1000


def complete(data: bytes) -> bool:
    """Return whether an answer is there, right or wrong."""
    try:
        return parse(data) is not None
    except ValueError:
        return True  # It will never be one: let it be judged.


async def behind(
    server: Server, dear: Case | None, tiny: Case, number: int
) -> list[float]:
    """Return how long a tiny request took, each time behind a dear one."""
    address = server.host, server.port
    opened = [await asyncio.open_connection(*address) for _ in "12"]
    first, second = (Asker(*streams) for streams in opened)
    took = []
    try:
        for _ in range(number):
            work = asyncio.create_task(asked(first, dear))
            await asyncio.sleep(AHEAD)
            took.append(await second.ask(tiny))
            await work
    finally:
        for _, writer in opened:
            writer.close()
    return took


async def asked(asker: Asker, case: Case | None) -> None:
    if case:
        await asker.ask(case)


def run(work: Any) -> Any:
    """Run a coroutine on the loop of the generator."""
    with asyncio.Runner(loop_factory=loops.new_event_loop) as runner:
        return runner.run(work)
