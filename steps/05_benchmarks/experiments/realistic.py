"""Does the ranking of hello hold for real requests?

Knows: requests as browsers and apps send them, the steps that can answer.
Does not know: how to measure.
"""

from pathlib import Path

from workshop.bench import measure
from workshop.bench.arms import Arm, step_arms
from workshop.bench.measure import Plan
from workshop.bench.picture import Bar, bars
from workshop.bench.shapes import HELLO, PAGE, POST
from workshop.bench.words import figure, interval, joined, spread

QUESTION = "Does the ranking of hello hold for real requests?"
QUICK = Plan(rounds=3, seconds=0.25)
FULL = Plan(rounds=12, seconds=0.6)
WIRE = False

POSITIONS = Path(measure.__file__).with_name("positions.py")


def arms(options):
    """Return each step with each request that it can answer."""
    words = options.steps or ["01", "04", "05"]
    found = []
    for case in (HELLO, PAGE, POST):
        for arm in step_arms(words, case):
            if case is not POST:
                found.append(named(arm, arm.program))
            elif arm.name >= "03":  # 02 cannot read content.
                found.append(named(arm, POSITIONS))
    return found


def named(arm, program):
    """Return an arm that tells its request, and is no rung of a ladder."""
    name = f"{arm.name}, {arm.case.name}"
    return Arm(name, arm.folder, arm.case, program, beside=True)


COLUMNS = [
    "step, request",
    "byte-\ncodes",
    "Python\ncalls",
    "CPU µs\n/request",
    "x first",
    "than\nfirst",
]


def row(arm):
    """Return the cells of a step with a request."""
    counts = arm["counts"] or {}
    return [
        arm["name"],
        figure(counts.get("bytecodes")),
        figure(counts.get("python_calls")),
        spread(arm["cpu_us"], 1),
        spread(arm["ratio"], 2),
        "" if arm["verdict"] == "first" else arm["verdict"],
    ]


def sentences(result):
    """Return whether ranks change, and what a real request costs more."""
    shapes = {}
    for arm in result["arms"]:
        step, _, shape = arm["name"].rpartition(", ")
        if arm["cpu_us"]:
            shapes.setdefault(shape, {})[step] = arm["cpu_us"]["median"]
    dearer = [
        f"{step} {shapes['browser'][step] / cost:.2f} times"
        for step, cost in shapes["hello"].items()
        if step in shapes.get("browser", {})
    ]
    return [ranks(shapes), f"A browser's hello costs {joined(dearer)}."]


def ranks(shapes):
    """Say whether each request ranks the steps as hello does."""
    changed = []
    for shape, costs in shapes.items():
        hello = {step: shapes["hello"].get(step, 0) for step in costs}
        if sorted(costs, key=costs.get) != sorted(hello, key=hello.get):
            changed.append(shape)
    if changed:
        return f"The ranking changes with {joined(changed)}."
    return "The ranking is that of hello for each request."


def picture(result):
    """Draw the CPU time of each step with each request."""
    drawn = [
        Bar(
            arm["name"],
            *interval(arm["cpu_us"]),
            f"{arm['cpu_us']['median']:.1f} µs",
            {"first": "marked", "wrong": "wrong"}.get(arm["verdict"], "bar"),
        )
        for arm in result["arms"]
        if arm["cpu_us"]
    ]
    described = "; ".join(f"{bar.label}: {bar.note}" for bar in drawn)
    unit = "server CPU time per request, with its interval"
    return bars("Real requests", unit, described, drawn)
