"""In which rooms is the time of a request spent?

Knows: which steps are looked at, which requests, the conclusion.
Does not know: how to measure.
"""

from dataclasses import replace

from workshop.bench import shapes
from workshop.bench.arms import step_arms
from workshop.bench.costs import cost_bars
from workshop.bench.study import chosen
from workshop.bench.where import Looks
from workshop.bench.words import figure, joined, spread

QUESTION = __doc__.splitlines()[0]
WORDS = "SHAPE"
QUICK, FULL = (3, 0.5), (12, 2.0)  # launches, seconds of each
STEPS = ["04", "05"]
# What is asked; who answers it, if not the app of the step; its name.
SHAPES = {
    "hello": (shapes.HELLO, None, "a hello"),
    "browser": (shapes.PAGE, None, "a browser's hello"),
    "position": (shapes.POST, shapes.POSITIONS, "a position"),
    "pipelined": (shapes.PIPELINED, shapes.PLAINTEXT, "a batch of 16 texts"),
}


def measure(study):
    """Look into both steps in turn, again and again."""
    launches, seconds = QUICK if study.quick else FULL
    shape = chosen(study.options.words, [*SHAPES])
    case, program, _ = SHAPES[shape]
    study.plan = {"launches": launches, "seconds": seconds, "shape": shape}
    arms = {
        number: replace(arm, program=program)
        for number, arm in zip(STEPS, step_arms(STEPS, case), strict=True)
    }
    looks = Looks(arms, launches, seconds)
    try:
        looks.take(study.tell)
    finally:
        for point in looks.points():
            study.add(**point)


COLUMNS = ["room", "byte-\ncodes, 04", "05", "CPU µs\n04", "05"]


def row(point):
    """Return the cells of a room."""
    steps = [point["steps"].get(number) or {} for number in STEPS]
    return [
        point["name"],
        *(figure(step.get("bytecodes")) for step in steps),
        *(spread(step.get("cpu_us"), 2) for step in steps),
    ]


def sentences(result):
    """Return what the request takes, where, and where step 05 has saved."""
    rooms = {point["name"]: point["steps"] for point in result["points"]}
    old, new = (costs(rooms, number) for number in STEPS)
    if not (old and new):
        return ["Too few ticks came to time a room; the counts are exact."]
    dearest = [f"{name} {took:.1f} µs" for name, took in [*new.items()][:3]]
    # What comes is parsed by recall, too.
    now = {**new, "parsing": new.get("parsing", 0) + new.get("recall", 0)}
    saved = {name: took - now.get(name, 0) for name, took in old.items()}
    most = max(saved, key=saved.get)
    *_, request = SHAPES[result["plan"]["shape"]]
    return [
        (
            f"In process, without a loop, a read and a write, {request} takes"
            f" {sum(old.values()):.1f} µs on step 04 and"
            f" {sum(new.values()):.1f} µs on step 05."
        ),
        f"The dearest rooms of step 05 are {joined(dearest)}.",
        (
            f"Step 05 has saved most in {most}: {saved[most]:.1f} µs, where"
            " recall counts as parsing."
        ),
    ]


def costs(rooms, number):
    """Return the microseconds of each room of a step, the dearest first."""
    found = {
        name: steps[number]["cpu_us"]["median"]
        for name, steps in rooms.items()
        if steps.get(number, {}).get("cpu_us")
    }
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))


def picture(result):
    """Draw the CPU time of each room of step 05."""
    rows = [
        {"name": point["name"], **point["steps"]["05"]}
        for point in result["points"]
        if point["steps"].get("05")
    ]
    *_, request = SHAPES[result["plan"]["shape"]]
    unit = f"CPU time of {request}, in process, with its interval"
    return cost_bars("The rooms of step 05", rows, unit, note, lambda _: "bar")


def note(row):
    """Return what the picture says beside a bar."""
    return f"{figure(row['cpu_us'], 2)} µs, {row['bytecodes']} bytecodes"
