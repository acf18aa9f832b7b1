"""Does ASGI cost?

Knows: what is compared with what, the conclusion.
Does not know: how to measure.
"""

from workshop.bench.boundary import (
    NATIVE,
    SERVERS,
    THROUGH,
    missing,
    race,
)
from workshop.bench.costs import cost_bars, marked, micros
from workshop.bench.measure import Plan
from workshop.bench.words import figure, joined, spread

QUESTION = "Does ASGI cost?"
QUICK = Plan(rounds=5, seconds=0.15)
FULL = Plan(rounds=9, seconds=0.6)

# Two protocols that are the same but for ASGI.
SMALLEST, SMALLEST_ASGI = "smallest, native", "smallest, through ASGI"


def measure(study):
    """Measure two calls, two protocols, and the servers."""
    race(study, QUICK, FULL)


COLUMNS = [
    "what answers",
    "parser",
    "byte-\ncodes",
    "Python\ncalls",
    "CPU µs\n/request",
    "x pico,\nnative",
    "than pico,\nnative",
]


def row(point):
    """Return the cells of a call, or of a server."""
    counts = point["counts"] or {}
    return [
        point["name"],
        point["parser"] or "",
        figure(counts.get("bytecodes")),
        figure(counts.get("python_calls")),
        spread(point["cpu_us"], 1),
        spread(point["ratio"], 2) if point["ratio"] else "",
        point["verdict"] or "",
    ]


def sentences(result):
    """Return what ASGI costs, what servers cost, and what is left out."""
    known = {point["name"]: point for point in result["points"]}
    said = [boundary(known), own(known)]
    if SERVERS.keys() & known.keys():
        said.append(servers(known))
    lazy = [name for name in known if not known[name].get("busy", True)]
    if lazy:
        said.append(f"Unclear, as they were not always busy: {joined(lazy)}.")
    if missing():
        said.append(f"Left out, as not installed: {joined(missing())}.")
    if result["plan"]["quick"]:
        said.append("This quick run asked uvicorn alone of all ASGI servers.")
    return said


def cost(point):
    return point["cpu_us"]["median"]


def price(known):
    """Return what ASGI alone costs, in microseconds."""
    return cost(known[SMALLEST_ASGI]) - cost(known[SMALLEST])


def boundary(known):
    """Say what ASGI costs where nothing else differs."""
    said = (
        "Two protocols that are the same but for ASGI differ by"
        f" {price(known):.1f} µs"
    )
    counts = [known[n]["counts"] for n in (SMALLEST, SMALLEST_ASGI)]
    if all(counts):
        native, through = (each["bytecodes"] for each in counts)
        said += f" and {through - native} bytecodes a request"
    return said + ": a scope, and two events in the place of one call."


def own(known):
    """Say what pico costs through ASGI, and what uvicorn costs."""
    said = f"pico answers in {cost(known[NATIVE]):.1f} µs"
    for name in (THROUGH, "uvicorn"):
        if name in known:
            more = cost(known[name]) - cost(known[NATIVE])
            said += f"; {name} takes {more:+.1f} µs"
    return (
        f"{said}: all of them parse by httptools, and two copies of the"
        f" first differed by up to {known[NATIVE]['noise']:.1%}."
    )


def servers(known):
    """Say how far the servers of one ASGI application are apart."""
    costs = {n: cost(known[n]) for n in (THROUGH, *SERVERS) if n in known}
    best, worst = min(costs, key=costs.get), max(costs, key=costs.get)
    gap = costs[worst] - costs[best]
    found = "it is the server that costs, and not the boundary"
    if gap < 3 * price(known):
        found = "that is not much more than the boundary costs"
    return (
        f"Servers of one and the same ASGI application differ by {gap:.1f}"
        f" µs a request, from {best} to {worst}: {found}."
    )


def picture(result):
    """Draw the CPU time of calls and of servers."""
    return cost_bars(
        "The boundary",
        result["points"],
        "CPU time per request, with its interval",
        lambda point: f"{micros(point)}, {point['parser'] or 'no parser'}",
        marked(lambda point: "native" in point["name"]),
    )
