"""The doctor: one fact a line, a fix where it is not good, a status."""

import contextlib
import json
from functools import partial

import psutil
import pytest

from workshop import ports
from workshop.bench import conditions, doctor, machine, measure, servers
from workshop.bench.conditions import Fact
from workshop.bench.measure import Plan
from workshop.errors import ENVIRONMENT, PASS, WorkshopError

ESCAPE = "\x1b["
GOOD = Fact("cores", "2")
DOUBTFUL = Fact("battery", "on battery, 50%", "plug it in", "WARN")
BAD = Fact("port", "none can be had", "allow it", "FAIL")


def launches(*costs, switches=0.0):
    """Return what launches found that cost so many µs."""
    return [{"cpu_us": cost, "switches": switches} for cost in costs]


@pytest.fixture
def say(say):
    """Run the doctor as the command line does; return status, out and err."""
    return partial(say, "doctor")


# Conditions


@pytest.mark.parametrize(
    ("good", "bad", "word"),
    [
        (
            conditions.python("CPython", (3, 11)),
            conditions.python("PyPy", (3, 11)),
            "WARN",
        ),
        (
            conditions.python("CPython", (3, 14)),
            conditions.python("CPython", (3, 15)),
            "WARN",
        ),
        (conditions.loop("0.22"), conditions.loop(None), "WARN"),
        (conditions.parser("0.9"), conditions.parser(None), "FAIL"),
        (conditions.cores(2), conditions.cores(1), "WARN"),
        (conditions.clock(1e-3, 1e-7), conditions.clock(1e-2, 1e-7), "WARN"),
        (
            conditions.battery("plugged in, 50%"),
            conditions.battery("on battery, 50%"),
            "WARN",
        ),
        (conditions.others(0.5), conditions.others(0.51), "WARN"),
        (conditions.others(None), conditions.others(9.0), "WARN"),
        (conditions.steal(None, 1.0), conditions.steal(9.0, 1.0), "WARN"),
        (conditions.steal(0.0, 1.0), conditions.steal(9.0, 1.0), "WARN"),
        (
            doctor.agreement(launches(9.2), launches(10)),
            doctor.agreement(launches(8.8), launches(10)),
            "WARN",
        ),
        (
            doctor.agreement(launches(10.8), launches(10)),
            doctor.agreement(launches(11.2), launches(10)),
            "WARN",
        ),
        (
            doctor.agreement(launches(9), launches(9)),
            doctor.agreement(launches(9), None),
            "WARN",
        ),
        (
            doctor.busy(launches(1, switches=0.05)),
            doctor.busy(launches(1, switches=0.06)),
            "WARN",
        ),
        (
            doctor.noise(launches(100, 104)),
            doctor.noise(launches(100, 108)),
            "WARN",
        ),
    ],
)
def test_what_is_not_good_has_a_fix(good, bad, word):
    assert (good.word, good.fix) == ("PASS", "")
    assert bad.word == word
    assert bad.fix and "\n" not in bad.fix


def test_steal_is_a_share_of_all_cores(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 4)

    fact = conditions.steal(0.6, took=10)

    assert fact.text == "the host took 1.5 % of our time"


def test_port_that_cannot_be_had_makes_measuring_impossible(monkeypatch):
    def refuse(host, port):
        raise WorkshopError("No port.", ENVIRONMENT)

    free = conditions.port()
    monkeypatch.setattr(ports, "check", refuse)

    assert free.word == "PASS"
    assert conditions.port().word == "FAIL"


@pytest.mark.parametrize(
    ("pinned", "word", "text"),
    [
        (contextlib.nullcontext(3), "PASS", "the server has core 3 alone"),
        (contextlib.nullcontext(None), "WARN", "cannot be had here"),
        (None, "WARN", "cannot be had here"),
    ],
)
def test_pinning_is_tried(monkeypatch, pinned, word, text):
    def tried():
        if pinned is None:
            raise psutil.AccessDenied
        return pinned

    monkeypatch.setattr(servers, "pinned", tried)

    fact = conditions.pinning()

    assert (fact.word, fact.text) == (word, text)


def test_windows_is_not_told_to_install_uvloop(monkeypatch):
    elsewhere = conditions.loop(None).fix
    monkeypatch.setattr("sys.platform", "win32")

    assert "pip install uvloop" in elsewhere
    assert "pip install" not in conditions.loop(None).fix


def test_conditions_are_all_told():
    names = [fact.name for fact in conditions.conditions()]

    assert names == [
        *("Python", "loop", "httptools", "cores", "pinning", "clock"),
        *("battery", "other work", "port"),
    ]


# The race


def test_generators_agree_by_the_median_of_the_rounds():
    ours, theirs = launches(10, 22, 30), launches(10, 20, 20)

    fact = doctor.agreement(ours, theirs)

    assert fact.figures == {"ratio": 1.1, "builtin": ours, "wrk": theirs}
    assert "20.0 µs by wrk, 22.0 µs by the built-in generator" in fact.text


def test_noise_is_the_spread_of_launches():
    fact = doctor.noise(launches(100, 95, 105))

    assert fact.figures == {"grade": "B", "spread": 0.1}
    assert fact.text == (
        "grade B, fair: 3 launches of step 01 were 10.0% apart"
    )


