"""Single functions: each returns what it must before it is timed."""

import sys

import pytest

from workshop.bench import micro
from workshop.errors import ENVIRONMENT


@pytest.mark.parametrize("number", ["03", "04", "05"])
def test_jobs_can_be_repeated(number):
    found = micro.jobs(micro.core(number))

    for job in found.values():
        assert [job() for _ in range(3)]
    assert list(found) == [
        "parse a request",
        "match a route",
        "render a head",
        "dump JSON",
    ]


def test_a_function_that_returns_something_else_is_not_timed():
    rooms = micro.core("05")
    rooms.modules["routing"].Router.match = lambda *_: (None, {}, set())

    with pytest.raises(AssertionError):
        micro.matching(rooms)


def test_without_pyperf_it_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pyperf", None)

    assert micro.main() == ENVIRONMENT
    assert "pip install pyperf" in capsys.readouterr().err
