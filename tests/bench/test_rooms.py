"""Where the time of a hello is spent: counts, ticks, the conclusion."""

import io
import json
import signal
from dataclasses import replace

import pytest
from rich.console import Console

from workshop.bench import where
from workshop.bench.arms import step_arms
from workshop.bench.counts import count
from workshop.bench.experiment import find, lab
from workshop.bench.shapes import HELLO
from workshop.bench.study import Options, conduct
from workshop.bench.where import OTHERS, Looks, Sampler
from workshop.errors import ENVIRONMENT, USAGE, WorkshopError

ROOMS = find("rooms")
(LAST,) = step_arms(["05"], HELLO)


def told():
    """Return a result in which parsing took 4 µs, and now takes 1."""
    return {
        "plan": {"shape": "hello"},
        "points": [
            {"name": "parsing", "steps": {"04": cost(4.0), "05": cost(1.0)}},
            {"name": "flow", "steps": {"04": cost(2.0), "05": cost(1.5)}},
            {"name": "recall", "steps": {"05": cost(3.0)}},
            {"name": "routing", "steps": {"04": cost(0.5), "05": cost(0.5)}},
            {"name": "rare", "steps": {"05": {**cost(1.0), "cpu_us": None}}},
        ],
    }


def cost(value):
    found = {"median": value, "low": value, "high": value, "confidence": 0.95}
    return {"bytecodes": 7, "cpu_us": found}


@pytest.fixture
def conducted(tmp_path, monkeypatch, validate_study):
    """Return a function that runs a tiny form of the experiment."""

    def run(*words):
        monkeypatch.setattr(ROOMS, "QUICK", (2, 0.02))
        paper, kept = Console(file=io.StringIO(), width=100), tmp_path / "j"
        options = Options(True, kept, tmp_path / "svg", words=words)
        status = conduct(lab("rooms", options, ROOMS, paper))
        result = json.loads(kept.read_text("utf-8"))
        validate_study(result)
        return status, result, paper.file.getvalue()

    return run


def test_the_bytecodes_of_all_rooms_are_those_of_the_step():
    looked = where.where(LAST, seconds=0.01)
    counts, _ = count(LAST.folder, LAST.case)

    assert sum(looked.bytecodes.values()) == counts.bytecodes
    assert {"flow", "recall", "rendering", "routing"} < {*looked.bytecodes}
    assert looked.cpu_us.keys() <= {*looked.bytecodes, OTHERS}


def test_a_tick_is_of_the_file_that_runs():
    with Sampler() as sampler:
        while not sampler.files:
            pass

    assert [*sampler.files] == [__file__]
    assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)


def test_a_run_shows_and_keeps_each_room(conducted):
    status, result, text = conducted()

    known = {point["name"]: point["steps"] for point in result["points"]}
    assert status == 0
    assert [*known["recall"]] == ["05"]
    assert [*known["connection"]] == ["04", "05"]
    assert len(known["rendering"]["04"]["samples"]) == 2
    assert "In which rooms is the time of a request spent?" in text


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("browser", "a browser's hello takes"),
        ("position", "a position takes"),
        ("pipelined", "a batch of 16 texts takes"),
    ],
)
def test_a_run_looks_at_the_request_that_is_named(conducted, name, said):
    status, result, _ = conducted(name)
    case, program, _ = ROOMS.SHAPES[name]
    counts, _ = count(LAST.folder, case, program)
    steps = [point["steps"].get("05") or {} for point in result["points"]]

    assert (status, result["plan"]["shape"]) == (0, name)
    assert sum(s.get("bytecodes", 0) for s in steps) == pytest.approx(
        counts.bytecodes * case.pipelined, abs=1
    )
    assert said in ROOMS.sentences({**told(), "plan": {"shape": name}})[0]


@pytest.mark.parametrize("words", [["hell"], ["hello", "position"]])
def test_a_request_that_nobody_knows_is_refused(conducted, words):
    with pytest.raises(
        WorkshopError, match="Choose one: hello, browser, po"
    ) as error:
        conducted(*words)
    assert error.value.status == USAGE


def test_a_wrong_answer_makes_the_run_invalid(conducted, monkeypatch):
    wrong = replace(HELLO, content=b'{"message":"Hello nobody"}')
    monkeypatch.setitem(ROOMS.SHAPES, "hello", (wrong, None, "it"))
    status, result, text = conducted()

    assert (status, result["valid"], result["sentences"]) == (1, False, [])
    assert "WRONG: 05" in text


def test_without_ticks_it_is_told_where_there_are_some(monkeypatch):
    monkeypatch.delattr(signal, "setitimer")

    with pytest.raises(WorkshopError, match="Linux or macOS") as caught:
        Looks({}, 1, 0.1).take(lambda text, share: None)
    assert caught.value.status == ENVIRONMENT


def test_time_is_shared_out_by_ticks_and_none_without_one():
    ticks = {"/s/flow.py": 3, where.__file__: 1}

    assert where.timed(ticks, 8.0) == {"flow": 6.0}
    assert where.timed({}, 8.0) == {}


def test_a_room_without_a_tick_has_counts_alone():
    look = where.Where({"flow": 5}, {})

    assert where.about("flow", [look, look]) == {
        "bytecodes": 5,
        "cpu_us": None,
        "samples": [0, 0],
    }


def test_what_is_concluded():
    first, second, third = ROOMS.sentences(told())

    assert "6.5 µs on step 04 and 6.0 µs on step 05" in first
    assert "recall 3.0 µs, flow 1.5 µs and parsing 1.0 µs" in second
    assert third == (
        "Step 05 has saved most in flow: 0.5 µs, where recall counts as"
        " parsing."
    )


def test_nothing_is_concluded_without_ticks():
    result = told()
    for point in result["points"]:
        for step in point["steps"].values():
            step["cpu_us"] = None

    assert ROOMS.sentences(result) == [
        "Too few ticks came to time a room; the counts are exact."
    ]


def test_the_picture_has_the_rooms_of_step_05():
    picture = ROOMS.picture(told())

    assert "recall" in picture
    assert "3.00 µs, 7 bytecodes" in picture