def test_noise_is_graded_by_the_generator_that_is_taken():
    ours, theirs = launches(10, 20), launches(10, 10)

    both = list(doctor.compared({"builtin": ours, "wrk": theirs}))
    alone = list(doctor.compared({"builtin": ours}))

    assert [fact.name for fact in both] == ["wrk", "generator", "noise"]
    assert both[2].figures["grade"] == "A"
    assert alone[2].figures["grade"] == "C"


def test_generators_take_turns_on_step_01(monkeypatch):
    launched = []

    def launch(arm, load, plan, core):
        launched.append((arm.folder.name, type(load).__name__))
        return {"cpu_us": 1.0, "switches": 0.0}

    monkeypatch.setattr(measure, "launch", launch)
    told = []
    figures = doctor.raced(told.append)

    names = [name for _, name in launched]
    assert {folder for folder, _ in launched} == {"01_raw_protocol"}
    assert {len(found) for found in figures.values()} == {doctor.PLAN.rounds}
    if "wrk" in figures:
        half = len(names) // 2
        assert names.count("Wrk") == names.count("Builtin") == half
        assert set(names[::2]) == {"Wrk", "Builtin"}  # who begins a round
    assert told[0].startswith("round 1 of 5: step 01, ")


def test_without_wrk_ours_alone_is_asked(monkeypatch):
    monkeypatch.setattr(doctor, "installed", lambda: False)
    monkeypatch.setattr(measure, "launch", lambda *words: {})

    figures = doctor.raced(lambda text: None)

    assert [*figures] == ["builtin"]


# Facts that fail


def test_nothing_is_launched_where_nothing_can_be(monkeypatch):
    monkeypatch.setattr(doctor, "conditions", lambda: iter([GOOD, BAD]))
    monkeypatch.setattr(doctor, "raced", None)

    assert list(doctor.examined(print)) == [GOOD, BAD]


def test_a_launch_that_fails_is_told(monkeypatch):
    def raced(tell):
        raise WorkshopError("Step 01 does not start: it is broken.")

    monkeypatch.setattr(doctor, "conditions", lambda: iter([GOOD]))
    monkeypatch.setattr(doctor, "raced", raced)

    _, fact = doctor.examined(print)

    assert (fact.name, fact.word) == ("launch", "FAIL")
    assert fact.text == "Step 01 does not start: it is broken"


def test_steal_is_that_of_the_race(monkeypatch):
    told = iter([5.0, 5.0 + 1e6])
    monkeypatch.setattr(doctor, "conditions", lambda: iter([GOOD]))
    monkeypatch.setattr(doctor, "raced", lambda tell: {"builtin": launches(1)})
    monkeypatch.setattr(machine, "stolen", lambda: next(told))

    *_, fact = doctor.examined(print)

    assert (fact.name, fact.word) == ("steal", "WARN")


# What is said


@pytest.mark.parametrize(
    ("facts", "status", "last"),
    [
        ([GOOD], PASS, "It can be measured here."),
        (
            [GOOD, DOUBTFUL],
            PASS,
            "It can be measured here; doubtful: battery.",
        ),
        (
            [DOUBTFUL, BAD],
            ENVIRONMENT,
            "Nothing can be measured here yet: mend what says FAIL.",
        ),
    ],
)
def test_status_tells_whether_it_can_be_measured(
    say, monkeypatch, tmp_path, facts, status, last
):
    monkeypatch.setattr(doctor, "examined", lambda tell: iter(facts))
    path = tmp_path / "doctor.json"

    found, out, err = say("--json", path)

    kept = json.loads(path.read_text("utf-8"))
    assert (found, err) == (status, "")
    assert out.splitlines()[-1] == last
    assert kept["measurable"] is (status == PASS)
    assert [each["name"] for each in kept["facts"]] == [f.name for f in facts]


def test_a_fact_is_a_line_and_its_fix_the_next(say, monkeypatch):
    long = Fact("wrk", "word " * 40 + "end", "mend it")
    monkeypatch.setattr(
        doctor, "examined", lambda tell: iter([GOOD, DOUBTFUL, long])
    )

    _, out, _ = say()

    lines = out.splitlines()
    assert lines[:3] == [
        "PASS  cores       2",
        "WARN  battery     on battery, 50%",
        "      fix: plug it in",
    ]
    assert lines[3].endswith("word end")
    assert ESCAPE not in out


def test_progress_is_told_where_there_is_no_terminal(capsys, monkeypatch):
    monkeypatch.setattr(doctor, "SOON", 0.0)
    with doctor.progress() as tell:
        tell("round 1 of 5")

    assert capsys.readouterr().err == "round 1 of 5\n"


def test_this_machine_is_examined(say, monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "PLAN", Plan(1, 0.05, 0.01, 4))
    path = tmp_path / "doctor.json"

    status, out, _ = say("--json", path)

    kept = json.loads(path.read_text("utf-8"))
    names = [fact["name"] for fact in kept["facts"]]
    assert status == PASS
    assert names[-4:] == ["wrk", "generator", "noise", "steal"]
    assert kept["facts"][-2]["figures"]["grade"] == "A"  # of one launch
    for fact in kept["facts"]:
        assert f"{fact['word']}  {fact['name']:<10}  {fact['text']}\n" in out
