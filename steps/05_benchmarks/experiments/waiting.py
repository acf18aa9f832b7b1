"""Is async faster, or more efficient when tasks wait?

Knows: how many connections, what the bounds mean, the conclusion.
Does not know: how to measure.
"""

import sys

from workshop.bench import crowd
from workshop.bench.chart import Axis, Curve, curves
from workshop.bench.crowd import ASYNC, BUG, EACH, POOL, Much, bound, middle
from workshop.bench.words import NOTHING, figure, joined

QUESTION = "Is async faster, or more efficient when tasks wait?"
MANY = 1000 if sys.platform != "win32" else 400  # the pool's select: 512
QUICK = Much((1, 100, MANY), 1, 0.3, 0.2, 8, (ASYNC, EACH))
FULL = Much((1, 10, 100, MANY), 5, 1.0, 0.3, 20, (ASYNC, EACH, POOL))
CLEAR = 1.1  # times: less is called no difference here


def measure(study):
    """Measure each arm with each number of connections."""
    crowd.Crowd(study, QUICK if study.quick else FULL).measure()


COLUMNS = ["arm, connections", "answers\n/second", "bound\n/second"]
COLUMNS += ["CPU µs\n/answer", "server\nMiB", "response\nms", "limited\nby"]


def row(point):
    """Return the cells of an arm with a number of connections."""
    memory, many = middle(point, "memory"), point["connections"]
    return [
        point["name"],
        figure(middle(point, "rate")),
        figure(bound(point["arm"], many)) if many else NOTHING,
        figure(middle(point, "cpu_us"), 1),
        figure(memory and memory / 2**20, 1),
        figure(crowd.response_ms(point), 1),
        crowd.limited(point) or NOTHING,
    ]


def sentences(result):
    """Return when async wins, and when not."""
    known = {point["name"]: point for point in result["points"]}
    few, *_, many = result["plan"]["connections"]
    most = {arm: known[f"{arm}, {many:,}"] for arm in (ASYNC, EACH, POOL)}
    said = [alone(known, few), crowded(most, many), winner(most)]
    said += [bug(known, many), computing(known)]
    names = [p["name"] for p in known.values()]
    unsure = [n for n in names if crowd.limited(known[n]) == "unclear"]
    if unsure:
        said.append(
            "Unclear, as neither the wait nor a core was used up, or we were"
            f" held up ourselves: {'; '.join(unsure)}."
        )
    if result["plan"]["quick"]:
        said.append("This quick run launched each but once, and tried fewer.")
    return said


def alone(known, few):
    """Say whether anything is gained where hardly anyone waits."""
    points = {arm: known[f"{arm}, {few:,}"] for arm in (ASYNC, EACH, POOL)}
    rates = {arm: middle(point, "rate") for arm, point in points.items()}
    said = [f"{arm} gives {rate:.0f}" for arm, rate in rates.items()]
    faster = rates[ASYNC] > CLEAR * max(rates[EACH], rates[POOL])
    return (
        f"Where {few} waits for {crowd.WAIT * 1000:.0f} ms, async is"
        f" {'' if faster else 'no '}faster: {joined(said)} answers a second"
        f" of {bound(ASYNC, few):.0f} possible."
    )


def crowded(most, many):
    """Say what each gives when many wait, and what it takes."""
    costs = [
        f"{arm} gives {figure(middle(point, 'rate'))} answers a second with"
        f" {middle(point, 'memory') / 2**20:.0f} MiB and"
        f" {figure(middle(point, 'cpu_us'))} µs of CPU each"
        for arm, point in most.items()
    ]
    return (
        f"Where {many:,} wait at once, {'; '.join(costs)}. The pool cannot"
        f" give more than {figure(bound(POOL, many))}."
    )


def winner(most):
    """Say whether async was more efficient than a thread for each."""
    ours, theirs = (middle(most[arm], "cpu_us") for arm in (ASYNC, EACH))
    if theirs > CLEAR * ours:
        return (
            f"So async wins when many wait: {theirs / ours:.1f} times fewer"
            " CPU seconds an answer than a thread for each connection."
        )
    return "So async did not win here: threads waited as cheaply."


def bug(known, many):
    """Say what one blocking call does to an async server."""
    rate = figure(middle(known[f"{BUG}, {many:,}"], "rate"))
    return (
        f"A blocking call in an async handler leaves {rate} answers a second"
        f" to {many:,} connections, where 1 / wait is {bound(BUG, many):.0f}:"
        " all wait for one."
    )


def computing(known):
    """Say what a tiny request waits for behind one that computes."""
    times = {
        arm: middle(known[f"{arm}, tiny behind"], "p50_ms")
        for arm in (ASYNC, EACH)
    }
    said = ", ".join(f"{ms:.1f} ms with {arm}" for arm, ms in times.items())
    found = "async does not win where tasks compute"
    if times[ASYNC] < times[EACH]:
        found = "threads did not help here"
    return (
        "A tiny request behind one that computes for"
        f" {crowd.WORK * 1000:.0f} ms takes {said}: {found}."
    )


def picture(result):
    """Draw answers per second over connections, and what bounds them."""
    arms = {ASYNC: "bar", EACH: "third", POOL: "fourth", BUG: "marked"}
    drawn = []
    for arm, kind in arms.items():
        mine = [p for p in result["points"] if p["arm"] == arm]
        mine = [p for p in mine if p["connections"] and middle(p, "rate")]
        seen = [(p["connections"], middle(p, "rate")) for p in mine]
        most = [(x, bound(arm, x)) for x, _ in seen]
        drawn.append(Curve(arm, seen, kind))
        if arm != EACH:  # Its bound is that of asyncio.
            drawn.append(Curve("bound", most, kind, "dotted"))
    told = "; ".join(f"{c.label}: {[*c.points]}" for c in drawn)
    x = Axis("connections", logarithmic=True)
    y = Axis("answers per second; dotted: what the wait allows", True)
    return curves("Waiting", x, y, told, drawn)
