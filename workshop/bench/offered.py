"""Offer servers a growing share of what they can do; judge each point.

Knows: capacity, shares of it, rounds, when a figure may be believed.
Does not know: how a load is offered, what is concluded.

In each round each server is launched afresh, and offered shares of what it
can do, in an order drawn by lot. A closed loop measures that again before
each of them, as the pace of a machine changes. A point is one server at one
share: its figures are medians over the rounds.
"""

import base64
import contextlib
import statistics
import sys
import zlib
from array import array
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from workshop.bench.arms import Arm
from workshop.bench.arrivals import Trace
from workshop.bench.measure import BUSY, orders, reason
from workshop.bench.open_loop import OpenBuiltin
from workshop.bench.servers import Server, server
from workshop.bench.study import Study
from workshop.errors import WorkshopError

PERCENTILES = ("p50", "p90", "p99")
ENOUGH = 1_200  # requests, so that a p99 can be told,
LONG = 3.0  # unless that takes more seconds than these
OWN = 0.2  # The generator's own lateness may be this share of a figure,
STOPPED = 0.01  # nor may it have been stopped for more than this share.
REACHED = 0.98  # Fewer answers than that in time: the queue grew.
FULL = 0.95  # From this share on it may grow: capacity is measured, too.


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    rounds: int
    seconds: float  # for each share
    loads: tuple[float, ...]  # shares of capacity
    capacity_seconds: float = 0.3  # of a closed loop, before each share
    warm_up: float = 0.15
    connections: int = 32
    seed: int = 2026


@dataclass(frozen=True)
class Sample:
    """One launch of a server, asked for one share of its capacity."""

    arm: str
    round: int
    position: int
    load: float
    capacity: float  # answers a second, of a closed loop
    rate: float  # offered, requests a second
    seconds: float
    answers: int
    reached: float
    switches: float  # of the server, voluntary, per request
    stopped: float  # share of the time in which the generator did not run
    in_system: float  # requests waiting or served, on average
    response: dict[str, float]  # milliseconds, from the intended moment
    closed: dict[str, float]  # from the sending
    late: dict[str, float]  # of the generator alone
    raw: dict[str, str]  # response and closed, see `packed`


# Measuring


def measure(study: Study, arms: Sequence[Arm], plan: Plan) -> None:
    """Offer all servers all loads, in all rounds; keep the points."""
    study.plan = {**asdict(plan), "load": "builtin, open loop"}
    study.plan["request"] = arms[0].case.request.decode("latin-1")
    samples: list[Sample] = []
    wrong: dict[str, str] = {}
    introduce(study, plan)
    try:
        with OpenBuiltin(plan.connections) as load:
            run(study, arms, plan, load, samples, wrong)
    finally:  # Whoever interrupts us has what was measured so far.
        for point in points([a.name for a in arms], plan, samples, wrong):
            study.add(**point)


def introduce(study: Study, plan: Plan) -> None:
    """Say how much is offered, and that nothing else can offer it."""
    if study.options.load == "wrk":
        study.say("wrk is a closed loop: our own generator is used here.")
    study.say(
        f"Load: builtin, open loop, {plan.connections} connections;"
        f" {plan.rounds} rounds of {len(plan.loads)} loads,"
        f" {plan.seconds:g} s each, after a closed loop of"
        f" {plan.capacity_seconds:g} s."
    )


def run(
    study: Study,
    arms: Sequence[Arm],
    plan: Plan,
    load: OpenBuiltin,
    samples: list[Sample],
    wrong: dict[str, str],
) -> None:
    """Launch all servers in each round; who answers wrongly runs no more."""
    known = {arm.name: arm for arm in arms}
    every = plan.rounds * len(arms) * len(plan.loads)
    launches = orders([*known], plan.rounds, plan.seed)
    for number, names in enumerate(launches):
        for name in [name for name in names if name not in wrong]:
            said = f"round {number + 1} of {plan.rounds}: {name}"
            study.tell(said, len(samples) / every)
            found = launch(known[name], load, plan, number, study.core)
            try:
                with contextlib.closing(found):  # It ends the server.
                    for sample in found:
                        samples.append(sample)
                        done = f"{said}, {sample.load:.0%} of capacity"
                        study.tell(done, len(samples) / every)
            except WorkshopError as error:
                wrong[name] = reason(error)


def launch(
    arm: Arm, load: OpenBuiltin, plan: Plan, number: int, core: int | None
) -> Generator[Sample, None, None]:
    """Launch a server once; yield a sample for each load."""
    loads = orders(plan.loads, plan.rounds, plan.seed + 1)[number]
    with server(arm, core) as running:
        load.open(running.host, running.port, arm.case)
        load.run(plan.warm_up)
        for position, share in enumerate(loads):
            run = load.run(plan.capacity_seconds)
            capacity = run.answers / run.seconds
            figures = offered(running, load, plan, share * capacity)
            yield Sample(
                arm.name, number, position, share, capacity, **figures
            )
        load.close()


def offered(
    running: Server, load: OpenBuiltin, plan: Plan, rate: float
) -> dict[str, Any]:
    """Offer one load; return the figures of one sample."""
    seconds = max(plan.seconds, min(ENOUGH / rate, LONG))
    before = running.usage()
    trace = load.offer(rate, seconds, plan.seed)
    switches = running.usage().switches - before.switches
    return {
        "rate": rate,
        "seconds": seconds,
        "switches": switches / len(trace.ended),
        **figures_of(trace, seconds),
    }


