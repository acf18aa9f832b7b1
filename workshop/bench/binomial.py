"""Say how far a share of trials can be trusted.

Knows: trials that are independent and go one of two ways.
Does not know: what was tried.

Clopper and Pearson (1934): the interval holds each rate with which as few, or
as many, would not have been too improbable. It is exact: it holds the true
rate at least as often as it says, however rare the event is.
"""

import math

CONFIDENCE = 0.95
HALVINGS = 60  # A rate is then known to the last bit of a float.


def at_most(hits: int, trials: int, rate: float) -> float:
    """Return how probable so many hits or fewer are.

    >>> at_most(0, 2, 0.5), at_most(1, 2, 0.5), at_most(2, 2, 0.5)
    (0.25, 0.75, 1.0)
    """
    return math.fsum(
        math.comb(trials, n) * rate**n * (1 - rate) ** (trials - n)
        for n in range(hits + 1)
    )


def rate_where(hits: int, trials: int, probable: float) -> float:
    """Return the rate at which so many hits or fewer are that probable.

    The higher the rate, the less probable are few hits: halve until found.
    """
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if at_most(hits, trials, middle) > probable:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def clopper_pearson(
    hits: int, trials: int, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Return the interval of a rate, after so many hits in these trials.

    None of 10 does not prove much; nor does half of them:

    >>> [round(rate, 4) for rate in clopper_pearson(0, 10)]
    [0.0, 0.3085]
    >>> [round(rate, 4) for rate in clopper_pearson(5, 10)]
    [0.1871, 0.8129]
    """
    tail = (1 - confidence) / 2
    low = rate_where(hits - 1, trials, 1 - tail) if hits else 0.0
    high = rate_where(hits, trials, tail) if hits < trials else 1.0
    return low, high
