"""How often compare cries wolf: what is compared, counted and concluded."""

import io
import json
import math
import random

import pytest
from rich.console import Console

from workshop.bench import alarms, measure, results
from workshop.bench.alarms import SAME, calibrated, summary
from workshop.bench.experiment import find, lab
from workshop.bench.measure import AGAIN, Plan, Sample
from workshop.bench.servers import server
from workshop.bench.study import Options, conduct
from workshop.bench.trials import QUICK
from workshop.bench.workloads import hello
from workshop.errors import ENVIRONMENT, WorkshopError
from workshop.exchange import Wire

HONESTY = find("honesty")
TURN = 0.0005  # of a request's cost


class Machine:
    """Stand in for launches: each costs what it should, and some noise."""

    def __init__(self, spread=0.002):
        self.lot = random.Random(5)
        self.spread = spread
        self.arms = []
        self.wrong = None
        self.after = math.inf  # launches until Ctrl-C

    def run(self, race, arms, load, plan, core, tell=lambda *_: None):
        known = {arm.name: arm for arm in arms} | {AGAIN: arms[0]}
        self.arms.append(list(known))
        orders = measure.orders(list(known), plan.rounds, plan.seed)
        for number, names in enumerate(orders):
            for position, name in enumerate(names):
                self.after -= 1
                if self.after < 0:
                    raise KeyboardInterrupt
                tell(name, number / plan.rounds)
                if name == self.wrong:
                    race.wrong[name] = "it lied"
                    continue
                cost = 20 * (1 + TURN * int(known[name].env["BURN"]))
                cost *= math.exp(self.lot.gauss(0, self.spread))
                figures = (cost, 1000, 0.1, 0.0, 0)
                race.samples.append(Sample(name, number, position, *figures))


@pytest.fixture
def machine(monkeypatch):
    made = Machine()
    monkeypatch.setattr(measure, "run", made.run)
    monkeypatch.setattr(measure, "enough", lambda *_: None)
    monkeypatch.setattr(HONESTY, "BLOCKS", 6)
    monkeypatch.setattr(HONESTY, "EVERY", 3)
    return made


@pytest.fixture
def conducted(tmp_path, validate_study):
    """Return a function that conducts it: its status, result, text."""

    def run(**options):
        paper = Console(file=io.StringIO(), width=110)
        more = Options(json=tmp_path / "x.json", svg=tmp_path / "x.svg")
        more = Options(**{**vars(more), **options})
        status = conduct(lab("honesty", more, HONESTY, paper))
        result = json.loads(more.json.read_text("utf-8"))
        validate_study(result)
        return status, result, paper.file.getvalue()

    return run


def test_copies_and_delays_are_compared_as_planned(machine, conducted):
    status, result, _ = conducted()
    same, two, five, ten = result["points"]

    assert status == 0
    assert result["sources"] == {}  # No page is older than it.
    assert same["comparisons"] == 2 * 6
    assert [two["comparisons"], five["comparisons"]] == [2, 2]
    assert two["ratio"] == pytest.approx(1.02, abs=0.005)
    assert ten["ratio"] == pytest.approx(1.10, abs=0.005)
    assert ten["verdicts"]["slower"] == 2
    assert {len(same["trials"][0][key]) for key in ("a", "again", "b")} == {8}
    # Calibration first; delays in blocks 1 and 4.
    assert [len(names) for names in machine.arms[1:]] == [7, 4, 4, 7, 4, 4]


def test_comparisons_of_a_block_share_no_launch(machine, conducted):
    _, result, _ = conducted()
    first, second, *_ = result["points"][0]["trials"]

    used = [
        {*first["a"], *first["b"]},
        {*second["a"], *second["b"]},
    ]
    assert used[0] & used[1] == set()
    assert first["again"] == second["a"]
    assert second["again"] == first["a"]


def test_each_block_has_an_order_of_its_own(machine, conducted, monkeypatch):
    seeds = []
    real = machine.run

    def run(race, arms, load, plan, *more):
        seeds.append(plan.seed)
        return real(race, arms, load, plan, *more)

    monkeypatch.setattr(measure, "run", run)
    conducted()

    assert seeds[1:] == [QUICK.seed + number for number in range(6)]


def test_an_interrupted_run_keeps_whole_blocks_and_goes_on(machine, conducted):
    machine.after = 16 * 4 + 8 * 7 + 8 * 4 + 5  # in the third block
    status, result, _ = conducted()

    assert status == 130
    assert result["points"][0]["comparisons"] == 2 * 2

    machine.after = math.inf
    machine.arms.clear()
    status, whole, _ = conducted()

    assert status == 0
    assert whole["points"][0]["comparisons"] == 2 * 6
    assert whole["points"][0]["trials"][:4] == result["points"][0]["trials"]
    assert whole["plan"] == result["plan"]
    assert [len(names) for names in machine.arms] == [4, 7, 4, 4]