def figures_of(trace: Trace, seconds: float) -> dict[str, Any]:
    """Return what the moments of a load say."""
    whole = max(trace.ended) - min(trace.intended)
    return {
        "answers": len(trace.ended),
        "reached": trace.reached(seconds),
        "stopped": sum(trace.stopped) / whole,
        "in_system": trace.in_system(),
        "response": percentiles(trace.response),
        "closed": percentiles(trace.closed),
        "late": percentiles(trace.late),
        "raw": {
            "response": packed(trace.response),
            "closed": packed(trace.closed),
        },
    }


def percentiles(times: Sequence[float]) -> dict[str, float]:
    """Return those percentiles for which the samples suffice, in ms.

    >>> percentiles([0.001] * 10)
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


def packed(times: "array[float]") -> str:
    """Return times as a short text: microseconds, three digits, sorted.

    Sorted times differ by little: the differences, as unsigned 32 bits (low
    byte first), shrink to a hundredth in zlib; base64 makes them text.

    >>> unpacked(packed(array("d", [0.01234567, 0.0001234])))
    [123, 12300]
    """
    kept = sorted(three_digits(round(time * 1e6)) for time in times)
    steps = [b - a for a, b in zip([0, *kept], kept, strict=False)]
    data = array("I", steps)
    if sys.byteorder == "big":
        data.byteswap()
    return base64.b64encode(zlib.compress(data.tobytes(), 9)).decode()


def three_digits(number: int) -> int:
    """Return a number as exact as its first three digits.

    >>> three_digits(123456), three_digits(77)
    (123000, 77)
    """
    return round(number, min(0, 3 - len(str(number))))


def unpacked(text: str) -> list[int]:
    """Return the microseconds that `packed` made into text."""
    data = array("I", zlib.decompress(base64.b64decode(text)))
    if sys.byteorder == "big":
        data.byteswap()
    whole, last = [], 0
    for step in data:
        last += step
        whole.append(last)
    return whole


# Judging


def points(
    names: Sequence[str],
    plan: Plan,
    samples: Sequence[Sample],
    wrong: dict[str, str],
) -> Iterator[dict[str, Any]]:
    """Yield what is known of each server at each load."""
    for name in names:
        mine = [sample for sample in samples if sample.arm == name]
        if name in wrong and not mine:
            yield {**point([]), "name": name, "wrong": wrong[name]}
        for load in plan.loads:
            same = [sample for sample in mine if sample.load == load]
            if same:
                said = wrong.get(name) or spoiled(load, same)
                yield {
                    **point(same),
                    "name": f"{name}, {load:.0%}",
                    "server": name,
                    "load": load,
                    "wrong": said,
                }


def by_server(
    points: Sequence[dict[str, Any]],
) -> dict[str, list[dict[str, Any]]]:
    """Return the points of each server, by its name."""
    servers: dict[str, list[dict[str, Any]]] = {}
    for known in points:
        if known["server"]:
            servers.setdefault(known["server"], []).append(known)
    return servers


def point(samples: Sequence[Sample]) -> dict[str, Any]:
    """Return the figures of a point: medians over its samples."""
    reached = [sample.reached for sample in samples]
    return {
        "server": None,
        "load": None,
        "offered": middle([sample.rate for sample in samples]),
        "capacity": middle([sample.capacity for sample in samples]),
        "reached": middle(reached),
        "grew": bool(reached) and statistics.median(reached) < REACHED,
        **{
            kind: {name: of(samples, kind, name) for name in PERCENTILES}
            for kind in ("response", "closed", "late")
        },
        "samples": [asdict(sample) for sample in samples],
    }


def of(
    samples: Sequence[Sample], kind: str, name: str
) -> dict[str, float] | None:
    """Return a percentile over the samples; None if one has too few."""
    found = [getattr(sample, kind).get(name) for sample in samples]
    return None if None in found else middle(found)


def middle(values: Sequence[float]) -> dict[str, float] | None:
    """Return the median, the least and the greatest; None of none."""
    if not values:
        return None
    return {
        "median": statistics.median(values),
        "low": min(values),
        "high": max(values),
    }


def spoiled(load: float, samples: Sequence[Sample]) -> str | None:
    """Return why a point says nothing about the server, or None.

    Above capacity a queue must grow: that is what there is to see. But the
    generator may not be the cause, nor may it grow below capacity.
    """
    for name in PERCENTILES:
        late, figure = of(samples, "late", name), of(samples, "response", name)
        if late and figure and late["median"] > OWN * figure["median"]:
            return (
                f"the generator itself sent late ({name}:"
                f" {late['median']:.2f} of {figure['median']:.2f} ms)"
            )
    stopped = statistics.median(sample.stopped for sample in samples)
    if stopped > STOPPED:
        return f"the generator was stopped for {stopped:.1%} of the time"
    reached = statistics.median(sample.reached for sample in samples)
    switches = statistics.median(sample.switches for sample in samples)
    if reached >= REACHED:
        return None
    if load < FULL:
        return (
            f"the offered load was not reached ({reached:.0%}), though it is"
            " below capacity: something disturbed the machine"
        )
    if switches > BUSY:
        return (
            f"the offered load was not reached ({reached:.0%}), and the"
            " server was idle meanwhile: the generator was too slow"
        )
    return None
