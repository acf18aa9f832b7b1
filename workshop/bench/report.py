"""Make one result of all that is known of the arms.

Knows: the shape of a result; lines, wire rows and counts of an arm.
Does not know: how figures were measured, how they are shown.
"""

import contextlib
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from workshop import wire
from workshop.bench.arms import Arm
from workshop.bench.cases import Answer, WrongAnswer
from workshop.bench.counts import Counts, Inexact, count
from workshop.bench.measure import AGAIN, Plan, Race
from workshop.bench.ratios import Interval
from workshop.errors import WorkshopError
from workshop.hashes import sources
from workshop.serving import launched
from workshop.steps import ROOT, all_steps, core_lines


@dataclass
class Facts:
    """What is known of an arm without a clock."""

    lines: int | None = None
    wire: dict[str, Any] | None = None
    counts: Counts | None = None
    answer: Answer | None = None
    wrong: str | None = None


def facts(arm: Arm, with_wire: bool) -> Facts:
    """Find out what needs no clock; a wrong answer is one of the facts."""
    found = Facts()
    try:
        found.counts, found.answer = count(
            arm.folder, arm.case, arm.program, arm.env
        )
    except WrongAnswer as error:
        found.wrong = error.reason
    except Inexact:
        pass  # The table shows a dash; its time can be measured all the same.
    found.lines = core_lines(arm.folder)
    if with_wire:
        # A learner's folder may not run the contract application yet.
        with contextlib.suppress(WorkshopError):
            found.wire = wire_rows(arm)
    return found


def wire_rows(arm: Arm) -> dict[str, Any]:
    """Return how many rows are right: as recorded, if nothing has changed.

    A program of ours is judged with the contract application as its `APP`.
    """
    try:
        record = wire.recorded()
    except WorkshopError:
        record = {"sources": {}}
    for step in all_steps():
        known = record["sources"].get(step.number)
        unchanged = step.folder == arm.folder and known == sources(arm.folder)
        if unchanged and arm.program is None:
            right = record["rows_right"][step.number]
            rows = record["rows_counted"]
            return {"right": right, "rows": rows, "live": False}
    env = {**arm.env, "APP": str(wire.PROGRAM)}
    with launched(arm.folder, arm.program or wire.PROGRAM, env) as running:
        verdicts = wire.judge_all(running.url, "05")
    right, rows = wire.right(verdicts), len(wire.counted())
    return {"right": right, "rows": rows, "live": True}


def data_of(found: Interval | None) -> dict[str, float] | None:
    """Return an interval as data for JSON."""
    return asdict(found) if found else None


def arm_data(
    arm: Arm, known: Facts, race: Race, below: str | None
) -> dict[str, Any]:
    """Return all that is known of an arm, as data for JSON."""
    first = race.arms[0]
    samples = race.of(arm.name)
    wrong = known.wrong or race.wrong.get(arm.name)
    against = race.compare(first, arm.name)
    own = arm.name == first
    folder = arm.folder
    if folder.is_relative_to(ROOT):
        folder = folder.relative_to(ROOT)
    return {
        "name": arm.name,
        "folder": folder.as_posix(),
        "hash": arm.hash,
        "extensions": arm.extensions,
        "lines": known.lines,
        "wire": known.wire,
        "sends_date": bool(known.answer and "date" in known.answer.fields),
        "counts": asdict(known.counts) if known.counts else None,
        "cpu_us": data_of(race.interval(arm.name, "cpu_us")),
        "ratio": data_of(against.ratio) if against and not own else None,
        "requests_per_second": data_of(
            race.interval(arm.name, "requests_per_second")
        ),
        "switches": median([sample.switches for sample in samples]),
        "memory": median([sample.memory for sample in samples]),
        "busy": race.busy(arm.name),
        "verdict": verdict(race, arm.name, wrong),
        "smallest": against.smallest if against and not own else None,
        "p": against.p if against and not own else None,
        "than_below": than_below(race, below, arm.name),
        "wrong": wrong,
        "samples": race.data(arm.name),
    }


def verdict(race: Race, name: str, wrong: str | None) -> str:
    """Return one of four words, or `wrong`, or `first` for the first."""
    if wrong:
        return "wrong"
    first = race.arms[0]
    return "first" if name == first else race.verdict(first, name)


def than_below(
    race: Race, below: str | None, name: str
) -> dict[str, Any] | None:
    """Compare an arm with the rung below it."""
    found = race.compare(below, name) if below else None
    if below is None or found is None:
        return None
    return {
        "name": below,
        "ratio": data_of(found.ratio),
        "verdict": race.verdict(below, name),
    }


def median(values: Sequence[float]) -> Any:
    """Return the median as one of the values, or None."""
    return statistics.median_low(values) if values else None


def plan_data(plan: Plan, load: str, arms: Sequence[Arm]) -> dict[str, Any]:
    """Return what was planned, as data for JSON."""
    request = arms[0].case.request.decode("latin-1")
    return {**asdict(plan), "load": load, "request": request}


def noise_data(race: Race) -> dict[str, Any] | None:
    """Return how far the second copy of the first arm was from it."""
    if race.noise is None:
        return None
    return {"limit": race.noise, "samples": race.data(AGAIN)}
