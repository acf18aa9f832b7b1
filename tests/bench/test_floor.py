"""The least that answers a hello: that it answers, what is concluded."""

import pytest

from workshop.bench.counts import count
from workshop.bench.experiment import find
from workshop.bench.shapes import PIPELINED, POST
from workshop.bench.study import Options
from workshop.exchange import Wire
from workshop.serving import launched

FLOOR = find("floor")
ARMS = {arm.name: arm for arm in FLOOR.arms(Options())}
ADA = b"GET /hello/ada HTTP/1.1\r\nHost: x\r\n\r\n"


def told(**more):
    """Return a result in which each duty takes 1 µs, and step 01 takes 5."""
    names = ["01 raw protocol", *FLOOR.DUTIES, FLOOR.WHOLE]
    costs = dict(zip(names, [5.0, 6.0, 7.0, 8.0, 9.0, 10.0], strict=True))
    arms = [arm(*pair) for pair in {**costs, **more}.items()]
    return {"arms": arms, "noise": {"limit": 0.03}}


def arm(name, cost):
    """Return an arm; it has ten bytecodes for each microsecond."""
    return {
        "name": name,
        "counts": {"bytecodes": int(cost * 10)},
        "cpu_us": interval(cost),
        "ratio": interval(cost / 5),
    }


def interval(value):
    return {"median": value, "low": value, "high": value, "confidence": 0.95}


@pytest.mark.parametrize("duty", FLOOR.DUTIES)
def test_each_of_them_says_who_was_meant(duty):
    asked = ARMS[duty]
    with launched(asked.folder, asked.program, asked.env) as running:
        (answer,) = Wire(running.url, patience=0.5).send(ADA).answers

    assert (answer.status, answer.content) == (200, b'{"message":"Hello ada"}')


def test_a_position_is_checked_by_the_handler_of_the_others():
    asked = ARMS[FLOOR.LEAST_POSITION]
    with launched(asked.folder, asked.program, asked.env) as running:
        wire = Wire(running.url, patience=0.5)
        (answer,) = wire.send(POST.request).answers
        refused = wire.send(POST.request.replace(b"120", b"1e9")).answers

    assert (answer.status, answer.content, refused) == (204, b"", [])


def test_texts_that_were_pipelined_are_all_answered():
    asked = ARMS[FLOOR.LEAST_TEXT]
    with launched(asked.folder, asked.program, asked.env) as running:
        wire = Wire(running.url, patience=0.5)
        answers = wire.send(PIPELINED.request * 16).answers

    assert [answer.content for answer in answers] == [PIPELINED.content] * 16


def test_each_duty_costs_more_and_step_05_the_most():
    counts = {
        n: count(a.folder, a.case, a.program, a.env)[0]
        for n, a in ARMS.items()
    }
    rungs = [counts[name].bytecodes for name in (*FLOOR.DUTIES, FLOOR.WHOLE)]
    position = counts[FLOOR.LEAST_POSITION], counts[FLOOR.POSITION]
    text = counts[FLOOR.LEAST_TEXT], counts[FLOOR.TEXT]

    assert rungs == sorted(set(rungs))
    for least, whole in (position, text):
        assert least.bytecodes < whole.bytecodes
    assert {found.writes for found in counts.values()} == {1, 0.06}  # 1/16


def test_orjson_takes_part_where_it_is(monkeypatch):
    monkeypatch.setattr(FLOOR, "find_spec", lambda name: None)
    without = [arm.name for arm in FLOOR.arms(Options())]
    monkeypatch.setattr(FLOOR, "find_spec", lambda name: name)
    having = FLOOR.arms(Options())

    rungs = ["01 raw protocol", *FLOOR.DUTIES, FLOOR.WHOLE]
    positions = [FLOOR.LEAST_POSITION, FLOOR.POSITION]
    texts = [FLOOR.LEAST_TEXT, FLOOR.TEXT]
    assert without == [*rungs, *positions, *texts]
    assert [arm.beside for arm in having] == [False] * 6 + [True] * 6
    assert len(FLOOR.arms(Options(quick=True))) == 6


def test_what_is_concluded():
    floor, rest, duties = FLOOR.sentences(told())

    assert "are 50% of the time of 05 benchmarks" in floor
    assert "1.80 times (1.80 to 1.80)" in rest
    assert "2.00 times (2.00 to 2.00): 1.0 µs and 10 bytecodes" in rest
    assert duties == (
        "Duty by duty: the answer is made, +1.0 µs; the request is"
        " understood, +1.0 µs; a coroutine handles it, +1.0 µs; a task"
        " serves the connection, +1.0 µs. Two copies of the first server"
        " differed by up to 3.0%."
    )


def test_what_is_concluded_of_a_position_and_of_texts():
    more = {FLOOR.LEAST_POSITION: 8.0, FLOOR.POSITION: 9.5}
    more |= {FLOOR.LEAST_TEXT: 3.5, FLOOR.TEXT: 7.0}
    *_, position, text = FLOOR.sentences(told(**more))

    assert "check it takes 1.60 times (1.60 to 1.60) the time of" in position
    assert position.endswith("05 1.90 times (1.90 to 1.90): 1.5 µs more.")
    assert text.endswith("3.5 µs at the least, and step 05 7.0 µs.")


def test_what_is_concluded_with_orjson():
    more = {FLOOR.LAST + FLOOR.ORJSON: 8.0, FLOOR.WHOLE + FLOOR.ORJSON: 9.0}
    *_, last = FLOOR.sentences(told(**more))

    assert "the least takes 1.60 times" in last
    assert "and 05 benchmarks 1.80 times" in last
