"""Say how much dearer B is than A, and whether that can be believed.

Knows: pairs of figures, one from each round; ranks; four words.
Does not know: what was measured.

A and B ran in the same round, so their ratio is free of what changes from
round to round. Each launch is one observation, however many requests it has
answered. Nothing is deleted as an outlier. If A and B were the same, each
ratio would be as likely above 1 as below: how unlikely the signs and ranks of
the logarithms then are is Wilcoxon's signed-rank test (exact, no table).
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95
ENOUGH = 0.9  # With less confidence no verdict is given.
SMALL = 0.05  # "same" is said only if a difference of 5 % would have shown.


@dataclass(frozen=True)
class Interval:
    """A median with the range that it can be trusted to."""

    median: float
    low: float
    high: float
    confidence: float  # what few observations really give: 0.9375 for five


def chances(n: int) -> list[float]:
    """Return how probable each rank sum is for n ratios with random signs.

    >>> chances(2)
    [0.25, 0.25, 0.25, 0.25]
    """
    ways = [1]
    for rank in range(1, n + 1):  # Rank counts, or does not.
        without, with_it = ways + [0] * rank, [0] * rank + ways
        ways = [a + b for a, b in zip(without, with_it, strict=True)]
    return [number / 2**n for number in ways]


def interval(
    values: Sequence[float], confidence: float = CONFIDENCE
) -> Interval:
    """Return the median and an interval, for positive values.

    It inverts the signed-rank test: from the k-th smallest to the k-th largest
    of all means of two (geometric means: these are ratios).
    """
    logs = sorted(math.log(value) for value in values)
    means = sorted((a + b) / 2 for i, a in enumerate(logs) for b in logs[i:])
    probable = chances(len(logs))
    outside, k = probable[0], 1
    while outside + probable[k] <= (1 - confidence) / 2:
        outside += probable[k]
        k += 1
    return Interval(
        statistics.median(values),
        math.exp(means[k - 1]),
        math.exp(means[-k]),
        1 - 2 * outside,
    )


def p_value(ratios: Sequence[float]) -> float:
    """Return how probable such ratios are if A and B are the same."""
    logs = sorted((math.log(ratio) for ratio in ratios), key=abs)
    above = sum(rank for rank, log in enumerate(logs, 1) if log > 0)
    below = sum(rank for rank, log in enumerate(logs, 1) if log < 0)
    probable = chances(len(logs))
    return min(1.0, 2 * sum(probable[: min(above, below) + 1]))


@dataclass(frozen=True)
class Comparison:
    """B against A, beside a second copy of A against A."""

    ratio: Interval  # B / A: above 1 B is slower
    noise: float  # how far A' / A may lie from 1
    p: float

    @property
    def verdict(self) -> str:
        """One of faster, slower, same, unclear."""
        shift = self.ratio.median - 1
        if self.ratio.confidence < ENOUGH:
            return "unclear"
        if abs(shift) > self.noise:
            if self.ratio.low > 1:
                return "slower"
            if self.ratio.high < 1:
                return "faster"
        return "same" if self.smallest <= SMALL else "unclear"

    @property
    def smallest(self) -> float:
        """The smallest difference that this run could have seen."""
        half = (self.ratio.high - self.ratio.low) / 2
        return max(self.noise, half)


def noise_of(again: Sequence[float]) -> float:
    """Return how far the ratios of A' to A may lie from 1."""
    found = interval(again)
    return max(abs(found.low - 1), abs(found.high - 1))


def compare(
    a: Sequence[float],
    b: Sequence[float],
    noise: float,
    confidence: float = CONFIDENCE,
) -> Comparison:
    """Compare what B cost with what A cost in the same rounds."""
    ratios = [y / x for x, y in zip(a, b, strict=True)]
    return Comparison(interval(ratios, confidence), noise, p_value(ratios))
