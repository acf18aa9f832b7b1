"""Decide what one comparison says: the rule, and how much it measures.

Knows: when there is an alarm, when a verdict is given.
Does not know: what A and B are. `compare` uses it, `honesty` tries it out.

An alarm is a test at the level of 1%: if A and B are the same, at most one
comparison in a hundred raises one. A verdict asks for more: the difference
must also be larger than that between A and a second copy of A.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from workshop.bench import measure
from workshop.bench.arms import Arm
from workshop.bench.measure import AGAIN, Generator, Plan, Race
from workshop.bench.ratios import Interval, compare, noise_of

LEVEL = 0.01
# With fewer than 8 rounds no p-value is below the level: 2 / 2**8 = 0.0078.
# A and B are nearly alike: what short turns add, they add to both.
QUICK = Plan(rounds=8, seconds=0.2, warm_up=0.05, turn=0.025)
FULL = Plan(rounds=16, seconds=0.5, turn=0.025)


@dataclass(frozen=True)
class Trial:
    """What one comparison says."""

    ratio: Interval  # B / A: above 1 B is slower
    noise: float  # how far A' / A may lie from 1
    smallest: float  # difference that could have been seen
    p: float
    verdict: str  # faster, slower, same or unclear

    @property
    def alarm(self) -> bool:
        """Say whether the test speaks of a difference, noise or not."""
        return self.p <= LEVEL

    def data(self) -> dict[str, Any]:
        """Return all of it, as data for JSON."""
        return {**asdict(self), "alarm": self.alarm}


def judged(
    a: Sequence[float],
    again: Sequence[float],
    b: Sequence[float],
    busy: bool = True,
) -> Trial:
    """Judge what B cost, given A and a second copy of A in the same rounds.

    A server that was not busy is no server whose CPU time can be compared.
    """
    noise = noise_of([y / x for x, y in zip(a, again, strict=True)])
    found = compare(a, b, noise, 1 - LEVEL)
    word = found.verdict if busy else "unclear"
    if found.p > LEVEL and word in ("faster", "slower"):
        word = "unclear"  # Too few rounds: nothing could pass the test.
    return Trial(found.ratio, noise, found.smallest, found.p, word)


def trial(race: Race, a: str, again: str, b: str) -> Trial | None:
    """Judge three arms of a race, in the rounds that all of them have."""
    costs = [{s.round: s.cpu_us for s in race.of(n)} for n in (a, again, b)]
    rounds = sorted(set.intersection(*(set(cost) for cost in costs)))
    if not rounds:
        return None
    columns = [[cost[number] for number in rounds] for cost in costs]
    busy = race.busy(a) and race.busy(b)
    return judged(columns[0], columns[1], columns[2], busy)


@contextlib.contextmanager
def load_for(
    arm: Arm, load: str, plan: Plan, core: int | None
) -> Iterator[Generator]:
    """Yield a generator that keeps a server busy.

    It is our own unless another one is asked for: launches are so short that
    wrk, which is started anew each time, would hardly have begun.
    """
    load = "builtin" if load == "auto" else load
    with measure.generator(load, plan.connections) as found:
        most = (os.cpu_count() or 1) - 1
        measure.enough(arm, found, plan, core, most)
        yield found


def of_two(race: Race) -> Trial | None:
    """Judge a race of A and B, and of A once more."""
    a, b = race.arms
    return trial(race, a, AGAIN, b)
