"""Ask a server for answers, as fast as it gives them.

Knows: connections, a closed loop, when an answer is right.
Does not know: the server's clock, which step it is.

The generator is a process of its own, so that it takes nothing from the
server. It obeys orders, one JSON line each: open connections and verify the
first answers, run for some seconds, verify and close. Each answer is checked:
its status, its length and its content; anything else goes the slow way and
is judged in full.
"""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from array import array
from dataclasses import asdict, dataclass, field
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
from workshop.errors import ENVIRONMENT, WorkshopError

try:
    import uvloop as loops
except ImportError:  # No uvloop on Windows: asyncio's own loop will do.
    loops = asyncio  # type: ignore[misc]

PATIENCE = 5.0  # Seconds without the last answers before we give up.


@dataclass(frozen=True)
class Run:
    """What one run brought; percentiles are in milliseconds."""

    answers: int
    seconds: float
    wrong: str | None = None  # What the first wrong answer was.
    percentiles: dict[str, float] = field(default_factory=dict)
    length: int = 0  # of an answer, in bytes


# The generator's side


class Client(asyncio.Protocol):
    """One connection: it sends a request whenever it was answered."""

    def __init__(self, load: "ClosedLoop") -> None:
        self.load = load
        self.buffer = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def ask(self) -> None:
        self.asked = time.perf_counter()
        self.transport.write(self.load.case.request)

    def data_received(self, data: bytes) -> None:
        load = self.load
        if self.buffer or not (
            len(data) == load.length
            and data.startswith(load.status)
            and data.endswith(load.case.content)
        ):
            self.buffer += data
            if not self.whole():
                return
        load.times.append(time.perf_counter() - self.asked)
        if load.running:
            self.ask()
        else:
            load.rest(self)

    def whole(self) -> bool:
        """Judge the buffer in full, once it holds a whole answer."""
        load = self.load
        try:
            if parse(self.buffer) is None:
                return False
        except ValueError:
            pass  # It will never be whole: let it be judged.
        try:
            length = judged(load.case, self.buffer).length
        except WrongAnswer as error:
            load.fail(error.reason)
        else:
            load.length = load.length or length
            if length != load.length:
                load.fail(f"its length is {length}, not {load.length}")
        self.buffer = b""
        return True

    def connection_lost(self, error: Exception | None) -> None:
        self.load.lost(self)


class ClosedLoop:
    """Connections that each wait for an answer before they ask again."""

    client: type[Client] = Client  # A stricter one may take its place.

    def __init__(self, case: Case) -> None:
        self.case = case
        self.status = b"HTTP/1.1 %d " % case.status
        self.length = 0  # 0: not known yet, judge in full.
        self.clients: set[Client] = set()
        self.asking: set[Client] = set()
        self.times = array("d")
        self.running = False
        self.wrong: str | None = None
        self.done: asyncio.Future[None] | None = None

    async def open(self, host: str, port: int, connections: int) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(connections):
            _, client = await loop.create_connection(
                lambda: self.client(self), host, port
            )
            self.clients.add(client)

    async def verify(self) -> Run:
        """Ask once on each connection, and judge the answers in full."""
        known, self.length = self.length, 0
        run = await self.run(0)
        if known and known != self.length:
            self.fail(f"its length is {self.length} now, it was {known}")
        return Run(run.answers, run.seconds, self.wrong, {}, self.length)

    async def run(self, seconds: float) -> Run:
        """Ask for some seconds; return once all is answered."""
        loop = asyncio.get_running_loop()
        self.times = array("d")
        self.done = loop.create_future()
        self.running = seconds > 0
        self.asking = set(self.clients)
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
        return Run(
            len(self.times),
            took,
            self.wrong,
            percentiles(self.times),
            self.length,
        )

    def stop(self) -> None:
        self.running = False

    def rest(self, client: Client) -> None:
        """A connection has its last answer."""
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


def percentiles(times: "array[float]") -> dict[str, float]:
    """Return those percentiles for which the samples suffice, in ms.

    >>> percentiles(array("d", [0.001] * 10))
    {'p50': 1.0}
    """
    ordered = sorted(times)
    wanted = {"p50": 2, "p90": 100, "p99": 1_000, "p99.9": 10_000}
    return {
        name: round(
            ordered[int(len(ordered) * float(name[1:]) / 100)] * 1000, 4
        )
        for name, samples in wanted.items()
        if len(ordered) >= samples
    }


async def obey(
    load: ClosedLoop | None,
    order: dict[str, Any],
    kind: type[ClosedLoop] = ClosedLoop,
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


def main(kind: type[ClosedLoop] = ClosedLoop) -> None:
    """Obey orders from stdin until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The parent decides.
    load = None
    with asyncio.Runner(loop_factory=loops.new_event_loop) as runner:
        for line in sys.stdin:
            try:
                load, run = runner.run(obey(load, json.loads(line), kind))
            except OSError as error:
                run = Run(0, 0, f"no connection: {error}")
            print(json.dumps(asdict(run)), flush=True)


# The side of who measures


class Builtin:
    """Our own generator: one process or more."""

    module = "workshop.bench.load"  # what each process runs

    def __init__(self, processes: int = 1, connections: int = 32) -> None:
        self.connections = connections
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
            [sys.executable, "-m", self.module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            cwd=root,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )
        self.processes.append(process)

    def order(self, **order: Any) -> Run:
        """Give all processes an order; return their runs as one."""
        for process in self.processes:
            assert process.stdin
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()
        run = joined([told(process) for process in self.processes])
        if run.wrong:
            raise WrongAnswer(run.wrong)
        return run

    def open(self, host: str, port: int, case: Case) -> Run:
        """Open connections and verify the first answer on each."""
        each = max(1, self.connections // len(self.processes))
        data = to_data(case)
        return self.order(
            do="open", host=host, port=port, connections=each, case=data
        )

    def run(self, seconds: float) -> Run:
        """Ask for some seconds; WrongAnswer if one answer is not right."""
        return self.order(do="run", seconds=seconds)

    def close(self) -> Run:
        """Verify once more, then close the connections."""
        return self.order(do="close")


def told(process: subprocess.Popen[str]) -> Run:
    """Return the run that a process tells of."""
    assert process.stdout and process.stderr
    line = process.stdout.readline()
    if not line:
        last = process.stderr.read().strip().splitlines()[-1:]
        raise WorkshopError(
            f"The load generator has ended ({''.join(last)}): run it again,"
            " and if it ends again, report it.",
            ENVIRONMENT,
        )
    return Run(**json.loads(line))


def joined(runs: list[Run]) -> Run:
    """Return the runs of several processes as one; the worst latency."""
    names = set.intersection(*(set(run.percentiles) for run in runs))
    return Run(
        sum(run.answers for run in runs),
        max(run.seconds for run in runs),
        next((run.wrong for run in runs if run.wrong), None),
        {
            name: max(run.percentiles[name] for run in runs)
            for name in sorted(names)
        },
        max(run.length for run in runs),
    )


if __name__ == "__main__":
    main()
