"""Write figures for people.

Knows: how many digits a reader needs.
Does not know: what is written of what.
"""

from typing import Any

NOTHING = "-"


def figure(value: Any, digits: int = 0) -> str:
    """Return a figure, or the median of an interval.

    >>> figure(12345), figure({"median": 9.876}, 1), figure(None)
    ('12,345', '9.9', '-')
    """
    if isinstance(value, dict):
        value = value["median"]
    return NOTHING if value is None else f"{value:,.{digits}f}"


def spread(found: dict[str, float] | None, digits: int) -> str:
    """Return a median, and its interval in the next line.

    >>> spread({"median": 9.12, "low": 9.0, "high": 9.29}, 1)
    '9.1\\n9.0-9.3'
    """
    if found is None:
        return NOTHING
    middle, low, high = (found[key] for key in ("median", "low", "high"))
    return f"{middle:.{digits}f}\n{low:.{digits}f}-{high:.{digits}f}"


def interval(found: dict[str, float]) -> tuple[float, float, float]:
    """Return a median and its interval, as a bar is drawn."""
    return found["median"], found["low"], found["high"]


def rows(wire: dict[str, Any] | None) -> str:
    """Return how many wire rows are right.

    >>> rows({"right": 3, "rows": 30, "live": False})
    '3/30'
    """
    return f"{wire['right']}/{wire['rows']}" if wire else NOTHING


def times(ratio: dict[str, float]) -> str:
    """Return a ratio in words.

    >>> times({"median": 2.84, "low": 2.8, "high": 2.91, "confidence": 0.95})
    '2.84 times (2.80 to 2.91)'
    """
    return (
        f"{ratio['median']:.2f} times"
        f" ({ratio['low']:.2f} to {ratio['high']:.2f})"
    )


def inverse(ratio: dict[str, float] | None) -> dict[str, float] | None:
    """Return how many fit where one fitted, if each costs so many times more.

    >>> inverse({"median": 2.0, "low": 1.6, "high": 2.5, "confidence": 0.95})
    {'median': 0.5, 'low': 0.4, 'high': 0.625}
    """
    if ratio is None:
        return None
    ends = {"median": "median", "low": "high", "high": "low"}
    return {end: 1 / ratio[other] for end, other in ends.items()}


def joined(names: list[str]) -> str:
    """Return names as a person lists them.

    >>> joined(["a", "b", "c"])
    'a, b and c'
    """
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
