"""Ask a server for answers, as fast as it gives them.

Knows: connections, a closed loop, when an answer is right.
Does not know: the server's clock, which step it is.

The generator is a process of its own, so that it takes nothing from the
server. It obeys orders, one JSON line each: open connections and verify the
first answers, run for some seconds, verify and close. Several servers may be
open, to be asked in turn. Each answer is checked: its status, its length and
its content; anything else goes the slow way and is judged in full.
"""

import asyncio
import contextlib
import copy
import json
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from workshop.bench.cases import (
    Case,
    WrongAnswer,
    from_data,
    judged,
    parse,
    to_data,
)
from workshop.bench.descriptors import allow
from workshop.errors import ENVIRONMENT, WorkshopError

try:
    import uvloop as loops
except ImportError:  # No uvloop on Windows: asyncio's own loop will do.
    loops = asyncio  # type: ignore[misc]

PATIENCE = 5.0  # Seconds without the last answers before we give up.


@dataclass(frozen=True)
class Run:
    """What one run brought."""

    answers: int
    seconds: float
    wrong: str | None = None  # What the first wrong answer was.
    length: int = 0  # of an answer, in bytes


# The generator's side


class Client(asyncio.Protocol):
    """One connection: it sends a request whenever it was answered."""

    def __init__(self, load: "ClosedLoop") -> None:
        self.load = load
        self.buffer = b""
        self.left = 0  # answers that are to come

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def ask(self) -> None:
        self.load.send(self)

    def data_received(self, data: bytes) -> None:
        load = self.load
        if not self.left:
            load.fail("an answer came that nobody had asked for")
            return
        self.buffer += data
        while self.buffer and self.left:
            length = self.looked_at() or self.judged()
            if not length:
                return  # It is not whole yet.
            self.buffer = self.buffer[length:]
            self.left -= 1
            self.answered()

    def answered(self) -> None:
        """Ask again after the last answer, unless it is time to rest."""
        load = self.load
        load.answers += 1
        if self.left:
            return
        if load.running:
            self.ask()
        else:
            load.rest(self)

    def looked_at(self) -> int:
        """Return the length of an answer that is right at first sight."""
        load, length = self.load, self.load.length
        more = len(self.buffer) - length
        right = (
            (more == 0 or (more > 0 and self.left > 1))
            and self.buffer.startswith(load.status)
            and self.buffer.endswith(load.case.content, 0, length)
        )
        return length if right else 0

    def judged(self) -> int:
        """Judge an answer in full, once it is whole; return its length."""
        load, data = self.load, self.buffer
        try:
            answer = parse(data)
            if answer is None:
                return 0
            if self.left > 1:  # The others follow.
                data = data[: answer.length]
        except ValueError:
            pass  # It will never be whole: let it be judged.
        try:
            length = judged(load.case, data).length
        except WrongAnswer as error:
            load.fail(error.reason)
        else:
            load.length = load.length or length
            if length != load.length:
                load.fail(f"its length is {length}, not {load.length}")
        return len(data)

    def connection_lost(self, error: Exception | None) -> None:
        self.load.lost(self)


class ClosedLoop:
    """Connections that each wait for an answer before they ask again."""

    kind: type[Client] = Client

    def __init__(self, case: Case) -> None:
        self.case = case
        self.status = b"HTTP/1.1 %d " % case.status
        self.segments = case.segments
        self.lines: list[deque[Client]] = [deque() for _ in case.cuts]
        self.room = 0
        self.length = 0  # 0: not known yet, judge in full.
        self.clients: set[Client] = set()
        self.asking: set[Client] = set()
        self.answers = 0
        self.running = False
        self.wrong: str | None = None
        self.done: asyncio.Future[None] | None = None

    async def open(self, host: str, port: int, connections: int) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(connections):
            _, client = await loop.create_connection(
                lambda: self.kind(self), host, port
            )
            self.clients.add(client)

    async def verify(self) -> Run:
        """Ask once on each connection, and judge the answers in full."""
        known, self.length = self.length, 0
        run = await self.run(0)
        if known and known != self.length:
            self.fail(f"its length is {self.length} now, it was {known}")
        return Run(run.answers, run.seconds, self.wrong, self.length)

    async def run(self, seconds: float) -> Run:
        """Ask for some seconds; return once all is answered."""
        loop = asyncio.get_running_loop()
        self.answers = 0
        self.done = loop.create_future()
        self.running = seconds > 0
        self.asking = set(self.clients)
        self.room = room(len(self.clients), len(self.segments))
        start = time.perf_counter()
        for client in self.clients:
            client.ask()
        loop.call_later(seconds, self.stop)
        try:
            async with asyncio.timeout(seconds + PATIENCE):
                await self.done
        except TimeoutError:
            self.fail(f"{len(self.asking)} requests were never answered")
        took = time.perf_counter() - start
        return Run(self.answers, took, self.wrong, self.length)

    def send(self, client: Client | None) -> None:
        """Let a client ask; who has sent a part of it waits in line.

        Whoever comes sends a segment and goes to the end of a line; who is
        its first then sends the next one. Lines are longer than the number
        of clients that await an answer. So between two segments of one
        client all these are answered, and a server that reads in the order
        of arrival has read the one before it gets the next.
        """
        for line, segment in zip(self.lines, self.segments, strict=False):
            if client:
                client.transport.write(segment)
                line.append(client)
            client = line.popleft() if len(line) > self.room else None
        if client:
            client.left = self.case.pipelined
            client.transport.write(self.segments[-1])

    def stop(self) -> None:
        self.running = False

    def rest(self, client: Client) -> None:
        """A connection has its last answer; who is in line goes on."""
        self.room = 0
        self.send(None)
        self.asking.discard(client)
        if not self.asking and self.done and not self.done.done():
            self.done.set_result(None)

    def lost(self, client: Client) -> None:
        """A connection ended; that is wrong as long as it is ours."""
        if client in self.clients:
            self.clients.discard(client)
            self.fail("the server closed a connection")
            self.rest(client)

    def fail(self, reason: str) -> None:
        self.wrong = self.wrong or reason

    def close(self) -> None:
        clients, self.clients = self.clients, set()
        for client in clients:
            client.transport.close()


