"""Requests as they really come: what is asked, and what is concluded."""

import json
import runpy
import sys

import pytest

from workshop.bench import shapes
from workshop.bench.counts import count
from workshop.bench.experiment import find, lab
from workshop.bench.measure import Plan
from workshop.bench.study import Options
from workshop.exchange import Wire
from workshop.serving import launched
from workshop.steps import find as step

REALISTIC = find("realistic")
ARMS, PIPELINED = REALISTIC.arms, REALISTIC.PIPELINED


def told(load="builtin", words="bench realistic", reads=(), **costs):
    """Return a result: `told(hello=[1, 2])` of steps 1 and 2."""
    arms = [
        {
            "name": f"0{number}, {shape.replace('_', ' ')}",
            "cpu_us": {"median": cost},
            "samples": [{"reads": each} for each in reads],
        }
        for shape, found in costs.items()
        for number, cost in enumerate(found, 1)
    ]
    return {"arms": arms, "plan": {"load": load}, "command": words}


def test_each_request_is_asked_of_each_step_that_can_answer():
    arms = REALISTIC.arms(Options(steps=["01", "03"]))

    assert [arm.name for arm in arms] == [
        "01 raw protocol, hello",
        "03 parsing, hello",
        "01 raw protocol, 1,000 connections",
        "03 parsing, 1,000 connections",
        "01 raw protocol, browser",
        "03 parsing, browser",
        "03 parsing, position",
        "03 parsing, 16 pipelined",
        "03 parsing, cut in 3",
    ]
    assert (arms[0].case.connections, arms[2].case.connections) == (0, 1_000)
    assert len(arms[4].case.request.splitlines()) == 22
    assert arms[7].case.segments == [arms[7].case.request * 16]
    assert b"".join(arms[8].case.segments) == arms[0].case.request
    assert len(arms[8].case.segments) == 3


def test_wrk_is_not_asked_to_cut_and_a_quick_run_leaves_out_a_step():
    steps = {
        quick: {arm.name[:2] for arm in REALISTIC.arms(Options(quick=quick))}
        for quick in (True, False)
    }
    shapes = {arm.case.name for arm in REALISTIC.arms(Options(load="wrk"))}

    assert steps == {True: {"01", "05"}, False: {"01", "04", "05"}}
    asked = {"hello", "1,000 connections", "browser", "position", PIPELINED}
    assert shapes == asked


@pytest.mark.parametrize("step_name", ["03", "04", "05"])
@pytest.mark.parametrize("name", ["position", "16 pipelined", "cut in 3"])
def test_each_step_answers_each_request_rightly(step_name, name):
    arms = REALISTIC.arms(Options(steps=[step_name]))
    (arm,) = [arm for arm in arms if arm.case.name == name]

    counts, answer = count(arm.folder, arm.case, arm.program)

    assert (answer.status, answer.content) == (
        arm.case.status,
        arm.case.content,
    )
    assert counts.bytecodes > 0


def test_realistic_runs_with_the_built_in_generator(monkeypatch, validate):
    monkeypatch.setattr(REALISTIC, "QUICK", Plan(1, 0.05, 0.01, 8))
    monkeypatch.setattr(
        REALISTIC, "arms", lambda options: ARMS(Options(steps=["05"]))[::4]
    )
    study = lab("realistic", Options(quick=True), REALISTIC)

    study.measure()

    result = study.result()
    validate(result)
    assert result["plan"]["load"] == "builtin, 1 process"
    assert [arm["wrong"] for arm in result["arms"]] == [None, None]
    assert result["arms"][1]["name"].endswith("16 pipelined")
    assert len(result["sentences"]) == 3


def test_ranks_that_change_are_told():
    same = told(hello=[1, 3, 2], browser=[2, 6, 4])
    other = told(hello=[1, 3, 2], browser=[1, 2, 3])

    assert "is that of hello" in REALISTIC.sentences(same)[0]
    assert REALISTIC.sentences(other)[0].endswith("changes with browser.")
    assert "02 0.67 times" in REALISTIC.sentences(other)[1]


def test_what_many_connections_cost_is_told():
    result = told(**{"hello": [1, 2], "1,000 connections": [2, 3]})

    assert REALISTIC.sentences(result)[1] == (
        "With 1,000 connections a hello costs 01 2.00 times and 02 1.50 times."
    )


def test_other_segments_are_told():
    costs = {"hello": [2], "16_pipelined": [1], "cut_in_3": [5]}

    said = REALISTIC.sentences(told(reads=[3.0, 2.5], **costs))
    silent = REALISTIC.sentences(told(reads=[None, 0.01], **costs))

    assert said[1:] == [
        "One of 16 pipelined texts costs 01 1.0 µs.",
        "Hello cut in 3 costs 01 2.50 times; for each the servers read 2.50"
        " times or more.",
    ]
    assert silent[2].endswith("this system does not tell.")


def test_what_was_left_out_is_told():
    words = "bench realistic --quick"
    costs = {"hello": [1, 2], "browser": [1, 2]}

    said = REALISTIC.sentences(told("wrk 4.1.0", words, **costs))

    assert said[2:] == [
        "wrk cannot cut a request: that shape was left out.",
        "This quick run left out step 04.",
    ]
    assert len(REALISTIC.sentences(told(**costs))) == 2


@pytest.mark.steps("05")
async def test_position_is_kept(step, fetch, monkeypatch):
    for room, module in step.modules.items():
        monkeypatch.setitem(sys.modules, room, module)
    space = runpy.run_path(str(shapes.POSITIONS))

    await fetch(
        space["app"], "/drones/7", method="POST", content=shapes.POSITION
    )

    assert space["positions"] == {"7": json.loads(shapes.POSITION)}


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
    head = shapes.POST.request.split(b"Content-Length")[0]
    length = b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(content)
    with launched(step("05").folder, shapes.POSITIONS) as running:
        exchange = Wire(running.url).send(head + length + content)

    assert [answer.status for answer in exchange.answers] == [status]
