"""Let servers race that each do several kinds of work in one launch.

Knows: rounds of launches, kinds of work, one race for each of them.
Does not know: which servers they are, what their work is.

As in `measure.py` the unit is a launch; but here a launch does one work after
the other, so that slow starts are paid for once.
"""

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from workshop.bench.cases import Case
from workshop.bench.load import Builtin
from workshop.bench.measure import (
    AGAIN,
    BUSY,
    Generator,
    Plan,
    Race,
    Sample,
    orders,
    reason,
    timed,
)
from workshop.bench.report import data_of
from workshop.bench.servers import Server
from workshop.bench.study import Study
from workshop.errors import WorkshopError

FULL = 0.9  # A server that uses so much of its core is busy all the same.


class Entrant(Protocol):
    """One of the servers; `check` returns what may be asked once it is right.

    It raises WrongAnswer if an answer is not the declared one.
    """

    @property
    def name(self) -> str: ...

    def launch(self, core: int | None) -> AbstractContextManager[Server]: ...

    def check(self, server: Server) -> Sequence[Case]: ...


@dataclass
class Contest:
    """One race for each kind of work, between the same entrants."""

    entrants: Sequence[Entrant]  # the first is A
    works: Sequence[str]
    races: dict[str, Race] = field(init=False)
    wrong: dict[str, str] = field(default_factory=dict)
    dated: set[str] = field(default_factory=set)  # who sends a Date

    def __post_init__(self) -> None:
        names = [entrant.name for entrant in self.entrants]
        self.races = {work: Race(names) for work in self.works}

    def busy(self, name: str, work: str) -> bool:
        """Return whether it had always something to do.

        Threads go to sleep whenever they hand a request on: there the share
        of the core tells.
        """
        race = self.races[work]
        shares = [
            sample.cpu_us * sample.answers / sample.seconds / 1e6
            for sample in race.of(name)
        ]
        return race.busy(name) or statistics.median(shares) >= FULL

    def verdict(self, name: str, work: str) -> str:
        """Say in one word how it compares with the first entrant."""
        first = self.entrants[0].name
        if name == first:
            return "first"
        found = self.races[work].compare(first, name)
        busy = self.busy(name, work) and self.busy(first, work)
        return found.verdict if found and busy else "unclear"

    def data(self, name: str, work: str) -> dict[str, Any]:
        """Return all that is known of an entrant's work, for JSON."""
        race, first = self.races[work], self.entrants[0].name
        against = None if name == first else race.compare(first, name)
        return {
            "cpu_us": data_of(race.interval(name, "cpu_us")),
            "ratio": data_of(against.ratio) if against else None,
            "verdict": self.verdict(name, work),
            "busy": self.busy(name, work),
            "samples": race.data(name),
        }

    def point(self, name: str, **more: Any) -> dict[str, Any]:
        """Return all that is known of an entrant."""
        return {
            "name": name,
            "wrong": self.wrong.get(name),
            "sends_date": name in self.dated,
            **more,
            **{work: self.data(name, work) for work in self.works},
        }

    def noise(self) -> dict[str, Any]:
        """Return how far the second copy of the first was from it."""
        return {
            work: {"limit": race.noise, "samples": race.data(AGAIN)}
            for work, race in self.races.items()
        }


def launch(
    contest: Contest,
    entrant: Entrant,
    load: Generator,
    plan: Plan,
    core: int | None,
) -> dict[str, dict[str, Any]]:
    """Launch an entrant once; return the figures of each work."""
    figures = {}
    with entrant.launch(core) as server:
        for case in entrant.check(server):
            load.open(server.host, server.port, case)
            load.run(plan.warm_up)
            figures[case.name] = timed(server, load, plan.seconds)
            load.close()
            if "date" in case.fields:
                contest.dated.add(entrant.name)
        entrant.check(server)  # It is still right, after all that.
    return figures


def run(
    contest: Contest,
    load: Generator,
    plan: Plan,
    core: int | None,
    tell: Callable[[str, float], None] = lambda text, share: None,
) -> None:
    """Run all entrants, and the first one twice, in every round.

    Whoever interrupts us has what was measured so far. Who answers wrongly,
    or does not start, runs no more.
    """
    known: Mapping[str, Entrant] = {
        **{entrant.name: entrant for entrant in contest.entrants},
        AGAIN: contest.entrants[0],
    }
    rounds = orders([*known], plan.rounds, plan.seed)
    for number, names in enumerate(rounds):
        for position, name in enumerate(names):
            done = (number * len(names) + position) / plan.rounds / len(names)
            tell(f"round {number + 1} of {plan.rounds}: {name}", done)
            if known[name].name in contest.wrong:
                continue
            try:
                found = launch(contest, known[name], load, plan, core)
            except WorkshopError as error:
                contest.wrong[known[name].name] = reason(error)
            else:
                for work, figures in found.items():
                    sample = Sample(name, number, position, **figures)
                    contest.races[work].samples.append(sample)


def hold(study: Study, contest: Contest, load: Generator, plan: Plan) -> None:
    """Race, tell how far it is, and keep in the plan how noisy it was."""
    most = (os.cpu_count() or 1) - 1
    try:
        study.tell(f"warming up: {contest.entrants[0].name}", 0)
        enough(contest, load, plan, study.core, most)
        study.began = time.monotonic()
        run(contest, load, plan, study.core, study.tell)
    finally:
        study.plan |= {"load": load.name, "noise": contest.noise()}


def enough(
    contest: Contest,
    load: Generator,
    plan: Plan,
    core: int | None,
    most: int,
) -> None:
    """Add processes to our generator until it keeps the first one busy."""
    while isinstance(load, Builtin) and len(load.processes) < most:
        try:
            found = launch(contest, contest.entrants[0], load, plan, core)
        except WorkshopError:
            return  # The race will tell what is wrong.
        if all(work["switches"] <= BUSY for work in found.values()):
            return
        load.add_process()
