"""Let servers whose handlers wait meet one connection, or a thousand.

Knows: the arms, how much is measured, what each arm is bound by.
Does not know: what is concluded.

A handler that waits `WAIT` seconds answers 1 / `WAIT` times a second at most
for each request that may wait at the same time. How many may is all that the
arms differ in: see `together`.
"""

import os
import statistics
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from workshop.bench import descriptors, programs, waiters
from workshop.bench.arms import Arm
from workshop.bench.cases import Case
from workshop.bench.measure import orders, reason
from workshop.bench.study import Study
from workshop.errors import WorkshopError
from workshop.steps import all_steps

WAIT, WORK = 0.02, 0.05  # seconds that a handler waits, or computes
THREADS = 32  # of the pool
ASYNC, EACH, POOL, BUG = "asyncio", "thread each", "pool of 32", "blocking"
REACHED = 0.8  # of what wait and work allow: then they are the limit
SATURATED = 0.95  # of a core that we used: then it was us
MOSTLY = 0.8  # of a core that the server used: then it was the server

HEAD = " HTTP/1.1\r\nHost: localhost\r\n\r\n"


@dataclass(frozen=True)
class Much:
    """How much is measured."""

    connections: tuple[int, ...]
    rounds: int
    seconds: float
    warm_up: float
    tiny: int  # requests behind a dear one, in each launch
    tiny_arms: tuple[str, ...]
    seed: int = 2026


def case(path: str, content: str) -> Case:
    """Return a request and the text that it must be answered."""
    return Case(path, f"GET /{path}{HEAD}".encode(), 200, {}, content.encode())


AWAITS, BLOCKS = case("wait", "waited"), case("block", "waited")
DEAR, TINY = case("compute", "computed"), case("tiny", "tiny")


def arms() -> dict[str, Arm]:
    """Return the arms, by name: handlers on a loop, or on threads."""
    found = {
        ASYNC: ("waiting", AWAITS, {}),
        EACH: ("threads", BLOCKS, {"THREADS": "0"}),
        POOL: ("threads", BLOCKS, {"THREADS": str(THREADS)}),
        BUG: ("waiting", BLOCKS, {}),
    }
    folder = all_steps()[-1].folder
    path = os.pathsep.join([str(folder), str(programs.FOLDER)])
    said = {"WAIT": str(WAIT), "WORK": str(WORK), "PYTHONPATH": path}
    return {
        name: Arm(
            name,
            folder,
            asked,
            programs.FOLDER / f"{program}.py",
            {**said, **env},
        )
        for name, (program, asked, env) in found.items()
    }


def together(arm: str, connections: int) -> int:
    """Return how many requests may wait at the same time.

    >>> together(ASYNC, 1000), together(POOL, 1000), together(BUG, 1000)
    (1000, 32, 1)
    """
    most = {POOL: THREADS, BUG: 1}
    return min(connections, most.get(arm, connections))


def bound(arm: str, connections: int) -> float:
    """Return how many answers a second the waiting allows.

    >>> bound(POOL, 10), bound(POOL, 100), bound(BUG, 100)
    (500.0, 1600.0, 50.0)
    """
    return together(arm, connections) / WAIT


def limit(arm: str, connections: int, seen: Mapping[str, Any]) -> str:
    """Return what limited an arm: wait, server, generator, or unclear.

    Requests that wait together come back together, and then wait for each
    other's CPU time: that belongs to the wait, as long as it is shorter.
    """
    most, at_once = bound(arm, connections), together(arm, connections)
    work = at_once * seen["cpu_us"] / 1e6
    if seen["rate"] > most / REACHED:
        return "unclear"  # It cannot be: we were held up.
    if seen["server_share"] >= MOSTLY and work > WAIT:
        return "server"
    if seen["rate"] >= REACHED * at_once / (WAIT + work):
        return "wait" if work <= WAIT else "server"
    return "generator" if seen["our_share"] >= SATURATED else "unclear"


def limited(point: dict[str, Any]) -> str | None:
    """Return what limited a point, by the medians of its launches."""
    if not (point["connections"] and point["samples"]):
        return None
    names = ("rate", "cpu_us", "our_share", "server_share")
    seen = {name: middle(point, name) for name in names}
    return limit(point["arm"], point["connections"], seen)


def response_ms(point: dict[str, Any]) -> float | None:
    """Return how long an answer took.

    In a crowd that is connections / rate (Little's law): what was answered
    within a window are the lucky ones. A tiny request: the median.
    """
    rate = middle(point, "rate")
    if point["connections"]:
        return point["connections"] / rate * 1000 if rate else None
    return middle(point, "p50_ms")


@dataclass
class Crowd:
    """One run: all points, as far as they are known."""

    study: Study
    much: Much

    def __post_init__(self) -> None:
        self.arms = arms()
        self.launches: dict[str, Callable[[], dict[str, Any]]] = {}
        self.study.plan = {
            **asdict(self.much),
            "wait": WAIT,
            "work": WORK,
            "threads": THREADS,
            "quick": self.study.quick,
        }

    def measure(self) -> None:
        """Measure all points, interleaved; each launch is a sample."""
        much = self.much
        descriptors.allow(max(much.connections, default=0))
        self.prepare()
        points = {point["name"]: point for point in self.study.points}
        done, drawn = 0, orders([*points], much.rounds, much.seed)
        for number, names in enumerate(drawn):
            for position, name in enumerate(names):
                text = f"round {number + 1} of {much.rounds}: {name}"
                self.study.tell(text, done / len(points) / much.rounds)
                self.sample(points[name], number, position)
                done += 1

    def prepare(self) -> None:
        """Add all points, still empty, and note how each is measured."""
        for number in self.much.connections:
            for name in self.arms:
                full = f"{name}, {number:,}"
                self.launches[full] = partial(self.crowded, name, number)
                self.add(full, name, number)
        for name in self.much.tiny_arms:
            for kind, dear in (("alone", None), ("behind", DEAR)):
                full = f"{name}, tiny {kind}"
                self.launches[full] = partial(self.tiny, name, dear)
                self.add(full, name, None)

    def add(self, full: str, arm: str, connections: int | None) -> None:
        self.study.add(name=full, arm=arm, connections=connections, samples=[])

    def sample(self, point: dict[str, Any], number: int, place: int) -> None:
        """Launch a server once; one that was wrong runs no more."""
        if point["wrong"]:
            return
        try:
            found = self.launches[point["name"]]()
        except WorkshopError as error:
            point["wrong"] = reason(error)
            return
        point["samples"].append({"round": number, "position": place, **found})
        if found.get("limit") == "generator":
            point["wrong"] = "the generator was too slow for it"

    def crowded(self, name: str, connections: int) -> dict[str, Any]:
        """Return what an arm answers a number of connections."""
        arm, much = self.arms[name], self.much
        with waiters.serving(arm, self.study.core) as server:
            seen = waiters.run(
                waiters.watch(
                    server, arm.case, connections, much.warm_up, much.seconds
                )
            )
        found = asdict(seen)
        return {**found, "limit": limit(name, connections, found)}

    def tiny(self, name: str, dear: Case | None) -> dict[str, Any]:
        """Return how long a tiny request takes, alone or behind another."""
        with waiters.serving(self.arms[name], self.study.core) as server:
            took = waiters.run(
                waiters.behind(server, dear, TINY, self.much.tiny)
            )
        return {"p50_ms": statistics.median(took), "took_ms": took}


def middle(point: dict[str, Any], what: str) -> float | None:
    """Return the median of a figure over the launches of a point."""
    values = [s[what] for s in point["samples"] if s.get(what) is not None]
    return statistics.median(values) if values else None
