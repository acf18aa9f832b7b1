"""Measure what is called, without a server: exact counts, and CPU time.

Knows: a handler, an ASGI application, two protocols on a fake transport.
Does not know: sockets; what is concluded.

All calls are timed in one process, in an order drawn by lot, and each is
checked before. What it costs to step a coroutine is taken off the two that
are stepped by hand: an empty one is timed, too.
"""

import gc
import importlib
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workshop.bench import counts, programs
from workshop.bench.cases import Case, judged
from workshop.bench.counts import APART, WARM, Bench, Counts, alone, new_meter
from workshop.errors import FAIL, WorkshopError
from workshop.mistakes import explained

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
FIELDS = {"content-type": "text/plain", "content-length": "13"}
CASE = Case("hello", REQUEST, 200, FIELDS, b"Hello, world!")
NAMES = ("handler", "callable", "smallest, native", "smallest, through ASGI")
EMPTY = "empty"
STEPS = 2_000  # calls between two readings of the clock


@dataclass(frozen=True)
class Cost:
    """What one call costs."""

    counts: Counts | None
    cpu_us: float


class Stepped:
    """A coroutine that never waits, made and stepped again and again."""

    def __init__(self, make: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self.make = make

    def once(self) -> None:
        try:
            self.make().send(None)
        except StopIteration:
            return
        raise AssertionError("It waits, and nobody would wake it.")

    def counted(self) -> list[Counts]:
        """Return the counts of some warm calls."""
        for _ in range(WARM):
            self.once()
        return [self.count() for _ in range(counts.COUNTED)]

    def count(self) -> Counts:
        meter: Any = new_meter()
        with meter:
            self.once()
        return Counts(meter.bytecodes, meter.python_calls, meter.c_calls, 0, 0)


class Fed:
    """A protocol that is given a request again and again."""

    def __init__(self, protocol: Callable[[], Any]) -> None:
        self.bench = Bench(protocol)

    def once(self) -> None:
        self.bench.transport.written.clear()
        self.bench.feed([CASE.request])

    def counted(self) -> list[Counts]:
        found, answers = self.bench.warm_counts([CASE.request])
        for answer in answers:
            judged(CASE, answer)
        return found


def handler_call() -> Stepped:
    """Call a handler of pico, and look whether it answers."""
    hello = importlib.import_module("pico_hello").hello
    pico = importlib.import_module("pico")
    response = pico.Response(pico.Pico())
    call = Stepped(lambda: hello(None, response))
    call.once()
    expect(response.body, CASE.content)
    return call


def asgi_call() -> Stepped:
    """Call the ASGI application, and look whether it answers."""
    hello = importlib.import_module("asgi_hello").application
    events: list[dict[str, Any]] = []

    async def keep(event: dict[str, Any]) -> None:
        events.append(event)

    async def send(event: dict[str, Any]) -> None:
        pass

    Stepped(lambda: hello({"type": "http"}, None, keep)).once()
    start, body = events
    fields = {n.decode(): value.decode() for n, value in start["headers"]}
    found = start["status"], fields, body["body"]
    expect(found, (CASE.status, CASE.fields, CASE.content))
    return Stepped(lambda: hello({"type": "http"}, None, send))


def expect(found: object, wanted: object) -> None:
    if found != wanted:
        raise WorkshopError(f"A call gave {found!r}, not {wanted!r}.", FAIL)


async def nothing() -> None:
    """What it costs to step a coroutine."""


def calls() -> dict[str, Stepped | Fed]:
    """Return all that is called, by its name."""
    smallest = importlib.import_module("smallest")
    made = (
        handler_call(),
        asgi_call(),
        Fed(smallest.Native),
        Fed(smallest.ThroughASGI),
    )
    return dict(zip(NAMES, made, strict=True))


def timed(call: Stepped | Fed, seconds: float) -> float:
    """Return the CPU time of one call, in microseconds."""
    number, start = 0, time.process_time()
    while time.process_time() < start + seconds:
        for _ in range(STEPS):
            call.once()
        number += STEPS
    return (time.process_time() - start) / number * 1e6


def costs(seconds: float, seed: int) -> dict[str, Cost]:
    """Return what each call costs, in this process."""
    APART.add(__file__)
    known = calls()
    found = {name: known[name].counted() for name in NAMES}
    known[EMPTY] = Stepped(nothing)
    order = random.Random(seed).sample([*known], len(known))
    gc.freeze()
    took = {name: timed(known[name], seconds) for name in order}
    for name in NAMES[:2]:
        took[name] = max(0.0, took[name] - took[EMPTY])
    return {name: Cost(exact(found[name]), took[name]) for name in NAMES}


def exact(found: list[Counts]) -> Counts | None:
    """Return the counts if all are the same, or else None."""
    return found[0] if len(set(found)) == 1 else None


def main() -> None:
    """Measure in this process, for `measure` in another one."""
    order = json.load(sys.stdin)
    sys.path[:0] = [order["folder"], str(programs.FOLDER)]
    found = costs(order["seconds"], order["seed"])
    print(json.dumps({name: asdict(cost) for name, cost in found.items()}))


def measure(folder: Path, seconds: float, seed: int) -> dict[str, Cost]:
    """Return what each call costs, in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-m", "workshop.bench.calls"],
        input=json.dumps(
            {"folder": str(folder), "seconds": seconds, "seed": seed}
        ),
        capture_output=True,
        check=False,
        encoding="utf-8",
        cwd=Path(__file__).resolve().parents[2],
        env={**alone(), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    if done.returncode:
        raise explained(done.stderr, programs.FOLDER / "smallest.py", folder)
    return {
        name: Cost(
            Counts(**cost["counts"]) if cost["counts"] else None,
            cost["cpu_us"],
        )
        for name, cost in json.loads(done.stdout.splitlines()[-1]).items()
    }


if __name__ == "__main__":
    main()
