"""The rule of compare, on figures of which we know what is behind them."""

import math
import random
import statistics

import pytest

from workshop.bench.binomial import clopper_pearson
from workshop.bench.measure import AGAIN, Race, Sample, orders
from workshop.bench.trials import LEVEL, QUICK, judged, of_two, trial


def launches(lot, shift, rounds, spread=0.01):
    """Return what launches of one arm cost in these rounds."""
    return [base * shift * math.exp(lot.gauss(0, spread)) for base in rounds]


def tried(lot, shift, number=QUICK.rounds, spread=0.01):
    """Judge B that costs `shift` times A, in rounds that vary by 20%."""
    rounds = [10 * math.exp(lot.gauss(0, 0.2)) for _ in range(number)]
    a, again = (launches(lot, 1, rounds, spread) for _ in range(2))
    return judged(a, again, launches(lot, shift, rounds, spread))


def test_false_alarms_are_as_rare_as_the_level_says():
    lot = random.Random(1)
    found = [tried(lot, 1) for _ in range(4000)]
    alarms = sum(each.alarm for each in found)
    exact = 2 / 2**QUICK.rounds  # all signs alike

    low, high = clopper_pearson(alarms, len(found), 0.999)
    assert low < exact < high
    assert exact <= LEVEL


def test_a_verdict_of_a_difference_is_rarer_than_an_alarm():
    lot = random.Random(2)
    found = [tried(lot, 1) for _ in range(2000)]
    words = [each.verdict for each in found]

    assert words.count("slower") + words.count("faster") <= sum(
        each.alarm for each in found
    )
    assert all(
        each.alarm for each in found if each.verdict in ("slower", "faster")
    )


def test_p_is_uniform_on_a_against_a():
    """As far as ranks of 12 rounds allow: p <= x in a share x of all."""
    lot = random.Random(3)
    found = [tried(lot, 1, number=12).p for _ in range(3000)]

    for level in (0.01, 0.05, 0.1, 0.5, 0.9):
        share = sum(p <= level for p in found) / len(found)
        assert level - 0.07 < share < level + 0.02
    assert statistics.fmean(found) == pytest.approx(0.52, abs=0.03)


@pytest.mark.parametrize(
    ("shift", "word"), [(1.05, "slower"), (1 / 1.05, "faster")]
)
def test_a_shift_of_5_percent_is_found(shift, word):
    lot = random.Random(4)
    words = [tried(lot, shift).verdict for _ in range(100)]

    assert words.count(word) >= 95


def test_few_rounds_cannot_be_slower():
    found = judged([1.0] * 6, [1.001] * 6, [1.5] * 6)

    assert found.p == 2 / 2**6
    assert (found.alarm, found.verdict) == (False, "unclear")


def test_a_server_that_was_not_busy_is_unclear():
    figures = [1.0] * 8, [1.001] * 8, [1.5] * 8

    assert judged(*figures).verdict == "slower"
    assert judged(*figures, busy=False).verdict == "unclear"
    assert judged(*figures, busy=False).alarm


def sample(arm, number, cpu, switches=0.0):
    return Sample(arm, number, 0, cpu, 1000, 0.1, switches, 0, {})


def test_a_race_is_judged_in_the_rounds_that_all_have():
    race = Race(["A", "B"])
    for number in range(9):
        race.samples.append(sample("A", number, 10.0))
        race.samples.append(sample(AGAIN, number, 10.1))
        if number:  # It was interrupted, or B began later.
            race.samples.append(sample("B", number, 12.0))

    found = of_two(race)

    assert found.ratio.median == pytest.approx(1.2)
    assert found.p == 2 / 2**8
    assert found.verdict == "slower"
    assert found.data()["alarm"] is True


def test_a_race_without_a_whole_round_says_nothing():
    race = Race(["A", "B"], [sample("A", 0, 10.0), sample("B", 1, 10.0)])

    assert trial(race, "A", AGAIN, "B") is None


@pytest.mark.parametrize("number", [3, 4, 7])
def test_order_of_launches_is_balanced(number):
    """In an even number of rounds all arms have the same mean position."""
    names = "abcdefg"[:number]
    drawn = orders(names, QUICK.rounds, QUICK.seed)

    for name in names:
        places = [order.index(name) for order in drawn]
        assert statistics.fmean(places) == (number - 1) / 2
    assert len({tuple(order) for order in drawn}) > 2