def room(clients: int, segments: int) -> int:
    """Return how many clients stand in each line.

    No fewer than await an answer, if there are five or more; and somebody
    always awaits one, or else all would stand in line.

    >>> room(32, 3), room(2, 3)
    (11, 0)
    """
    lines = segments - 1
    return min(-(-clients // segments), (clients - 1) // lines) if lines else 0


async def obey(
    load: Any, order: dict[str, Any], kind: type[ClosedLoop] = ClosedLoop
) -> Any:
    """Do what one line asks for; return the load and the run."""
    if order["do"] == "open":
        if load:  # A run that went wrong was never closed.
            load.close()
        load = kind(from_data(order["case"]))
        await load.open(order["host"], order["port"], order["connections"])
        return load, await load.verify()
    assert load
    if order["do"] == "run":
        return load, await load.run(order["seconds"])
    run = await load.verify()
    load.close()
    await asyncio.sleep(0)
    return None, run


def main(obey: Callable[[Any, dict[str, Any]], Any] = obey) -> None:
    """Obey orders from stdin until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The parent decides.
    loads: dict[int, Any] = {}  # by the server's port
    with asyncio.Runner(loop_factory=loops.new_event_loop) as runner:
        for line in sys.stdin:
            order = json.loads(line)
            port = order["port"]
            try:
                if order["do"] == "open":
                    others = [load.clients for load in loads.values() if load]
                    allow(sum(map(len, others)) + order["connections"])
                load, run = runner.run(obey(loads.get(port), order))
                loads[port] = load
            except (OSError, WorkshopError) as error:
                run = Run(0, 0, f"no connection: {error}")
            print(json.dumps(asdict(run)), flush=True)


# The side of who measures


class Builtin:
    """Our own generator: one process or more."""

    program = "workshop.bench.load"
    port = 0

    def __init__(self, processes: int = 1, connections: int = 32) -> None:
        self.connections = connections
        self.runs: list[Run] = []
        self.processes: list[subprocess.Popen[str]] = []
        for _ in range(processes):
            self.add_process()

    @property
    def name(self) -> str:
        number = len(self.processes)
        return f"builtin, {number} process{'es' if number > 1 else ''}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                with contextlib.suppress(OSError):  # what was not sent yet
                    assert pipe
                    pipe.close()

    def add_process(self) -> None:
        """Start one more process."""
        root = Path(__file__).resolve().parents[2]
        process = subprocess.Popen(
            [sys.executable, "-m", self.program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            cwd=root,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )
        self.processes.append(process)

    def another(self) -> Self:
        """Return what asks one more server, from the same processes."""
        found = copy.copy(self)
        found.runs = []
        return found

    def order(self, **order: Any) -> Run:
        """Give all processes an order; return their runs as one."""
        for process in self.processes:
            tell(process, {"port": self.port, **order})
        runs = [Run(**told(process)) for process in self.processes]
        run = joined(runs)
        if run.wrong:
            raise WrongAnswer(run.wrong)
        return run

    def open(self, host: str, port: int, case: Case) -> Run:
        """Open connections and verify the first answer on each."""
        every = case.connections or self.connections
        each = max(1, every // len(self.processes))
        data = to_data(case)
        self.port = port
        return self.order(do="open", host=host, connections=each, case=data)

    def turn(self, seconds: float) -> None:
        """Ask for some seconds; WrongAnswer if one answer is not right."""
        self.runs.append(self.order(do="run", seconds=seconds))

    def sums(self) -> Run:
        """Return all turns as one run, and forget them."""
        runs, self.runs = self.runs, []
        answers = sum(run.answers for run in runs)
        seconds = sum(run.seconds for run in runs)
        return Run(answers, seconds, None, runs[-1].length)

    def run(self, seconds: float) -> Run:
        """Ask for some seconds; return what it brought."""
        self.turn(seconds)
        return self.sums()

    def close(self) -> Run:
        """Verify once more, then close the connections."""
        return self.order(do="close")


def tell(process: subprocess.Popen[str], order: dict[str, Any]) -> None:
    """Give one process an order."""
    assert process.stdin
    process.stdin.write(json.dumps(order) + "\n")
    process.stdin.flush()


def told(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Return what a process tells of its run."""
    assert process.stdout and process.stderr
    line = process.stdout.readline()
    if not line:
        last = process.stderr.read().strip().splitlines()[-1:]
        raise WorkshopError(
            f"The load generator has ended ({''.join(last)}): run it again,"
            " and if it ends again, report it.",
            ENVIRONMENT,
        )
    run: dict[str, Any] = json.loads(line)
    return run


def joined(runs: list[Run]) -> Run:
    """Return the runs of several processes as one."""
    return Run(
        sum(run.answers for run in runs),
        max(run.seconds for run in runs),
        next((run.wrong for run in runs if run.wrong), None),
        max(run.length for run in runs),
    )


if __name__ == "__main__":
    main()
