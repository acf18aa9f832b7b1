"""Let servers race that run the same hello, and time what they call.

Knows: pico by itself and through ASGI, the ASGI servers, their parsers.
Does not know: what is concluded.

All are points of one study: the calls first, in a fresh process for each
round, then the servers, interleaved as all arms are.
"""

import importlib.util
import os
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from workshop.bench import calls, measure, programs
from workshop.bench.arms import Arm
from workshop.bench.calls import CASE, Cost
from workshop.bench.counts import Counts, Inexact, count
from workshop.bench.measure import AGAIN, BUSY, Plan, Race, Sample, reason
from workshop.bench.ratios import interval
from workshop.bench.study import Study
from workshop.errors import WorkshopError
from workshop.steps import all_steps

NATIVE, THROUGH = "pico, native", "pico, through ASGI"
ASGI = {"THROUGH": "asgi"}
# Name of the arm: (`SERVER`, package, what parses HTTP in it)
SERVERS = {
    "uvicorn": ("uvicorn", "uvicorn", "httptools"),
    "hypercorn, asyncio": ("hypercorn", "hypercorn", "h11"),
    "hypercorn, trio": ("hypercorn_trio", "trio", "h11"),
    "granian": ("granian", "granian", "hyper"),
    "daphne": ("daphne", "daphne", "Twisted"),
}
PARSERS = {NATIVE: "httptools", THROUGH: "httptools"}
PARSERS |= {name: parser for name, (_, _, parser) in SERVERS.items()}
PARSERS |= dict.fromkeys(calls.NAMES[2:], "httptools")
QUICK_ONES = ("uvicorn",)
MOSTLY = 0.9  # of a core: a server that used it was not waiting for us
CALLED = 0.05  # seconds that each call is timed in each round


def arms(quick: bool) -> list[Arm]:
    """Return pico native, pico through ASGI, and the servers there are."""
    folder = all_steps()[-1].folder
    path = os.pathsep.join([str(folder), str(programs.FOLDER)])
    found = [(NATIVE, "pico_hello", {}), (THROUGH, "pico_hello", ASGI)]
    for name, (server, _, _) in SERVERS.items():
        chosen = name in QUICK_ONES or not quick
        if chosen and name not in missing():
            found.append((name, "asgi_server", {"SERVER": server}))
    return [
        Arm(
            name,
            folder,
            CASE,
            programs.FOLDER / f"{program}.py",
            {"PYTHONPATH": path, **env},
        )
        for name, program, env in found
    ]


@dataclass
class Boundary:
    """One run: what is called, and who serves."""

    study: Study
    plan: Plan
    arms: Sequence[Arm]

    def __post_init__(self) -> None:
        self.race = Race([arm.name for arm in self.arms])
        self.counts: dict[str, Counts | None] = {}
        self.costs: dict[str, list[Cost]] = {}

    def measure(self) -> None:
        """Measure all; whoever interrupts has the points so far."""
        options = self.study.options
        try:
            self.call()
            self.count()
            load = measure.generator(options.load, self.plan.connections)
            with load:
                self.note(load.name)
                core = self.study.core
                tell = self.study.tell
                measure.run(self.race, self.arms, load, self.plan, core, tell)
        finally:
            for point in [*self.called(), *self.served()]:
                self.study.add(**point)

    def note(self, load: str) -> None:
        """Say how much is measured."""
        request = CASE.request.decode("latin-1")
        self.study.plan = {
            **asdict(self.plan),
            "load": load,
            "request": request,
            "called_seconds": CALLED,
            "quick": self.study.quick,
        }

    def call(self) -> None:
        """Measure what is called, in a fresh process for each round."""
        self.study.tell("what is called, without a server", 0)
        for number in range(self.plan.rounds):
            try:
                found = calls.measure(
                    self.arms[0].folder, CALLED, self.plan.seed + number
                )
            except WorkshopError as error:
                for name in calls.NAMES:
                    self.race.wrong[name] = reason(error)
                return
            for name, cost in found.items():
                self.costs.setdefault(name, []).append(cost)
                self.counts[name] = cost.counts

    def count(self) -> None:
        """Count exactly what runs on our own server."""
        for arm in self.arms[:2]:
            try:
                found, _ = count(arm.folder, arm.case, arm.program, arm.env)
                self.counts[arm.name] = found
            except Inexact:
                self.counts[arm.name] = None
            except WorkshopError as error:
                self.race.wrong[arm.name] = reason(error)

    def called(self) -> list[dict[str, Any]]:
        """Return the points of what was called."""
        return [
            self.point(name, [cost.cpu_us for cost in self.costs[name]])
            for name in calls.NAMES
            if name in self.costs or name in self.race.wrong
        ]

    def served(self) -> list[dict[str, Any]]:
        """Return the points of servers."""
        found = []
        for arm in self.arms:
            samples = self.race.of(arm.name)
            if samples or arm.name in self.race.wrong:
                took = [sample.cpu_us for sample in samples]
                more = self.against(arm.name, samples)
                data = self.race.data(arm.name)
                found.append(self.point(arm.name, took, data) | more)
        return found

    def point(
        self, name: str, took: list[float], samples: Sequence[Any] = ()
    ) -> dict[str, Any]:
        """Return what is known of a call or of a server."""
        counts = self.counts.get(name)
        return {
            "name": name,
            "parser": PARSERS.get(name),
            "counts": asdict(counts) if counts else None,
            "cpu_us": asdict(interval(took)) if took else None,
            "ratio": None,
            "verdict": None,
            "wrong": self.race.wrong.get(name),
            "samples": list(samples or took),
        }

    def against(self, name: str, samples: list[Sample]) -> dict[str, Any]:
        """Compare a server with pico native, which has a second copy."""
        found, sure = self.race.compare(NATIVE, name), busy(samples)
        if name == NATIVE:
            noise, again = self.race.noise, self.race.data(AGAIN)
            return {"busy": sure, "noise": noise, "again": again}
        if found is None:
            return {"busy": sure}
        native = busy(self.race.of(NATIVE))
        return {
            "busy": sure,
            "ratio": asdict(found.ratio),
            "verdict": found.verdict if sure and native else "unclear",
        }


def busy(samples: Sequence[Sample]) -> bool:
    """Return whether a server had always something to do.

    One whose threads wait for each other goes to sleep all the same: then it
    is asked whether it used its core.
    """
    if not samples:
        return False
    switches = statistics.median(sample.switches for sample in samples)
    shares = [s.cpu_us * s.answers / s.seconds / 1e6 for s in samples]
    return switches <= BUSY or statistics.median(shares) >= MOSTLY


def race(study: Study, quick: Plan, full: Plan) -> None:
    """Measure all points of a study."""
    plan = quick if study.quick else full
    Boundary(study, plan, arms(study.quick)).measure()


def missing() -> list[str]:
    """Return the servers that are not installed."""
    return [
        name
        for name, (_, package, _) in SERVERS.items()
        if importlib.util.find_spec(package) is None
    ]
