"""Draw curves over two axes as SVG, by hand.

Knows: SVG, linear and logarithmic axes, round numbers, how wide a phone is.
Does not know: what the curves mean.

Colours are those of `picture.py`, so that a page sets them once; a curve is
told by its dashes and its name at its end, too, not by its colour alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from workshop.bench.picture import STYLE

WIDTH, HEIGHT = 360, 300
LEFT, RIGHT, TOP, BOTTOM = 44, 262, 56, 252  # labels: 15 letters
KINDS = ("bar", "marked", "wrong", "third", "fourth")  # as a page colours them
CURVES = """
    .bench .axis { stroke: currentColor; opacity: .25 }
    .bench .curve { fill: none; stroke-width: 2 }
    .bench .curve.bar { stroke: var(--bench-bar, #4f7fc4); fill: none }
    .bench .curve.marked { stroke: var(--bench-marked, #d9822b); fill: none }
    .bench .curve.wrong { stroke: var(--bench-wrong, #d64545); fill: none }
    .bench .curve.third { stroke: var(--bench-third, #3c9a6b) }
    .bench .curve.fourth { stroke: var(--bench-fourth, #9a6bb5) }
    .bench .point.third { fill: var(--bench-third, #3c9a6b) }
    .bench .point.fourth { fill: var(--bench-fourth, #9a6bb5) }
"""
DASHES = {"solid": "", "dotted": "2 4", "dashed": "7 4"}


@dataclass(frozen=True)
class Curve:
    """Points (x, y) with a name.

    `invalid` are the indices to cross out, `hollow` those to draw as rings.
    """

    label: str
    points: Sequence[tuple[float, float]]
    kind: str = "bar"  # one of KINDS
    dash: str = "solid"  # or dotted, or dashed
    invalid: Sequence[int] = ()
    hollow: Sequence[int] = ()


@dataclass(frozen=True)
class Axis:
    """What one axis shows; logarithmic axes have no zero.

    An axis that `covers` some values has the same ticks in several charts.
    """

    label: str
    logarithmic: bool = False
    covers: Sequence[float] = ()

    def ticks(self, low: float, high: float) -> list[float]:
        """Return round numbers that cover a range.

        >>> Axis("ms").ticks(0, 42)
        [0.0, 10.0, 20.0, 30.0, 40.0, 50.0]
        >>> Axis("ms", logarithmic=True).ticks(0.7, 42)
        [0.1, 1.0, 10.0, 100.0]
        """
        if self.logarithmic:
            first = math.floor(math.log10(low))
            last = max(first + 1, math.ceil(math.log10(high)))
            return [10.0**power for power in range(first, last + 1)]
        step = 10.0 ** math.floor(math.log10((high - low) or 1))
        while (high - low) / step > 6:
            step *= 2
        while (high - low) / step < 3:
            step /= 2
        first, last = math.floor(low / step), math.ceil(high / step)
        return [number * step for number in range(first, last + 1)]

    def share(self, value: float, low: float, high: float) -> float:
        """Return how far along the axis a value lies, from 0 to 1."""
        if self.logarithmic:
            value, low, high = (math.log(v) for v in (value, low, high))
        return (value - low) / (high - low)


def curves(
    title: str, x: Axis, y: Axis, described: str, drawn: Sequence[Curve]
) -> str:
    """Return an SVG of curves; values on a logarithmic axis must be > 0."""
    every = [point for curve in drawn for point in curve.points]
    across = scale(x, [point[0] for point in every])
    up = scale(y, [point[1] for point in every])
    name = "-".join(["bench", *title.lower().split()])
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="bench" role="img"'
        f' viewBox="0 0 {WIDTH} {HEIGHT}" width="100%"'
        f' style="max-width: {2 * WIDTH}px"'
        f' aria-labelledby="{name}-title {name}-desc">',
        f'  <title id="{name}-title">{escape(title)}</title>',
        f'  <desc id="{name}-desc">{escape(described)}</desc>',
        f"  <style>{STYLE}{CURVES}  </style>",
        f'  <text class="title" x="8" y="22">{escape(title)}</text>',
        f'  <text class="note" x="8" y="42">{escape(y.label)}</text>',
        f'  <text class="note" x="{(LEFT + RIGHT) / 2:.0f}"'
        f' y="{HEIGHT - 8}" text-anchor="middle">{escape(x.label)}</text>',
    ]
    for tick in up:
        at = BOTTOM - y.share(tick, up[0], up[-1]) * (BOTTOM - TOP)
        parts += [
            f'  <path class="axis" d="M{LEFT} {at:.1f}H{RIGHT}"/>',
            f'  <text class="note" x="{LEFT - 6}" y="{at + 4:.1f}"'
            f' text-anchor="end">{short(tick)}</text>',
        ]
    for tick in across:
        at = LEFT + x.share(tick, across[0], across[-1]) * (RIGHT - LEFT)
        parts.append(
            f'  <text class="note" x="{at:.1f}" y="{BOTTOM + 18}"'
            f' text-anchor="middle">{short(tick)}</text>'
        )
    placed = [
        [
            (
                LEFT + x.share(a, across[0], across[-1]) * (RIGHT - LEFT),
                BOTTOM - y.share(b, up[0], up[-1]) * (BOTTOM - TOP),
            )
            for a, b in curve.points
        ]
        for curve in drawn
    ]
    heights = apart([points[-1][1] for points in placed if points])
    for curve, points in zip(drawn, placed, strict=True):
        if points:
            parts += line(curve, points, heights.pop(0))
    return "\n".join([*parts, "</svg>", ""])


def short(tick: float) -> str:
    """Return a number as it fits beside an axis.

    >>> short(0.5), short(1000), short(100_000)
    ('0.5', '1000', '100k')
    """
    return f"{tick / 1000:g}k" if tick >= 10_000 else f"{tick:g}"


def scale(axis: Axis, values: Sequence[float]) -> list[float]:
    """Return the ticks for these values; a linear axis begins at zero."""
    every = [*values, *axis.covers]
    low, high = min(every, default=1), max(every, default=1)
    return axis.ticks(low if axis.logarithmic else min(0, low), high)


def apart(heights: Sequence[float], least: float = 14) -> list[float]:
    """Return heights of labels that do not cover each other.

    >>> apart([100, 101, 50])
    [100, 114, 50]
    """
    placed: dict[int, float] = {}
    above = -math.inf
    for index in sorted(range(len(heights)), key=heights.__getitem__):
        above = placed[index] = max(heights[index], above + least)
    return [placed[index] for index in range(len(heights))]


def line(
    curve: Curve, points: Sequence[tuple[float, float]], height: float
) -> list[str]:
    """Return a curve, its points, and its name at its end."""
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    dash = DASHES[curve.dash]
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    parts = [f'  <path class="curve {curve.kind}" d="M{path}"{dashes}/>']
    for index, (x, y) in enumerate(points):
        if index in curve.invalid:
            parts.append(
                f'  <path class="curve wrong" d="M{x - 4:.1f} {y - 4:.1f}'
                'l8 8m-8 0l8 -8"/>'
            )
        elif index in curve.hollow:
            parts.append(
                f'  <circle class="curve {curve.kind}" cx="{x:.1f}"'
                f' cy="{y:.1f}" r="4"/>'
            )
        else:
            parts.append(
                f'  <circle class="point {curve.kind}" cx="{x:.1f}"'
                f' cy="{y:.1f}" r="2.5"/>'
            )
    parts.append(
        f'  <text class="note" x="{points[-1][0] + 8:.1f}"'
        f' y="{height + 4:.1f}">{escape(curve.label)}</text>'
    )
    return parts
