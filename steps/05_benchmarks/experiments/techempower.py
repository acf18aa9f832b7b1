"""What do TechEmpower's six kinds of work cost?

Knows: the steps that take part, what the figures say in words.
Does not know: how to measure.
"""

from dataclasses import asdict

from workshop.bench.audit import suites
from workshop.bench.contest import Contest, hold
from workshop.bench.costs import cost_bars
from workshop.bench.measure import Plan
from workshop.bench.strict import Strict, only_builtin
from workshop.bench.techempower import ROWS, WORKS
from workshop.bench.words import figure, joined, spread, times

QUESTION = "What do TechEmpower's six kinds of work cost?"
LABEL = "not comparable with its published rounds"
QUICK = Plan(rounds=3, seconds=0.08, warm_up=0.04)
FULL = Plan(rounds=8, seconds=0.5)


def measure(study):
    """Let the steps do all kinds of work, one after the other."""
    only_builtin(study.options.load)
    plan = QUICK if study.quick else FULL
    study.plan = {**asdict(plan), "rows": ROWS, "label": LABEL}
    entrants = suites()
    race = Contest(entrants, list(WORKS))
    try:
        with Strict(1, plan.connections) as load:
            hold(study, race, load, plan)
    finally:
        for work in WORKS:
            for entrant in entrants:
                study.add(**point(race, work, entrant.name))


def point(race, work, step):
    """Return all that is known of a work on a step."""
    statements = WORKS[work].statements or {}
    return {
        "name": f"{work}, {step}",
        "wrong": race.wrong.get(step),
        "work": work,
        "step": step,
        "label": LABEL,
        "statements": dict(statements),
        **race.data(step, work),
    }


COLUMNS = [
    "work, step\n(not comparable with\npublished rounds)",
    "SQL state-\nments",
    "CPU µs\n/request",
    "requests per\nCPU second",
    "x 04",
    "than\n04",
]


def row(point):
    """Return the cells of a work on a step."""
    cost = point["cpu_us"]
    return [
        point["name"],
        figure(sum(point["statements"].values())),
        spread(cost, 1),
        figure(1e6 / cost["median"] if cost else None),
        spread(point["ratio"], 2),
        "" if point["verdict"] == "first" else point["verdict"],
    ]


def sentences(result):
    """Return what the last step does, what it gained, and what it is not."""
    points = result["points"]
    last = [point for point in points if point["step"] == points[-1]["step"]]
    return [
        "These figures are not comparable with TechEmpower's published"
        " rounds: one core, sqlite in the same process, an id on each"
        " request, and every answer checked.",
        per_second(last),
        gained(last),
        belief(result["plan"]),
    ]


def per_second(points):
    """Say how many answers a CPU second holds."""
    said = [
        f"{point['work']} {1e6 / point['cpu_us']['median']:,.0f}"
        for point in points
    ]
    return f"Step {points[0]['step']} answers per CPU second: {joined(said)}."


def gained(points):
    """Say where the last step gained most and least."""
    ranked = sorted(points, key=lambda point: point["ratio"]["median"])
    most, least = ranked[0], ranked[-1]
    return (
        f"It costs {times(most['ratio'])} what step 04 costs for"
        f" {most['work']}, and {times(least['ratio'])} for {least['work']}."
    )


def belief(plan):
    """Say how far two copies of the same server were from each other."""
    limits = [found["limit"] for found in plan["noise"].values()]
    return (
        f"Two copies of step 04 differed by up to {max(limits):.1%}, and"
        " nothing smaller is called a difference."
    )


def picture(result):
    """Draw what each work costs on each step."""
    title = "TechEmpower's works, CPU time"
    return cost_bars(title, result["points"], LABEL)
