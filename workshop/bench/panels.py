"""Set charts one below the other, as one SVG.

Knows: SVG inside SVG, how high each chart is.
Does not know: what they show.
"""

import re
from collections.abc import Sequence
from xml.sax.saxutils import escape

from workshop.bench.chart import HEIGHT, WIDTH


def panels(title: str, described: str, charts: Sequence[str]) -> str:
    """Return one SVG of charts that `chart.curves` drew."""
    height = HEIGHT * len(charts)
    name = "-".join(["bench", *title.lower().split()])
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="bench" role="img"'
        f' viewBox="0 0 {WIDTH} {height}" width="100%"'
        f' style="max-width: {2 * WIDTH}px"'
        f' aria-labelledby="{name}-title {name}-desc">',
        f'  <title id="{name}-title">{escape(title)}</title>',
        f'  <desc id="{name}-desc">{escape(described)}</desc>',
    ]
    for number, chart in enumerate(charts):
        parts.append(placed(chart, number * HEIGHT))
    return "\n".join([*parts, "</svg>", ""])


def placed(chart: str, y: int) -> str:
    """Return a chart at its height within another one."""
    inner = f'y="{y}" width="{WIDTH}" height="{HEIGHT}"'
    return re.sub(
        r'width="100%" style="[^"]*"', inner, chart, count=1
    ).rstrip()
