"""Verdicts: on figures of which we know what is behind them."""

import itertools
import math
import random

import pytest

from workshop.bench.ratios import (
    Comparison,
    Interval,
    chances,
    compare,
    interval,
    noise_of,
    p_value,
)


def drawn(lot, number, shift=1.0, spread=0.02):
    """Return figures as launches give them, around `shift`."""
    return [shift * math.exp(lot.gauss(0, spread)) for _ in range(number)]


def p_by_hand(ratios):
    """Flip the sign of each rank: in how many ways is it as extreme?"""
    logs = sorted((math.log(ratio) for ratio in ratios), key=abs)
    ranks = range(1, len(logs) + 1)
    middle = sum(ranks) / 2
    seen = sum(r for r, log in zip(ranks, logs, strict=True) if log > 0)
    sums = [
        sum(r for r, up in zip(ranks, flips, strict=True) if up)
        for flips in itertools.product((True, False), repeat=len(logs))
    ]
    extreme = [s for s in sums if abs(s - middle) >= abs(seen - middle)]
    return len(extreme) / len(sums)


@pytest.mark.parametrize("number", [1, 2, 5, 9])
def test_chances_are_those_of_tossed_coins(number):
    probable = chances(number)

    assert sum(probable) == pytest.approx(1)
    assert len(probable) == number * (number + 1) // 2 + 1
    assert probable == probable[::-1]


@pytest.mark.parametrize("seed", range(8))
def test_p_is_what_flipping_all_signs_gives(seed):
    ratios = drawn(random.Random(seed), 8, shift=1.01)

    assert p_value(ratios) == pytest.approx(p_by_hand(ratios))


@pytest.mark.parametrize("seed", range(20))
def test_the_interval_holds_1_unless_p_is_small(seed):
    ratios = drawn(random.Random(seed), 12, shift=1.01)
    found = interval(ratios)

    assert (found.low <= 1 <= found.high) == (
        p_value(ratios) > 1 - found.confidence
    )


def test_few_launches_give_less_confidence_and_say_so():
    assert interval([1.0, 2.0, 3.0]) == Interval(
        2.0, pytest.approx(1.0), pytest.approx(3.0), 0.75
    )
    assert interval([5.0]).confidence == 0
    assert interval(list(range(1, 13))).confidence >= 0.95


def test_p_is_uniform_if_there_is_no_difference():
    lot = random.Random(1)
    values = [p_value(drawn(lot, 12)) for _ in range(4000)]

    for level in (0.01, 0.05, 0.1, 0.25, 0.5, 0.75):
        share = sum(p <= level for p in values) / len(values)
        # Ranks are few: p can be a little less often small, never more.
        assert level - 0.06 < share < level + 0.015


def test_the_interval_holds_the_truth_as_often_as_it_says():
    lot = random.Random(2)
    found = [interval(drawn(lot, 10, shift=1.3)) for _ in range(2000)]

    share = sum(each.low <= 1.3 <= each.high for each in found) / len(found)
    assert share == pytest.approx(found[0].confidence, abs=0.015)


def experiment(lot, shift, number=16, spread=0.01):
    """Return the comparison of B with A where B costs `shift` times A."""
    rounds = drawn(lot, number, 10.0, 0.2)  # what all arms of a round share

    def launches(shift):
        own = drawn(lot, number, shift, spread)
        return [base * each for base, each in zip(rounds, own, strict=True)]

    a, again, b = launches(1), launches(1), launches(shift)
    noise = noise_of([y / x for x, y in zip(a, again, strict=True)])
    return compare(a, b, noise)


@pytest.mark.parametrize(
    ("shift", "word"), [(1.05, "slower"), (1 / 1.05, "faster"), (1.0, "same")]
)
def test_a_shift_of_5_percent_is_found_among_rounds_that_vary_by_20(
    shift, word
):
    lot = random.Random(3)
    words = [experiment(lot, shift).verdict for _ in range(100)]

    assert words.count(word) >= 95


def test_no_difference_is_hardly_ever_called_one():
    lot = random.Random(4)
    words = [experiment(lot, 1.0, number=8).verdict for _ in range(500)]

    assert words.count("slower") + words.count("faster") <= 10


def test_a_coarse_run_is_unclear_and_says_what_it_could_have_seen():
    found = experiment(random.Random(5), 1.02, spread=0.2)

    assert found.verdict == "unclear"
    assert found.smallest > 0.05


def interval_of(median, low, high, confidence=0.95):
    return Interval(median, low, high, confidence)


@pytest.mark.parametrize(
    ("ratio", "noise", "word"),
    [
        (interval_of(1.10, 1.08, 1.12), 0.02, "slower"),
        (interval_of(0.90, 0.88, 0.92), 0.02, "faster"),
        (interval_of(1.01, 1.005, 1.015), 0.02, "same"),
        (interval_of(1.10, 0.99, 1.21), 0.02, "unclear"),
        (interval_of(1.10, 1.08, 1.12), 0.15, "unclear"),
        (interval_of(1.10, 1.08, 1.12, 0.75), 0.02, "unclear"),
    ],
)
def test_the_four_words(ratio, noise, word):
    assert Comparison(ratio, noise, p=0.01).verdict == word
