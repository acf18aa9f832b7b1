"""Requests as they really come: what is asked, and what is concluded."""

import json

import pytest

from workshop.bench.experiment import find
from workshop.bench.study import Options
from workshop.exchange import Wire
from workshop.serving import launched
from workshop.steps import ROOT
from workshop.steps import find as step

REALISTIC = find("realistic")
POSITIONS = ROOT / "workshop" / "bench" / "positions.py"


def told(**costs):
    """Return a result: `told(hello=[1, 2])` of steps 1 and 2."""
    arms = [
        {"name": f"0{number}, {shape}", "cpu_us": {"median": cost}}
        for shape, found in costs.items()
        for number, cost in enumerate(found, 1)
    ]
    return {"arms": arms}


def test_each_request_is_asked_of_each_step_that_can_answer():
    arms = REALISTIC.arms(Options(steps=["01", "03"]))

    assert [arm.name for arm in arms] == [
        "01 raw protocol, hello",
        "03 parsing, hello",
        "01 raw protocol, browser",
        "03 parsing, browser",
        "03 parsing, position",
    ]
    assert len(arms[2].case.request.splitlines()) == 22


def test_ranks_that_change_are_told():
    same = told(hello=[1, 3, 2], browser=[2, 6, 4])
    other = told(hello=[1, 3, 2], browser=[1, 2, 3])

    assert "is that of hello" in REALISTIC.sentences(same)[0]
    assert REALISTIC.sentences(other)[0].endswith("changes with browser.")
    assert "02 0.67 times" in REALISTIC.sentences(other)[1]


@pytest.mark.parametrize(
    ("position", "status"),
    [
        ({"latitude": 1, "longitude": 2, "altitude": 3}, 204),
        ({"latitude": 91, "longitude": 2, "altitude": 3}, 422),
        ({"latitude": True, "longitude": 2, "altitude": 3}, 422),
        ({"latitude": 1, "longitude": 2}, 422),
        ([1, 2, 3], 422),
    ],
)
def test_position_is_validated(position, status):
    content = json.dumps(position).encode()
    head = REALISTIC.POST.request.split(b"Content-Length")[0]
    length = b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(content)
    with launched(step("05").folder, POSITIONS) as running:
        exchange = Wire(running.url).send(head + length + content)

    assert [answer.status for answer in exchange.answers] == [status]
