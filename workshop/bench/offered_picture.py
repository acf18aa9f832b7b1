"""Draw response time over offered load, one chart for each server.

Knows: which percentiles are curves, which points are crossed out.
Does not know: how they were measured, how a curve is drawn.
"""

from collections.abc import Sequence
from typing import Any

from workshop.bench.chart import Axis, Curve, curves
from workshop.bench.offered import by_server
from workshop.bench.panels import panels

Point = dict[str, Any]
CURVES = (  # from which moment, percentile, label, kind, dash
    ("response", "p50", "p50", "bar", "solid"),
    ("response", "p90", "p90", "third", "solid"),
    ("response", "p99", "p99", "marked", "solid"),
    ("closed", "p99", "p99 closed loop", "marked", "dotted"),
)


def drawn(title: str, points: Sequence[Point]) -> str:
    """Return one SVG with a chart for each server, on the same scale."""
    charts, said = [], []
    covers = [y for known in points for _, y in marks([known])]
    x = Axis("offered load, % of measured capacity")
    y = Axis(
        "ms; dotted: by a closed loop; ring: the queue grew", True, covers
    )
    for name, own in by_server(points).items():
        said.append(f"{name}: {described(own)}.")
        charts.append(curves(name, x, y, said[-1], lines(own)))
    return panels(title, " ".join(said), charts)


def lines(points: Sequence[Point]) -> list[Curve]:
    """Return the curves of one server.

    What is not valid is crossed out; rings are what depends on how long one
    looks, because the queue grew all the time.
    """
    found = []
    for kind, name, label, colour, dash in CURVES:
        known = [p for p in points if p[kind][name]]
        bad = [n for n, point in enumerate(known) if point["wrong"]]
        grew = [n for n, point in enumerate(known) if point["grew"]]
        where = [place(point, kind, name) for point in known]
        found.append(Curve(label, where, colour, dash, bad, grew))
    return found


def marks(points: Sequence[Point]) -> list[tuple[float, float]]:
    """Return all places of these points that are drawn."""
    return [place for curve in lines(points) for place in curve.points]


def place(point: Point, kind: str, name: str) -> tuple[float, float]:
    """Return where a point lies: per cent, milliseconds."""
    return point["load"] * 100, point[kind][name]["median"]


def described(points: Sequence[Point]) -> str:
    """Return in words what a chart shows."""
    said = [
        f"p99 {point['response']['p99']['median']:.2f} ms at"
        f" {point['load']:.0%}" + " (not valid)" * bool(point["wrong"])
        for point in points
        if point["response"]["p99"]
    ]
    return ", ".join(said) or "nothing was measured"
