"""Does the ranking of hello hold for real requests?

Knows: requests as browsers and apps send them, the steps that can answer.
Does not know: how to measure.
"""

from workshop.bench import shapes
from workshop.bench.arms import Arm, step_arms
from workshop.bench.costs import cost_bars
from workshop.bench.measure import Plan
from workshop.bench.words import figure, joined, spread

QUESTION = "Does the ranking of hello hold for real requests?"
QUICK = Plan(rounds=3, seconds=0.2, warm_up=0.1)
FULL = Plan(rounds=12, seconds=0.6)
WIRE = False
# wrk cannot cut a request, and figures of two generators do not compare.
LOAD = "builtin"

PAGE, PIPELINED, CUT = "browser", "16 pipelined", "cut in 3"
MANY = shapes.MANY.name
# What a step answers with, if not with its own app.
PROGRAMS = {"position": shapes.POSITIONS, PIPELINED: shapes.PLAINTEXT}
# The steps below read no content, and take each segment for a request.
FROM = dict.fromkeys(["position", PIPELINED, CUT], "03")


def arms(options):
    """Return each step with each request that it can answer."""
    some = ["01", "05"] if options.quick else ["01", "04", "05"]
    asked = [shapes.HELLO, shapes.MANY, shapes.PAGE]
    asked += [shapes.POST, shapes.PIPELINED]
    if options.load != "wrk":
        asked.append(shapes.CUT)
    return [
        named(arm, PROGRAMS.get(case.name))
        for case in asked
        for arm in step_arms(options.steps or some, case)
        if arm.name >= FROM.get(case.name, "01")
    ]


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
    costs = {}
    for arm in result["arms"]:
        step, _, shape = arm["name"].rpartition(", ")
        if arm["cpu_us"]:
            costs.setdefault(shape, {})[step] = arm["cpu_us"]["median"]
    said = [ranks(costs)]
    if PAGE in costs:
        said.append(f"A browser's hello costs {dearer(costs, PAGE)}.")
    if MANY in costs:
        said.append(f"With {MANY} a hello costs {dearer(costs, MANY)}.")
    if PIPELINED in costs:
        texts = [f"{s} {c:.1f} µs" for s, c in costs[PIPELINED].items()]
        said.append(f"One of 16 pipelined texts costs {joined(texts)}.")
    if CUT in costs:
        reads = read(result["arms"])
        said.append(f"Hello cut in 3 costs {dearer(costs, CUT)}; {reads}.")
    if result["plan"]["load"].startswith("wrk"):
        said.append("wrk cannot cut a request: that shape was left out.")
    if "--quick" in result["command"]:
        said.append("This quick run left out step 04.")
    return said


def dearer(costs, shape):
    """Say what a shape of hello costs each step, compared with hello."""
    hello = costs["hello"]
    return joined(
        [
            f"{step} {cost / hello[step]:.2f} times"
            for step, cost in costs[shape].items()
        ]
    )


def read(arms):
    """Say how often a server has read for a request that was cut."""
    samples = [
        s for a in arms if a["name"].endswith(CUT) for s in a["samples"]
    ]
    reads = [s["reads"] for s in samples if (s["reads"] or 0) >= 1]
    if not reads:
        return "how often the servers read for it, this system does not tell"
    return f"for each the servers read {min(reads):.2f} times or more"


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
    return cost_bars("Real requests", result["arms"])