def test_another_plan_or_a_whole_run_begins_anew(tmp_path):
    path = tmp_path / "x.json"
    plan = {"rounds": 8}
    left = {"plan": {"rounds": 8, "turns": {"2%": 1}}, "complete": False}
    left |= {"valid": True, "points": []}
    path.write_text(json.dumps(left))

    assert alarms.earlier(path, plan) == left
    assert alarms.earlier(path, {"rounds": 9}) == {}
    assert alarms.earlier(None, plan) == {}
    assert alarms.earlier(tmp_path / "none.json", plan) == {}
    path.write_text(json.dumps({**left, "complete": True}))
    assert alarms.earlier(path, plan) == {}
    path.write_text("no json")
    assert alarms.earlier(path, plan) == {}


def test_a_wrong_answer_ends_it(machine, conducted):
    machine.wrong = "second"
    status, result, text = conducted()

    assert status == 1
    assert result["points"][0]["comparisons"] == 0
    assert "WRONG: no change: second: it lied." in text


def test_quick_shows_what_is_committed(
    machine, conducted, monkeypatch, tmp_path
):
    _, result, _ = conducted()
    kept = tmp_path / "honesty.json"
    results.write(kept, result)
    monkeypatch.setattr(alarms, "COMMITTED", kept)
    machine.arms.clear()

    status, shown, text = conducted(quick=True)

    assert status == 0
    assert machine.arms == []
    assert shown["points"] == result["points"]
    assert shown["plan"]["committed"]["date"] == result["date"]
    assert f"Measured on {result['date'][:10]}" in text
    assert result["machine"]["cpu"] in " ".join(text.split())


def test_quick_without_a_committed_run_says_how_to_make_it(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(alarms, "COMMITTED", tmp_path / "honesty.json")

    with pytest.raises(
        WorkshopError, match="takes about half an hour"
    ) as found:
        alarms.committed()

    assert found.value.status == ENVIRONMENT
    assert f"--json {'docs/results/honesty.json'}" in str(found.value)


def test_delays_are_calibrated(machine):
    plan = Plan(rounds=8, seconds=0.1)
    turns = calibrated(hello("05"), None, None, plan, {"a": 0.02, "b": 0.1})

    assert turns["a"] == pytest.approx(0.02 / TURN, rel=0.1)
    assert turns["b"] == pytest.approx(0.1 / TURN, rel=0.1)


def test_turns_that_cost_nothing_are_refused():
    with pytest.raises(WorkshopError, match="too busy") as found:
        alarms.turns(0.1, several=1.0)

    assert found.value.status == ENVIRONMENT


@pytest.mark.parametrize("number", ["03", "05"])
def test_the_server_that_burns_answers_the_same(number):
    arm = hello(number)
    with server(alarms.burning(arm, "x", 3)) as running:
        url = f"http://{running.host}:{running.port}"
        request = arm.case.request.replace(
            b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"
        )
        (answer,) = Wire(url).send(request).answers

    assert (answer.status, answer.content) == (200, arm.case.content)


def trial(p, verdict="same"):
    return {"p": p, "verdict": verdict, "ratio": 1.0, "noise": 0.01}


def told(alarmed, number=200, **more):
    trials = [trial(0.001)] * alarmed + [trial(0.5)] * (number - alarmed)
    same = {**summary(SAME, trials), "wrong": None}
    slow = summary("5 % more", [trial(0.001, "slower")] * 3 + [trial(0.5)])
    plan = {"level": 0.01, **more}
    return {"points": [same, {**slow, "wrong": None}], "plan": plan}


def test_what_is_concluded():
    first, second = HONESTY.sentences(told(2))

    assert "2 raised an alarm (1.0%;" in first
    assert "interval 0.1 to 3.6%); the nominal level, 1%, is within" in first
    assert second == "It said slower for 5 % more (measured: 0.0%) in 3 of 4."


def test_a_level_that_is_missed_is_told():
    assert "is NOT within it" in HONESTY.sentences(told(9))[0]
    assert "is within it" in HONESTY.sentences(told(0))[0]


def test_alarms_are_those_of_the_level():
    found = summary(SAME, [trial(0.01), trial(0.0101), trial(0.5, "unclear")])

    assert (found["comparisons"], found["alarms"]) == (3, 1)
    assert found["verdicts"]["unclear"] == 1


def test_blocks_are_at_least_two_hundred_comparisons():
    fresh = find("honesty")

    assert 2 * fresh.BLOCKS >= 200
    assert list(fresh.DELAYS.values()) == [0.02, 0.05, 0.10]
