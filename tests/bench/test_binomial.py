"""Intervals of a rate, against tables and against all that can happen."""

import math

import pytest

from workshop.bench.binomial import at_most, clopper_pearson

# Quantiles of the beta distribution, by scipy 1.x: beta.ppf.
KNOWN = {
    (0, 200): (0.0, 0.018275),
    (1, 200): (0.000127, 0.027542),
    (2, 200): (0.001213, 0.035655),
    (10, 100): (0.049005, 0.176223),
    (3, 3): (0.292402, 1.0),
}


@pytest.mark.parametrize("seen", KNOWN)
def test_clopper_pearson_is_that_of_the_tables(seen):
    assert clopper_pearson(*seen) == pytest.approx(KNOWN[seen], abs=1e-6)


@pytest.mark.parametrize("trials", [1, 7, 200])
def test_none_and_all_have_a_known_end(trials):
    tail = 0.025 ** (1 / trials)

    assert clopper_pearson(0, trials) == pytest.approx((0, 1 - tail))
    assert clopper_pearson(trials, trials) == pytest.approx((tail, 1))


def test_no_trial_says_nothing():
    assert clopper_pearson(0, 0) == (0, 1)


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.3, 0.5])
def test_interval_holds_the_rate_as_often_as_it_says(rate):
    """All outcomes of 40 trials, each with its probability."""
    held = math.fsum(
        at_most(hits, 40, rate) - at_most(hits - 1, 40, rate)
        for hits in range(41)
        if clopper_pearson(hits, 40)[0] <= rate <= clopper_pearson(hits, 40)[1]
    )

    assert held >= 0.95


def test_rarer_confidence_is_wider():
    low, high = clopper_pearson(5, 50, 0.99)

    assert low < clopper_pearson(5, 50)[0]
    assert high > clopper_pearson(5, 50)[1]
