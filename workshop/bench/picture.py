"""Draw bars with their intervals as SVG, by hand.

Knows: SVG, how wide a phone is.
Does not know: what the bars mean.

Texts take the colour of the page (`currentColor`); bars and whiskers take
`--bench-bar`, `--bench-marked` and `--bench-whisker`, which a page may set.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, ROW, TOP, LEFT, RIGHT = 360, 46, 64, 8, 352
FONT = "font: 13px system-ui, sans-serif"

STYLE = f"""
    .bench text {{ {FONT}; fill: currentColor }}
    .bench .title {{ font-weight: 600; font-size: 15px }}
    .bench .note {{ font-size: 12px; opacity: .8 }}
    .bench .bar {{ fill: var(--bench-bar, #4f7fc4) }}
    .bench .marked {{ fill: var(--bench-marked, #d9822b) }}
    .bench .wrong {{ fill: var(--bench-wrong, #d64545) }}
    .bench .whisker {{
        stroke: var(--bench-whisker, currentColor); stroke-width: 2 }}
"""


@dataclass(frozen=True)
class Bar:
    """One bar: what it is called, how long it is, what stands beside it."""

    label: str
    value: float
    low: float
    high: float
    note: str
    kind: str = "bar"  # or "marked", or "wrong"


def bars(title: str, unit: str, described: str, rows: Sequence[Bar]) -> str:
    """Return an SVG with one bar below the other, readable on a phone."""
    height = TOP + ROW * len(rows) + 8
    widest = max((max(bar.value, bar.high) for bar in rows), default=1) or 1
    scale = (RIGHT - LEFT) / widest
    name = "-".join(["bench", *title.lower().split()])
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="bench" role="img"'
        f' viewBox="0 0 {WIDTH} {height}" width="100%"'
        f' style="max-width: {2 * WIDTH}px"'
        f' aria-labelledby="{name}-title {name}-desc">',
        f'  <title id="{name}-title">{escape(title)}</title>',
        f'  <desc id="{name}-desc">{escape(described)}</desc>',
        f"  <style>{STYLE}  </style>",
        f'  <text class="title" x="{LEFT}" y="22">{escape(title)}</text>',
        f'  <text class="note" x="{LEFT}" y="42">{escape(unit)}</text>',
    ]
    for number, bar in enumerate(rows):
        parts += drawn(bar, TOP + ROW * number, scale)
    return "\n".join([*parts, "</svg>", ""])


def drawn(bar: Bar, y: float, scale: float) -> list[str]:
    """Return the lines of one bar, whose top is at `y`."""
    low, high = LEFT + bar.low * scale, LEFT + bar.high * scale
    middle = y + 27
    return [
        f'  <text x="{LEFT}" y="{y + 14:.0f}">{escape(bar.label)}</text>',
        f'  <text class="note" x="{RIGHT}" y="{y + 14:.0f}"'
        f' text-anchor="end">{escape(bar.note)}</text>',
        f'  <rect class="{bar.kind}" x="{LEFT}" y="{y + 20:.0f}" rx="2"'
        f' width="{bar.value * scale:.1f}" height="14"/>',
        f'  <path class="whisker" d="M{low:.1f} {middle:.0f}H{high:.1f}'
        f'M{low:.1f} {middle - 4:.0f}v8M{high:.1f} {middle - 4:.0f}v8"/>',
    ]
