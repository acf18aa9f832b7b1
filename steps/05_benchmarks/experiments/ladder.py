"""What does each abstraction cost, and what does it buy?

Knows: the rungs, the request they answer, what the figures say in words.
Does not know: how to measure.
"""

from workshop.bench import Case
from workshop.bench.arms import extended, extensions_of, step_arms, target_arm
from workshop.bench.costs import cost_bars, micros
from workshop.bench.measure import Plan
from workshop.bench.words import figure, rows, spread, times

QUESTION = "What does each abstraction cost, and what does it buy?"
QUICK = Plan(rounds=6, seconds=0.3)
FULL = Plan(rounds=18, seconds=1.0)
WIRE = True  # Count how many rows of the wire each rung has right.

HELLO = Case(
    name="hello",
    request=b"GET /hello/bench HTTP/1.1\r\nHost: localhost\r\n\r\n",
    status=200,
    fields={"content-type": "application/json", "content-length": "25"},
    content=b'{"message":"Hello bench"}',
)


def arms(options):
    """Return the rungs; a learner's folder stands above its like."""
    rungs = step_arms(options.steps, HELLO)
    for rung in [rung for rung in rungs if rung.name.startswith("04")]:
        every = extensions_of(rung.folder)
        loaded = extended("04 + extensions", rung.folder, HELLO, every)
        rungs.insert(rungs.index(rung) + 1, loaded)
    if options.target:
        own = target_arm(options.target, HELLO)
        below = [rung for rung in rungs if rung.rooms <= own.rooms]
        rungs.insert(rungs.index(below[-1]) + 1 if below else 1, own)
    return rungs


COLUMNS = [
    "rung",
    "core\nlines",
    "wire\nrows",
    "byte-\ncodes",
    "Python\ncalls",
    "C\ncalls",
    "CPU µs\n/request",
    "x first",
    "than rung\nbelow",
    "requests\n/second",
]


def row(arm):
    """Return the cells of a rung."""
    counts = arm["counts"] or {}
    below = arm["than_below"]
    return [
        arm["name"],
        figure(arm["lines"]),
        rows(arm["wire"]),
        figure(counts.get("bytecodes")),
        figure(counts.get("python_calls")),
        figure(counts.get("c_calls")),
        spread(arm["cpu_us"], 1),
        spread(arm["ratio"], 2),
        below["verdict"] if below else "",
        figure(arm["requests_per_second"]),
    ]


def sentences(result):
    """Return what was seen: the price, what it bought, the noise."""
    first, *others = result["arms"]
    if not others:
        return [f"{first['name']} alone says nothing: add another rung."]
    return [
        price(first, others),
        purchase(first, others),
        belief(result["noise"]["limit"], first, others),
    ]


def price(first, others):
    """Say what the dearest arm costs, and which step up was the highest."""
    top = max(others, key=lambda arm: arm["ratio"]["median"])
    rungs = [arm for arm in others if arm["than_below"]]
    steep = max(rungs, key=lambda arm: arm["than_below"]["ratio"]["median"])
    return (
        f"{top['name']} costs {times(top['ratio'])} the CPU time of"
        f" {first['name']}, which leaves {1 / top['ratio']['median']:.0%} of"
        f" the requests per CPU second; the steepest rise,"
        f" {times(steep['than_below']['ratio'])}, is that from"
        f" {steep['than_below']['name']} to {steep['name']}."
    )


def purchase(first, others):
    """Say which behaviour was bought, by how many lines."""
    judged = [arm for arm in others if arm["wire"]] or [first]
    best = max(judged, key=lambda arm: arm["wire"]["right"])
    return (
        f"It buys behaviour: {best['name']} has {rows(best['wire'])} wire"
        f" rows right with {best['lines']} lines, where {first['name']} has"
        f" {rows(first['wire'])} with {first['lines']}."
    )


def belief(noise, first, others):
    """Say how the last rung compares, and how far all can be trusted."""
    own = [arm for arm in others if arm["name"].startswith("your ")]
    last = (own or others)[-1]
    below = last["than_below"]
    ratio = below["ratio"]["median"]
    found = {
        "faster": f"{1 - ratio:.0%} cheaper than",
        "slower": f"{ratio - 1:.0%} dearer than",
        "same": "no different from",
        "unclear": "not clearly different from",
    }[below["verdict"]]
    return (
        f"{last['name'].capitalize()} is {found} {below['name']}; two copies"
        f" of {first['name']} differed by up to {noise:.1%}, and nothing"
        " smaller is called a difference."
    )


def picture(result):
    """Draw the CPU time of each rung, with its interval."""
    return cost_bars(
        "The ladder",
        result["arms"],
        note=lambda arm: micros(arm) + beside(arm),
    )


def beside(arm):
    """Return what the picture says beside the time."""
    ratio = f" = {figure(arm['ratio'], 2)} x" if arm["ratio"] else ""
    return ratio + (f", {rows(arm['wire'])} rows" if arm["wire"] else "")
