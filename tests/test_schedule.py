"""The run sheet: it adds up, has its breaks, and says what to leave out."""

import re
from functools import partial

import pytest

from workshop import schedule
from workshop.errors import PASS, USAGE, WorkshopError
from workshop.schedule import BREAK, LEAST, STRETCH, Part, sheet, steps_of
from workshop.steps import all_steps, find

SOME = "01,02,03"


@pytest.fixture
def say(say):
    """Run the verb; return status, out and err."""
    return partial(say, "schedule")


def stretches(parts):
    """Return the minutes of work between breaks."""
    found = [0]
    for part in parts:
        if part.what == "Break":
            found.append(0)
        else:
            found[-1] += part.minutes
    return found


@pytest.mark.parametrize("words", [None, SOME, "02", "01,05"])
def test_sheet_adds_up_and_rests_after_fifty_minutes(words):
    for minutes in (*range(35, 130), 180, 240, 333, 600):
        parts = sheet(steps_of(words), minutes)

        assert sum(part.minutes for part in parts) == minutes
        assert all(part.minutes > 0 for part in parts)
        assert max(stretches(parts)) <= STRETCH, minutes
        pauses = [part.minutes for part in parts if part.what == "Break"]
        assert pauses == [BREAK] * max(0, -(-(minutes - 50) // 60))
        assert parts[0].what != "Break" != parts[-1].what


@pytest.mark.parametrize("minutes", [35, 90, 111, 600])
def test_each_step_is_shown_whole_and_then_built(minutes):
    parts = [p for p in sheet(all_steps(), minutes) if p.what != "Break"]

    shown = [(p.command, p.minutes) for p in parts if p.command[:4] == "pres"]
    assert shown == [
        (f"present {step.number}", step.data["minutes"])
        for step in all_steps()
    ]
    for step in all_steps():
        built = [part for part in parts if part.step == step.number]
        assert sum(part.minutes for part in built) >= LEAST
        before = parts[parts.index(built[0]) - 1]
        assert before.command == f"present {step.number}"
        later = [part.what.endswith(", go on") for part in built]
        assert later == [False] + [True] * (len(built) - 1)


def test_building_is_shared_out_as_the_minutes_of_the_tasks():
    parts = sheet(steps_of(SOME), 46)

    built = [part.minutes for part in parts if part.step]
    assert built == schedule.shares([1, 2, 3], 30) == [7, 10, 13]


def test_break_lies_between_two_steps_where_it_can():
    parts = sheet(all_steps(), 90)

    at = [part.what for part in parts].index("Break")
    assert parts[at - 1].step and parts[at + 1].command[:7] == "present"


def test_break_divides_what_is_longer_than_a_stretch():
    built = Part(80, "they build", "begin 03", step="03")

    parts = schedule.broken([built], 50)

    assert [(p.what, p.minutes, p.command) for p in parts] == [
        ("they build", 50, "begin 03"),
        ("Break", 10, ""),
        ("they build, go on", 30, "check"),
    ]


def test_cut_list_leads_to_the_next_step_that_is_taught():
    found = schedule.cuts(sheet(steps_of("01,03"), 90))

    assert [cut.instead for cut in found] == ["goto 03, solve", "goto 03"]


def test_cut_list_leaves_out_building_from_the_last_step_on():
    parts = sheet(all_steps(), 200)

    found = schedule.cuts(parts)

    assert [cut.what[:2] for cut in found] == ["05", "04", "03", "02", "01"]
    assert found[0].instead == "goto 05, solve"
    assert found[1].instead == "goto 05"
    built = sum(part.minutes for part in parts if part.step)
    assert sum(cut.saves for cut in found) == built
    assert schedule.saved(parts)[-1][2] == str(built)


def test_steps_are_taken_in_their_order():
    assert steps_of("03, routing,1") == [find(n) for n in ("01", "02", "03")]


# The verb


def test_schedule_prints_when_each_part_begins(say):
    status, out, err = say("--minutes", "75", "--start", "9:50")

    assert (status, err) == (PASS, "")
    lines = re.findall(r"^\s*(\d\d):(\d\d) +(\d+)  +(.*\S)", out, re.M)
    at = 9 * 60 + 50
    for hour, minute, length, what in lines:
        assert int(hour) * 60 + int(minute) == at
        at += int(length)
        if what == "The end":
            assert (hour, minute, length) == ("11", "05", "75")
    assert lines[-1][3] == "The end"
    assert "If it gets late" in out


def test_schedule_goes_on_behind_midnight(say):
    _, out, _ = say("--minutes", "90", "--start", "23:00")

    assert re.search(r"00:30 +90 +The end", out)


def test_schedule_can_be_pasted(say):
    status, out, _ = say("--markdown", "--steps", SOME)

    assert status == PASS
    rows = [line for line in out.splitlines() if line.startswith("|")]
    assert rows[0] == "| at | min | what | command |"
    assert rows[1] == "|---|---|---|---|"
    assert rows[2].startswith("| 10:00 | 5 | Welcome")
    assert "04 Extensions" not in out
    assert "| leave out | saves | in all | they type instead |" in rows


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--minutes", "34"], "give at least --minutes 35, or fewer --steps"),
        (["--minutes", "13", "--steps", "01"], "at least --minutes 14. The"),
        (["--minutes", "-5"], "-5 minutes are too short"),
        (["--minutes", "601"], "at most --minutes 600"),
        (["--start", "24:00"], "'24:00' is no time of day"),
        (["--start", "10"], "'10' is no time of day"),
        (["--start", "10:60"], "'10:60' is no time of day"),
        (["--steps", "01,06"], "There is no step '06'"),
        (["--steps", "01,"], "There is no step ''"),
    ],
)
def test_schedule_says_what_is_wrong(say, words, sentence):
    status, out, err = say(*words)

    assert (status, out) == (USAGE, "")
    assert sentence in err and err.count("\n") == 1


def test_least_time_of_each_choice_is_enough():
    for words in (None, SOME, "01", "05"):
        steps = steps_of(words)
        least = 10 + sum(step.data["minutes"] + LEAST for step in steps)
        assert len(sheet(steps, least)) == 2 + 2 * len(steps)
        with pytest.raises(WorkshopError, match=f"--minutes {least}"):
            sheet(steps, least - 1)
