"""Draw what each row of a result costs.

Knows: CPU time with its interval, which row is marked.
Does not know: what is compared, how it was measured.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from workshop.bench.picture import Bar, bars
from workshop.bench.words import NOTHING, figure, interval

Row = Mapping[str, Any]

UNIT = "server CPU time per request, with its interval"
KINDS = {"first": "marked", "wrong": "wrong"}


def micros(row: Row) -> str:
    """Return the time of a row in microseconds.

    >>> micros({"cpu_us": {"median": 9.12, "low": 9.0, "high": 9.29}})
    '9.1 µs'
    """
    return f"{figure(row['cpu_us'], 1)} µs"


def kind(row: Row) -> str:
    """Return how a bar looks: what the others are compared with, or wrong.

    >>> kind({"verdict": "first"}), kind({"verdict": "slower"})
    ('marked', 'bar')
    """
    return KINDS.get(row["verdict"], "bar")


def marked(chosen: Callable[[Row], bool]) -> Callable[[Row], str]:
    """Return how bars look where the chosen rows are marked."""
    return lambda row: "marked" if chosen(row) else "bar"


def cost_bars(
    title: str,
    rows: Iterable[Row],
    unit: str = UNIT,
    note: Callable[[Row], str] = micros,
    kind: Callable[[Row], str] = kind,
) -> str:
    """Return an SVG with a bar for each row that was measured.

    A row has a `name`, `cpu_us` (microseconds: median, low and high; or
    None), and a `verdict` if `kind` is not given. `note` is what stands
    beside its bar.
    """
    drawn = [
        Bar(row["name"], *interval(row["cpu_us"]), note(row), kind(row))
        for row in rows
        if row["cpu_us"]
    ]
    described = "; ".join(f"{bar.label}: {bar.note}" for bar in drawn)
    return bars(title, unit, described or NOTHING, drawn)
