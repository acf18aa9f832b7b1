"""Each extension has its exact budget, and keeps to it."""

import functools
import json

import pytest

from workshop.bench import budgets
from workshop.bench.arms import UNPRICED, is_extension
from workshop.steps import find

COMMITTED = json.loads(budgets.PATH.read_text("utf-8"))
WAYS = "alone", "beside"


@pytest.fixture(scope="module", params=budgets.STEPS)
def word(request):
    return request.param


@functools.cache
def counted(word):
    return budgets.budgets(word)


@pytest.fixture
def found(word):
    return counted(word)


@pytest.mark.parametrize("way", WAYS)
def test_every_extension_has_a_budget_or_no_price(word, way):
    paths = find(word).folder.glob("extensions/[!_]*.py")
    there = {path.stem for path in paths if is_extension(path)}

    assert set(COMMITTED["budgets"][word][way]) == there - UNPRICED
    assert there >= budgets.CONCERNED


def test_budgets_are_what_was_recorded(word, found):
    """Bytecodes differ from one minor version of Python to the next."""
    committed = COMMITTED["budgets"][word]

    assert list(found["alone"]) == list(committed["alone"])
    if budgets.python() == COMMITTED["python"]:
        assert found == committed


def test_requests_cost_what_was_recorded(word):
    if budgets.python() == COMMITTED["python"]:
        assert budgets.requests(word) == COMMITTED["requests"][word]


def test_extension_that_is_not_concerned_only_asks(found):
    assert budgets.dear(found["beside"]) == {}


def test_extension_that_is_alone_and_not_concerned_only_asks():
    assert budgets.dear(counted("04")["alone"]) == {}


def test_who_asks_too_much_is_named():
    one, two = {"python_calls": 3}, {"python_calls": 2}

    assert budgets.dear({"a": one, "logger": one, "b": two}) == {"a": 3}
