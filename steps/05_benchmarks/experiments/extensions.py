"""What does each activated extension cost?

Knows: which extensions are activated together, the request, the conclusion.
Does not know: how to measure.
"""

from workshop.bench import Case
from workshop.bench.arms import extended, extensions_of, step_arms
from workshop.bench.costs import cost_bars
from workshop.bench.measure import Plan
from workshop.bench.words import figure, joined, spread

QUESTION = "What does each activated extension cost?"
QUICK = Plan(rounds=5, seconds=0.3)
FULL = Plan(rounds=5, seconds=0.4)
WIRE = False

# From another origin, so that cors has something to say.
HELLO = Case(
    name="hello from another origin",
    request=(
        b"GET /hello/bench HTTP/1.1\r\n"
        b"Host: localhost\r\n"
        b"Origin: https://example.org\r\n"
        b"\r\n"
    ),
    status=200,
    fields={"content-type": "application/json", "content-length": "25"},
    content=b'{"message":"Hello bench"}',
)
ALONE, ALL, WITHOUT = "{} alone", "all of them", "all but {}"


def arms(options):
    """Return none, each alone, all, all but one; quick: the dear ones."""
    words = options.steps or ["05"]
    (none,) = step_arms(words[:1], HELLO)
    every = extensions_of(none.folder)
    priced = ["cors", "logger"] if options.quick else every
    groups = {ALONE.format(name): [name] for name in priced}
    groups[ALL] = every
    if not options.quick:
        for name in every:
            rest = [other for other in every if other != name]
            groups[WITHOUT.format(name)] = rest
    others = [
        extended(label, none.folder, HELLO, names)
        for label, names in groups.items()
    ]
    return [none, *others]


COLUMNS = [
    "activated",
    "byte-\ncodes",
    "Python\ncalls",
    "C\ncalls",
    "CPU µs\n/request",
    "x none",
    "than\nnone",
    "could have\nseen",
]


def row(arm):
    """Return the cells of a group of extensions."""
    counts = arm["counts"] or {}
    smallest = arm["smallest"]
    return [
        arm["name"] if arm["extensions"] else f"none ({arm['name']})",
        figure(counts.get("bytecodes")),
        figure(counts.get("python_calls")),
        figure(counts.get("c_calls")),
        spread(arm["cpu_us"], 1),
        spread(arm["ratio"], 2),
        "" if arm["verdict"] == "first" else arm["verdict"],
        f"{smallest:.1%}" if smallest is not None else "",
    ]


def sentences(result):
    """Return the dearest, the free ones, and whether prices add up."""
    none, *others = result["arms"]
    named = {arm["name"]: arm for arm in others}
    alone = [arm for arm in others if len(arm["extensions"]) == 1]
    alone.sort(key=lambda arm: extra(none, arm))
    said = [prices(none, alone), together(none, alone, named[ALL])]
    if len(alone) < len(named[ALL]["extensions"]):
        said.append("This quick run did not price the others alone.")
    return said


def extra(none, arm):
    """Return the bytecodes that an arm adds to those of none."""
    return arm["counts"]["bytecodes"] - none["counts"]["bytecodes"]


def more(none, arm):
    """Return the microseconds that an arm adds to those of none."""
    return arm["cpu_us"]["median"] - none["cpu_us"]["median"]


def prices(none, alone):
    """Say what the dearest costs, and which cost nothing."""
    dear = alone[-1]
    free = [a["extensions"][0] for a in alone if not extra(none, a)]
    said = (
        f"The dearest is {dear['extensions'][0]}: {more(none, dear):.1f} µs"
        f" and {extra(none, dear)} bytecodes a request"
    )
    if free:
        said += f"; {joined(free)} cost not one bytecode until they are used"
    return said + "."


def together(none, alone, every):
    """Say what all cost, and whether that is the sum of each alone."""
    parts = sum(extra(none, arm) for arm in alone)
    gap = extra(none, every) - parts
    said = (
        f"All together cost {more(none, every):.1f} µs and"
        f" {extra(none, every)} bytecodes"
    )
    if len(alone) < len(every["extensions"]):
        return said + "."
    if not gap:
        return said + ", which is the sum of each alone: they share nothing."
    if gap > 0:
        return said + f", {gap} more than the sum of each alone."
    return (
        said
        + f", {-gap} less than the sum of each alone: what they share, as a"
        + " hook or a field that was read, is paid once."
    )


def picture(result):
    """Draw the CPU time with each group of extensions."""
    return cost_bars("The price of extensions", result["arms"])
