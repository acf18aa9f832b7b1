"""Set two revisions against each other with one request.

Knows: exact counts and their budget, a race of A, A' and B.
Does not know: what A and B are called, what is said of them.
"""

from collections.abc import Callable
from typing import Any

from workshop.bench import budgets, measure
from workshop.bench.arms import Arm
from workshop.bench.measure import AGAIN, Generator, Plan, Race, Tell
from workshop.bench.report import data_of
from workshop.bench.trials import of_two
from workshop.bench.workloads import beyond, exact


def counts(number: str, a: Arm, b: Arm) -> dict[str, Any]:
    """Return what both cost exactly, and whether B is beyond its budget."""
    (ours, wrong), (theirs, wrong_too) = exact(a), exact(b)
    budget = budgets.budget(number, a.case.name)
    over = beyond(budget, ours, theirs) if ours and theirs else None
    return {
        "counts": {"a": ours, "b": theirs, "budget": budget},
        "beyond": over,
        "wrong": wrong or wrong_too,
    }


def times(race: Race) -> dict[str, Any]:
    """Return the CPU time of both, and what is to be thought of it."""
    a, b = race.arms
    found = of_two(race)
    wrong = [f"{name}: {reason}" for name, reason in race.wrong.items()]
    return {
        "cpu_us": {
            "a": data_of(race.interval(a, "cpu_us")),
            "b": data_of(race.interval(b, "cpu_us")),
        },
        "trial": found.data() if found else None,
        "wrong": "; ".join(wrong) or None,
        "samples": {
            "a": race.data(a),
            "again": race.data(AGAIN),
            "b": race.data(b),
        },
    }


def versus(
    number: str,
    arms: tuple[Arm, Arm],
    load: Generator,
    plan: Plan | None,
    core: int | None,
    tell: Tell,
    keep: Callable[..., None],
) -> None:
    """Compare two arms: their counts, and with a plan also their time.

    What is known is kept, also by Ctrl-C.
    """
    a, b = arms
    tell(f"counts of {a.case.name}", 0)
    known = counts(number, a, b)
    race = Race([a.name, b.name])
    try:
        if plan and not known["wrong"]:
            measure.run(race, arms, load, plan, core, tell)
    finally:
        found = times(race)
        wrong = known["wrong"] or found["wrong"]
        keep(name=a.case.name, **{**found, **known, "wrong": wrong})
