"""How does response time change with offered load?

Knows: which servers are asked, which shares of capacity, the conclusion.
Does not know: how to measure.
"""

from workshop.bench import Case, offered
from workshop.bench.arms import step_arms
from workshop.bench.offered import PERCENTILES, Plan, by_server
from workshop.bench.offered_picture import drawn
from workshop.bench.words import NOTHING, figure, joined

QUESTION = "How does response time change with offered load?"
WORDS = "STEPS"
LOADS = (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0, 1.05)
FULL = Plan(rounds=5, seconds=1.0, loads=LOADS)
QUICK = Plan(3, 0.3, loads=(0.1, 0.5, 0.9, 1.05), capacity_seconds=0.2)

HELLO = Case(
    name="hello",
    request=b"GET /hello/bench HTTP/1.1\r\nHost: localhost\r\n\r\n",
    status=200,
    fields={"content-type": "application/json", "content-length": "25"},
    content=b'{"message":"Hello bench"}',
)


def measure(study):
    """Offer each server shares of its own capacity, in the same rhythm."""
    # Step 01 is faster than our generator on two cores.
    some = ["04", "05"] if study.quick else ["02", "04", "05"]
    servers = step_arms(study.options.words or some, HELLO)
    offered.measure(study, servers, QUICK if study.quick else FULL)


COLUMNS = [
    "server, load",
    "offered\n/second",
    "answered\nin time",
    "p50\nms",
    "p90\nms",
    "p99\nms",
    "closed\nloop p99",
    "late by\nus, p99",
    "note",  # Without a head plain lines would leave it out.
]


def row(point):
    """Return the cells of a server at one load."""
    return [
        point["name"],
        figure(point["offered"]),
        percent(point["reached"]),
        *(figure(point["response"][name], 2) for name in PERCENTILES),
        figure(point["closed"]["p99"], 2),
        figure(point["late"]["p99"], 2),
        "not valid" if point["wrong"] else "queue grew" * point["grew"],
    ]


def percent(found):
    """Return a share as a person reads it."""
    return f"{found['median']:.0%}" if found else NOTHING


def sentences(result):
    """Return what waiting costs near capacity, and who does not see it."""
    servers = by_server(result["points"])
    said = [rise(servers), hidden(result["points"])]
    if tuple(result["plan"]["loads"]) != LOADS:
        loads = [f"{load:.0%}" for load in result["plan"]["loads"]]
        said.append(
            f"This quick run offered {joined(loads)} of capacity only, to"
            f" {joined(list(servers))}."
        )
    return [sentence for sentence in said if sentence]


def rise(servers):
    """Say how p99 rises from the least load to the last below capacity."""
    found = []
    for name, points in servers.items():
        known = [p for p in points if p["load"] < 1 and p99(p, "response")]
        if len(known) > 1:
            low, high = known[0], known[-1]
            before, after = (p["response"]["p99"] for p in (low, high))
            unseen = ", which is no rise that this run could see"
            found.append(
                f"{name}: {span(before)} at {low['load']:.0%} of its"
                f" {figure(low['capacity'])} requests a second,"
                f" {span(after)} at {high['load']:.0%}"
                + (unseen if after["low"] <= before["high"] else "")
            )
    if not found:
        return ""
    return f"99 of 100 answers came within: {'; '.join(found)}."


def span(found):
    """Return a median, with the least and the greatest of all rounds."""
    middle, low, high = (found[key] for key in ("median", "low", "high"))
    return f"{middle:.2f} ms ({low:.2f} to {high:.2f})"


def hidden(points):
    """Say where a closed loop would have reported the least of the truth."""
    known = [p for p in points if p99(p, "response") and p99(p, "closed")]
    if not known:
        return ""
    worst = max(known, key=lambda p: p99(p, "response") / p99(p, "closed"))
    return (
        f"A tool that looks when it sends hides most of it: with"
        f" {worst['name']} of capacity, its p99 would be"
        f" {p99(worst, 'closed'):.2f} ms, where people had waited"
        f" {p99(worst, 'response'):.2f} ms"
        + (
            " (more in a longer run: the queue grew)."
            if worst["grew"]
            else "."
        )
    )


def p99(point, kind):
    """Return the median of a point's p99, or None."""
    return point[kind]["p99"] and point[kind]["p99"]["median"]


def picture(result):
    """Draw p50, p90 and p99 of each server over its load."""
    return drawn("Response time over offered load", result["points"])
