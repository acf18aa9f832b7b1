"""Let servers race that each do several kinds of work in one launch.

Knows: rounds of launches, kinds of work, one race for each of them.
Does not know: which servers they are, what their work is.

As in `measure.py` the unit is a launch, and all of a round answer in turn; but
they do one work after the other, so that slow starts are paid for once.
"""

import contextlib
import os
import statistics
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from workshop.bench.cases import Case
from workshop.bench.load import Builtin
from workshop.bench.measure import (
    AGAIN,
    BUSY,
    Blame,
    Generator,
    Plan,
    Race,
    Sample,
    Tell,
    Timed,
    of_round,
    orders,
    take_turns,
)
from workshop.bench.report import data_of
from workshop.bench.servers import Server
from workshop.bench.study import Study

Ready = tuple[Server, Sequence[Case]]  # a server, and what it may be asked
Found = dict[str, dict[str, dict[str, Any]]]  # figures, by work and name
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


def run(
    contest: Contest,
    load: Generator,
    plan: Plan,
    core: int | None,
    tell: Tell = lambda text, share: None,
) -> None:
    """Run all entrants, and the first one twice, in every round.

    Whoever interrupts us has what was measured so far. Who answers wrongly,
    or does not start, runs no more.
    """
    known = {entrant.name: entrant for entrant in contest.entrants}
    known[AGAIN] = contest.entrants[0]
    rounds = orders([*known], plan.rounds, plan.seed)
    for number, names in enumerate(rounds):
        telling = of_round(number, plan.rounds, tell)
        ordered = {name: known[name] for name in names}
        found = one_round(contest, ordered, load, plan, core, telling)
        for work, figures in found.items():
            contest.races[work].samples += [
                Sample(name, number, names.index(name), **figures[name])
                for name in figures
            ]


def one_round(
    contest: Contest,
    entrants: Mapping[str, Entrant],
    load: Generator,
    plan: Plan,
    core: int | None,
    tell: Tell,
) -> Found:
    """Launch all once, let them do each work; return the figures."""
    arms = {name: entrant.name for name, entrant in entrants.items()}
    blame, found = Blame(contest.wrong, arms), {}
    with contextlib.ExitStack() as stack:
        ready: dict[str, Ready] = {}
        for name in filter(blame.right, entrants):
            tell(f"launching {name}", 0)
            with blame(name):
                server = stack.enter_context(entrants[name].launch(core))
                ready[name] = server, entrants[name].check(server)
        for number, work in enumerate(contest.works):
            telling = of_work(number, contest.works, tell)
            found[work] = do(work, ready, load, plan, blame, telling)
        for name in filter(blame.right, ready):
            with blame(name):  # It is still right, after all that.
                entrants[name].check(ready[name][0])
    for name, (_, cases) in ready.items():
        if any("date" in case.fields for case in cases):
            contest.dated.add(arms[name])
    return {
        work: {name: figures[name] for name in filter(blame.right, figures)}
        for work, figures in found.items()
    }


def do(
    work: str,
    ready: Mapping[str, Ready],
    load: Generator,
    plan: Plan,
    blame: Blame,
    tell: Tell,
) -> dict[str, dict[str, Any]]:
    """Let all do one work; return their figures."""
    timed = {}
    for name in filter(blame.right, ready):
        server, cases = ready[name]
        (case,) = (case for case in cases if case.name == work)
        with blame(name):
            timed[name] = Timed(server, load, case, plan.warm_up)
    return take_turns(timed, plan, blame, tell)


def of_work(number: int, works: Sequence[str], tell: Tell) -> Tell:
    """Return how to tell what happens with one work of a round."""

    def telling(text: str, share: float) -> None:
        tell(f"{works[number]}, {text}", (number + share) / len(works))

    return telling


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
    first = {AGAIN: contest.entrants[0]}
    while isinstance(load, Builtin) and len(load.processes) < most:
        found = one_round(contest, first, load, plan, core, quietly)
        if contest.wrong:
            return  # It is noted, and runs no more.
        works = [works[AGAIN] for works in found.values()]
        if all(figures["switches"] <= BUSY for figures in works):
            return
        load.add_process()


def quietly(text: str, share: float) -> None:
    """Tell nobody."""
