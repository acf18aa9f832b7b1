"""What a learner's verbs do to work/, and what they say."""

import os
import re
import shutil
import sys
from dataclasses import replace

import pytest

from workshop import course, diffs, learning, merge, views, work
from workshop.errors import ENVIRONMENT, FAIL, PASS, USAGE
from workshop.serving import Target
from workshop.steps import ROOT, all_steps, find
from workshop.verbs import PROSE, START

NUMBERS = [step.number for step in all_steps()]
UNDO = f"Undo: {START} undo\n"
CHECK = f"Next: {START} check\n"
TASKS = [
    {
        "title": "Find the handler",
        "symbol": "routing.Router.match",
        "test": "test_unknown_path_is_a_404",
        "minutes": 5,
        "hunks": [6],
        "hints": ["Look.", "Look closer.", "Look there."],
    },
    {
        "title": "Write an app",
        "symbol": "app.hello",
        "test": "test_app_greets",
        "minutes": 5,
        "hunks": [1, 2],
        "hints": ["One.", "Two.", "Three.", "Four."],
    },
]


@pytest.fixture(autouse=True)
def mine(tmp_path, monkeypatch):
    """Return the learner's folder, which is not there yet."""
    monkeypatch.setenv("WORKSHOP_WORK", str(tmp_path / "work"))
    return tmp_path / "work"


@pytest.fixture
def two_tasks(monkeypatch):
    """Let step 02 have two small tasks."""
    monkeypatch.setitem(find("02").data, "task", TASKS)


def sentence(err):
    """Return the one sentence on stderr."""
    assert "Traceback" not in err
    assert err.endswith(".\n") and err.count("\n") == 1, err
    return err.strip()


def code(folder):
    """Return the code of a folder, as bytes by path."""
    return {path: (folder / path).read_bytes() for path in diffs.code(folder)}


def start_of(number):
    """Return the code that a step begins with."""
    old = course.before(find(number))
    return code(old.folder) if old else {}


def everything(folder):
    """Return all files of a folder, as bytes by path."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in paths}


def edit(path, old, new):
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8", newline="\n")


# begin


@pytest.mark.parametrize("number", NUMBERS)
def test_begin_makes_the_solution_of_the_step_before(say, mine, number):
    status, out, err = say("begin", number)

    assert (status, err) == (PASS, "")
    assert code(mine) == start_of(number)
    assert work.progress() == work.Progress(step=number)
    assert out.endswith(CHECK)


@pytest.mark.parametrize("number", NUMBERS)
def test_begin_tells_goal_tasks_places_and_what_is_red(say, number):
    _, out, _ = say("begin", number)

    step, said = find(number), " ".join(out.split())
    assert step.data["title"] in said
    assert step.data["sentence"] in said
    assert 0 < len(course.tasks(step)) <= 5
    red, every = len(learning.red(step)), views.tests(step.folder)
    many = f"all {red}" if red == every else f"{red} of the {every}"
    assert f"Red now: {many} promises of the step" in said
    already = learning.kept(step)
    assert len(already) == every - red
    assert all(promise in said for promise in already)
    for task in course.tasks(step):
        assert f"{task.number}. {task.title} {task.symbol}: " in said
        assert task.promise in said
        assert task.promise in learning.red(step)


def test_red_promises_are_not_those_that_were_kept_before():
    red = learning.red(find("03"))

    assert "requests are the same byte by byte" in red
    text = (find("03").folder / "test_parsing.py").read_text("utf-8")
    _, _, below = text.partition("@pytest.mark.holds_before\n")
    name = below.partition("test_")[2].partition("(")[0]
    assert name.replace("_", " ") not in red


def test_begin_without_a_step_takes_01_then_the_step_in_hand(say):
    _, first, _ = say("begin")
    say("begin", "routing")
    _, again, _ = say("begin")

    assert first.startswith("Step 01, ")
    assert again.startswith("Step 02, ")


def test_begin_backs_up_what_is_there_and_says_how_to_undo(say, mine):
    _, first, _ = say("begin", "02")
    (mine / "pico.py").write_text("mine = 1\n", "utf-8")
    before = everything(mine)

    _, out, _ = say("begin", "02")

    assert UNDO not in first
    assert UNDO in out
    assert code(mine) == start_of("02")
    assert everything(work.saved()[-1].folder) == before


def test_begin_leaves_files_that_are_no_code_of_a_step(say, mine):
    say("begin", "03")
    own = {"notes.txt": b"x", "helper.py": b"x = 1\n", "test_it.py": b""}
    for path, content in own.items():
        (mine / path).write_bytes(content)
    (mine / "parsing.py").write_bytes(b"mine = 1\n")

    _, out, _ = say("begin", "02")

    assert own.items() <= everything(mine).items()
    assert code(mine).keys() == {"pico.py", "helper.py"}
    assert "Removed, and kept in the backup: app.py, messages.py" in out
    kept = everything(work.saved()[-1].folder)
    assert kept["parsing.py"] == b"mine = 1\n"


def test_begin_of_a_folder_that_was_never_begun_keeps_it(say, mine):
    mine.mkdir()
    (mine / "pico.py").write_bytes(b"mine = 1\n")

    say("begin")
    said = say("undo")[1]

    assert everything(mine) == {"pico.py": b"mine = 1\n"}
    assert "what it was before `begin`" in said


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_begin_replaces_a_link_and_not_what_it_leads_to(say, mine, tmp_path):
    say("begin", "02")
    far = tmp_path / "far.py"
    far.write_text("mine = 1\n", "utf-8")
    (mine / "pico.py").unlink()
    (mine / "pico.py").symlink_to(far)

    say("begin", "02")

    assert far.read_text("utf-8") == "mine = 1\n"
    assert code(mine) == start_of("02")
    kept = everything(work.saved()[-1].folder)
    assert kept["pico.py"] == b"mine = 1\n"


def test_assistant_is_told_what_it_must_not_read(say, mine):
    say("begin", "03")

    text = (mine / "AGENTS.md").read_text("utf-8")
    for step in all_steps():
        closed = f"- `steps/{step.name}/`\n" in text
        assert closed == (step.number >= "03")
    for word in ("hint", "RFC 9110", "Never run `solve`", "Parsing"):
        assert word in text
    assert max(map(len, text.splitlines())) <= 79


def test_assistant_is_told_anew_by_each_step(say, mine):
    say("begin", "02")
    say("goto", "04")

    text = (mine / "AGENTS.md").read_text("utf-8")
    assert "The step in hand is 04:" in text


def test_own_agents_file_is_left_as_it_is(say, mine):
    mine.mkdir()
    (mine / "AGENTS.md").write_text("Mine.\n", "utf-8")

    _, out, _ = say("begin")

    assert (mine / "AGENTS.md").read_text("utf-8") == "Mine.\n"
    assert "AGENTS.md is yours: it was left as it is." in out


# hint


def test_hint_gives_one_more_at_each_call(say, two_tasks):
    say("begin", "02")
    outs = [say("hint", "1")[1] for _ in range(3)]

    for count, out in enumerate(outs, 1):
        assert out.startswith("Task 1 of 2: Find the handler\n")
        assert "routing.Router.match: unknown path is a 404\n" in out
        assert out.count("\nHint ") == count
        assert f"Hint {count} of 3: {TASKS[0]['hints'][count - 1]}" in out
    assert f"One more: {START} hint 1\n" in outs[1]
    assert f"{START} solve --task 1\n" in outs[2]
    assert f"{START} diff --mine\n" in outs[2]


def test_hint_is_remembered_when_the_step_is_begun_anew(say, two_tasks):
    say("begin", "02")
    say("hint", "2")
    say("reset")
    say("begin", "01")
    say("begin", "02")

    assert work.progress().hints == {"02.2": 1}
    assert "Hint 2 of 4: Two." in say("hint", "2")[1]


def test_hint_without_a_task_goes_on_to_the_next_one(say, two_tasks):
    say("begin", "02")
    titles = [say("hint")[1].splitlines()[0] for _ in range(9)]

    first, second = (
        "Task 1 of 2: Find the handler",
        "Task 2 of 2: Write an app",
    )
    assert titles == [first] * 3 + [second] * 6
    assert work.progress().hints == {"02.1": 3, "02.2": 4}


def test_hint_without_a_task_takes_what_the_last_check_noted(say, two_tasks):
    say("begin", "02")
    known = work.progress()
    known.failed = 2
    work.keep(known)

    assert say("hint")[1].startswith("Task 2 of 2: ")
    assert "The last check stopped at task 2: Write an app" in say("status")[1]
    assert say("hint", "1")[1].startswith("Task 1 of 2: ")


def test_hint_of_a_task_that_is_none_says_which_there_are(say, two_tasks):
    say("begin", "02")
    status, out, err = say("hint", "3")

    assert (status, out) == (USAGE, "")
    assert sentence(err) == "Step 02 has no task 3: its tasks are 1 to 2."


# solve


@pytest.mark.parametrize("number", NUMBERS)
def test_solve_makes_the_solution_byte_for_byte(say, mine, number):
    say("begin", number)
    status, out, _ = say("solve")

    assert (status, code(mine)) == (PASS, code(find(number).folder))
    assert ", and is solved." in out
    assert out.endswith(f"{UNDO}{CHECK}")
    assert set(work.progress().hunks) == set(course.hunks(find(number)))


@pytest.mark.parametrize("number", ["02", "04"])
def test_solve_hunk_by_hunk_makes_the_same(say, mine, number):
    step = find(number)
    say("begin", number)
    for note in course.notes(step):
        status, out, _ = say("solve", "--hunk", note.hunk.number)

        assert status == PASS
        assert note.note.split()[0] in out

    assert code(mine) == code(step.folder)
    assert ", and is solved." in out


def test_solve_of_a_hunk_brings_that_hunk_alone(say, mine):
    say("begin", "02")
    say("solve", "--hunk", "3")

    only = course.applied(find("02"), {3})
    assert only["routing.py"] is None
    assert code(mine).keys() == {"pico.py"}
    assert diffs.content(mine / "pico.py") == only["pico.py"]
    assert work.progress().hunks == [3]


def test_solve_of_a_hunk_leaves_files_that_it_does_not_change(say, mine):
    say("begin", "03")
    (mine / "messages.py").unlink()
    (mine / "parsing.py").write_text("mine = 1\n", "utf-8")

    _, out, _ = say("solve", "--hunk", "3")

    assert not (mine / "messages.py").exists()
    assert (mine / "parsing.py").read_text("utf-8") == "mine = 1\n"
    assert "Changed: pico.py.\n" in out
    assert "is yours" not in out


def test_solve_of_a_task_brings_its_hunks_alone(say, mine, two_tasks):
    say("begin", "02")
    say("solve", "--task", "2")

    only = course.applied(find("02"), {1, 2})
    assert {p: diffs.content(mine / p) for p in only} == only
    assert work.progress().hunks == [1, 2]


def test_solve_of_a_task_names_those_that_it_builds_on(say, mine):
    say("begin", "04")
    _, third, _ = say("solve", "--task", "3")
    _, first, _ = say("solve", "--task", "1")
    work.keep(replace(work.progress(), failed=4))  # as a check found it
    _, fourth, _ = say("solve", "--task", "4")

    builds = f"It builds on tasks 1 to 2: `{START} solve --task 1`"
    assert builds in " ".join(third.split())
    assert "builds on" not in first + fourth


def test_solve_merges_with_what_the_learner_wrote(say, mine):
    say("begin", "03")
    edit(
        mine / "pico.py",
        "    def run",
        "    MINE = 1\n\n    def run",
    )
    edit(mine / "app.py", "Hello", "Good morning")
    (mine / "helper.py").write_bytes(b"x = 1\n")

    status, _, _ = say("solve")

    solution = code(find("03").folder)
    found = code(mine)
    assert status == PASS
    assert b"    MINE = 1\n\n" in found["pico.py"]
    changed = {"pico.py", "app.py"}
    assert {p for p in solution if found[p] != solution[p]} == changed
    assert b"Good morning" in found["app.py"]
    assert found["helper.py"] == b"x = 1\n"


def test_solve_takes_once_what_the_learner_wrote_like_the_solution(say, mine):
    say("begin", "02")
    whole = course.applied(find("02"), {2, 5, 6})
    for path in ("pico.py", "routing.py"):
        course.write(mine, path, whole[path])

    status, _, _ = say("solve")

    assert (status, code(mine)) == (PASS, code(find("02").folder))


def test_solve_keeps_both_sides_of_a_conflict(say, mine):
    say("begin", "02")
    (mine / "routing.py").write_text("mine = 1\n", "utf-8")

    status, out, _ = say("solve")

    text = (mine / "routing.py").read_text("utf-8")
    theirs = find("02").folder / "routing.py"
    assert status == FAIL
    assert text == (
        f"{merge.MINE}\nmine = 1\n{merge.BETWEEN}\n"
        f"{theirs.read_text('utf-8')}{merge.THEIRS}\n"
    )
    assert "FAIL  routing.py, line 1: you and the solution differ" in out
    assert "Choose, and delete the marks." in " ".join(out.split())
    assert "is solved" not in out
    assert CHECK not in out


def test_solve_names_as_many_conflicts_as_a_screen_takes(say, mine):
    say("begin", "05")
    for path in ("pico.py", "routing.py", "messages.py", "parsing.py"):
        text = (mine / path).read_text("utf-8")
        text = text.replace("self", "mine").replace("    return", "    yield")
        (mine / path).write_text(text, "utf-8")

    _, out, _ = say("solve")

    marks = [work.lines(path).count(merge.MINE) for path in code(mine)]
    assert out.count("FAIL  ") == 8 < sum(marks)
    assert f"And at {sum(marks) - 8} more places.\n" in out
    assert len(out.splitlines()) <= 23


def test_solve_refuses_while_a_conflict_is_not_settled(say, mine):
    say("begin", "02")
    (mine / "routing.py").write_text("mine = 1\n", "utf-8")
    say("solve", "--hunk", "5")
    before = everything(mine)

    status, _, err = say("solve")

    assert status == USAGE
    assert "routing.py, line 1: here is a conflict still" in sentence(err)
    assert everything(mine) == before


def test_solve_after_reset_takes_the_solution_as_it_is(say, mine):
    say("begin", "02")
    (mine / "routing.py").write_text("mine = 1\n", "utf-8")
    (mine / "pico.py").write_text("mine = 1\n", "utf-8")
    say("solve")
    say("reset")
    status, _, _ = say("solve")

    assert (status, code(mine)) == (PASS, code(find("02").folder))


def test_solve_brings_a_file_that_was_deleted(say, mine):
    say("begin", "03")
    for path in ("routing.py", "pico.py"):
        (mine / path).unlink()

    _, out, _ = say("solve")

    assert code(mine) == code(find("03").folder)
    assert "routing.py was gone: it is there again.\n" in out
    assert "pico.py was gone: it is there again.\n" in out


def test_solve_leaves_an_extension_of_the_learner_s(say, mine):
    say("begin", "04")
    own = mine / "extensions" / "compress.py"
    own.parent.mkdir()
    own.write_text("mine = 1\n", "utf-8")

    status, out, _ = say("solve")

    solution = code(find("04").folder)
    found = code(mine)
    assert status == PASS
    assert "extensions/compress.py is yours: it was left as it is." in out
    assert {p for p in solution if found[p] != solution[p]} == {
        "extensions/compress.py"
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--hunk", "99"],
            f"Step 02 has no hunk 99: `{START} diff 01 02 --hunks`"
            " shows those it has.",
        ),
        (
            ["--hunk", "0"],
            f"Step 02 has no hunk 0: `{START} diff 01 02 --hunks`"
            " shows those it has.",
        ),
        (
            ["--hunk", "3"],
            "Hunk 3 of step 02 is in your code already:"
            f" `{START} diff --mine` shows what is still yours.",
        ),
        (["--task", "9"], "Step 02 has no task 9: its tasks are 1 to 4."),
        (["--task", "1", "--hunk", "1"], "Give --hunk or --task, not both."),
    ],
    ids=["unknown", "zero", "applied", "unknown task", "both"],
)
def test_solve_of_what_cannot_be_applied_changes_nothing(
    say, mine, words, said
):
    say("begin", "02")
    say("solve", "--hunk", "3")
    before, backups = everything(mine), len(work.saved())

    status, out, err = say("solve", *words)

    assert (status, out, sentence(err)) == (USAGE, "", said)
    assert (everything(mine), len(work.saved())) == (before, backups)


def test_solve_of_a_solved_step_says_so_and_leaves_edits(say, mine):
    say("begin", "02")
    say("solve")
    edit(mine / "app.py", "Hello", "Good morning")
    before = everything(mine)

    status, _, err = say("solve")

    assert status == USAGE
    assert sentence(err).startswith("All of step 02 is in your code already:")
    assert everything(mine) == before


def test_solve_does_not_touch_a_file_that_it_cannot_read(say, mine):
    say("begin", "02")
    (mine / "pico.py").write_bytes(b"name = '\xe9'\n")
    before = everything(mine)

    status, _, err = say("solve")

    assert status == USAGE
    assert "work/pico.py is not written in UTF-8 (byte 8)" in sentence(err)
    assert everything(mine) == before


# goto, reset


def test_goto_catches_up_and_keeps_what_is_known(say, mine):
    say("begin", "02")
    say("hint", "1")
    known = work.progress()
    known.done, known.hunks = ["01"], [3]
    known.failed, known.passed = 1, True
    work.keep(known)

    status, out, _ = say("goto", "4")

    assert (status, code(mine)) == (PASS, start_of("04"))
    assert work.progress() == work.Progress(
        step="04", done=["01"], hints={"02.1": 1}
    )
    assert "work/ holds the solution of step 03 now." in out
    assert out.endswith(f"{UNDO}{CHECK}")


def test_reset_begins_the_step_in_hand_again(say, mine):
    say("begin", "03")
    say("solve", "--hunk", "13")
    status, out, _ = say("reset")

    assert (status, code(mine)) == (PASS, start_of("03"))
    assert work.progress().hunks == []
    assert "Removed, and kept in the backup: parsing.py." in out
    assert out.endswith(f"{UNDO}{CHECK}")


@pytest.mark.parametrize("verb", ["begin", "goto"])
def test_step_that_is_none_changes_nothing(say, mine, verb):
    status, _, err = say(verb, "99")

    assert status == USAGE
    assert sentence(err).startswith("There is no step '99': choose one of")
    assert not mine.exists()


# undo


@pytest.mark.parametrize(
    "words", [["begin", "04"], ["goto", "02"], ["reset"], ["solve"]]
)
def test_undo_brings_back_what_was_before_a_verb(say, mine, words):
    say("begin", "03")
    say("solve", "--hunk", "13")
    edit(mine / "pico.py", "class Pico", "MINE = 1\n\n\nclass Pico")
    before = everything(mine)

    say(*words)
    after = everything(mine)
    status, out, _ = say("undo")
    back = everything(mine)
    say("undo")

    assert after != before
    assert (status, back) == (PASS, before)
    assert f"before `{words[0]}`" in out
    assert out.endswith(UNDO)
    assert everything(mine) == after


def test_undo_leaves_other_files_and_brings_those_that_are_gone(say, mine):
    say("begin", "02")
    (mine / "notes.txt").write_text("old\n", "utf-8")
    (mine / "gone.txt").write_text("gone\n", "utf-8")
    say("solve")
    (mine / "notes.txt").write_text("new\n", "utf-8")
    (mine / "gone.txt").unlink()
    (mine / "later.txt").write_text("later\n", "utf-8")

    say("undo")

    assert code(mine) == start_of("02")
    texts = {p.name: p.read_text("utf-8") for p in mine.glob("*.txt")}
    assert texts == {
        "notes.txt": "new\n",
        "gone.txt": "gone\n",
        "later.txt": "later\n",
    }


def test_undo_keeps_the_hints_that_were_given(say, two_tasks):
    say("begin", "02")
    say("hint", "1")
    say("solve", "--hunk", "3")
    say("hint", "1")
    say("hint", "2")

    say("undo")

    known = work.progress()
    assert (known.hunks, known.hints) == ([], {"02.1": 2, "02.2": 1})


def test_undo_of_a_folder_that_was_deleted_brings_it_back(say, mine):
    say("begin", "02")
    say("solve")
    before = everything(work.saved()[-1].folder)
    for path in mine.iterdir():
        path.unlink()
    mine.rmdir()

    say("undo")

    assert everything(mine) == before


def test_undo_lists_backups_and_takes_any_of_them(say, mine):
    say("begin", "02")
    say("solve", "--hunk", "3")
    say("reset")
    say("goto", "03")
    _, listed, _ = say("undo", "--list")
    said = say("undo", "2")[1]

    assert "what it was before `reset`" in said
    assert work.progress().hunks == [3]
    rows = [line.split()[:2] for line in listed.splitlines()]
    verbs = [["3", "goto"], ["2", "reset"], ["1", "solve"]]
    assert [row for row in rows if row in verbs] == verbs


def test_undo_lists_the_newest_backups_alone(say):
    say("begin")
    for _ in range(17):
        work.back_up("begin")
    _, out, _ = say("undo", "--list")

    assert out.count(" begin ") == 15
    assert len(out.splitlines()) <= 23
    assert "2 older ones are in work.backups/." in out


def test_undo_without_a_backup_says_so(say, mine):
    status, _, err = say("undo")
    listed = say("undo", "--list")

    assert status == USAGE
    assert sentence(err).startswith("There is no backup in work.backups/")
    assert listed == (PASS, "There is no backup in work.backups/ yet.\n", "")
    assert not mine.exists()


def test_undo_of_a_backup_that_is_none_says_so(say):
    say("begin")
    say("begin")
    status, _, err = say("undo", "7")

    assert status == USAGE
    assert sentence(err).startswith("There is no backup 7: ")


def test_backups_stay_in_their_order_within_a_second(say, monkeypatch):
    monkeypatch.setattr(work.time, "strftime", lambda _: "20260101-120000")
    say("begin")
    for words in (["reset"], ["begin"], ["solve"], ["goto", "02"]):
        say(*words)

    verbs = [one.verb for one in work.saved()]
    assert verbs == ["reset", "begin", "solve", "goto"]


def test_backup_that_was_cut_short_is_none(say, mine, monkeypatch):
    say("begin", "02")
    before = everything(mine)

    def full(source, target, **more):
        os.makedirs(target)  # noqa: PTH103
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr(work.shutil, "copytree", full)
    status, _, err = say("solve")

    assert status == ENVIRONMENT
    assert "(No space left on device)" in sentence(err)
    assert (everything(mine), work.saved()) == (before, [])
    assert [*work.backups().iterdir()] == []


def test_backup_says_why_a_file_could_not_be_copied(say, mine, monkeypatch):
    say("begin", "02")

    def full(source, target, **more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(work.shutil, "copyfile", full)
    status, _, err = say("solve")

    assert status == ENVIRONMENT
    assert "cannot be read or written (No space left on device):" in err
    assert sentence(err).startswith(str(work.backups()))


# status


def test_status_tells_steps_tasks_hints_and_the_last_backup(say, two_tasks):
    say("begin", "02")
    say("solve", "--hunk", "3")
    say("hint", "1")
    say("hint", "2")
    known = work.progress()
    known.done = ["01"]
    work.keep(known)

    status, out, _ = say("status")

    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert status == PASS
    assert "02 Routing now 2 2 of 7" in lines
    assert any(line.startswith("01 Raw protocol done ") for line in lines)
    assert "Step 02: 1 of 6 hunks were brought in from the solution." in lines
    assert f"Last backup: 1, before `solve`, {work.saved()[0].when}" in lines
    assert lines[-1] == f"Next: {START} check"


@pytest.mark.parametrize(
    ("number", "following"), [("02", "begin 03"), ("05", "ladder --mine")]
)
def test_status_of_a_step_that_is_done_says_what_follows(
    say, number, following
):
    say("begin", number)
    pass_(number)

    out = say("status")[1]

    assert "done, now" in out
    assert out.endswith(f"Next: {START} {following}\n")


def test_hint_after_a_pass_says_what_follows(say, two_tasks):
    say("begin", "02")
    pass_("02")

    status, out, _ = say("hint")

    assert (status, out) == (
        PASS,
        "The last check passed. Next: python3 start.py begin 03\n"
        "For a hint all the same, name its task: python3 start.py hint 1\n",
    )
    assert work.progress().hints == {}
    assert say("hint", "1")[1].startswith("Task 1 of 2: ")


def test_step_that_is_begun_again_must_be_checked_again(say, two_tasks):
    say("begin", "02")
    pass_("02")
    say("begin", "02")

    assert say("status")[1].endswith("Next: python3 start.py check\n")
    assert say("hint")[1].startswith("Task 1 of 2: ")


def pass_(number):
    """Keep what `check` keeps when all promises of a step are kept."""
    known = work.progress()
    known.done, known.passed = [number], True
    work.keep(known)


# diff --mine, ladder --mine


def test_diff_mine_leads_to_the_solution(say, mine):
    say("begin", "02")
    say("solve", "--hunk", "5")
    edit(mine / "routing.py", "class Router", "MINE = 1\n\n\nclass Router")

    status, out, _ = say("diff", "--mine")

    assert status == PASS
    assert "\n-MINE = 1\n" in out
    assert "+++ b/app.py\n" in out


def test_diff_mine_of_the_solution_is_none(say):
    say("begin", "02")
    say("solve")

    assert say("diff", "--mine")[1] == "work and 02 have the same code.\n"


def test_diff_mine_warns_that_its_hunks_are_numbered_otherwise(say):
    say("begin", "02")
    _, out, err = say("diff", "--mine", "--hunks")

    assert "\nHunk 1: " in out
    assert err == "`solve --hunk` has other numbers: see its --help.\n"


@pytest.mark.parametrize("words", [["--mine", "02"], [], ["02"]])
def test_diff_needs_two_sides_or_mine(say, words):
    say("begin", "02")
    status, _, err = say("diff", *words)

    assert status == USAGE
    assert "--mine" in sentence(err)


def test_ladder_mine_is_the_ladder_with_work_as_its_target(
    say, mine, monkeypatch
):
    asked = []

    def run(name, options):
        asked.append((name, options.target))
        return PASS

    monkeypatch.setattr("workshop.bench.experiment.run", run)
    monkeypatch.setattr("workshop.checking.starts", asked.append)
    say("begin", "03")
    status, _, _ = say("ladder", "--mine", "--quick")

    assert status == PASS
    assert asked == [Target("work", mine, None), ("ladder", str(mine))]


def test_ladder_takes_mine_or_a_target(say):
    status, _, err = say("ladder", "--mine", "--target", "03")

    assert status == USAGE
    assert sentence(err) == "--mine is --target work: give one of the two."


# Bad input


NEEDS_A_STEP = [
    ["status"],
    ["hint"],
    ["solve"],
    ["reset"],
    ["diff", "--mine"],
    ["ladder", "--mine"],
]


@pytest.mark.parametrize("words", NEEDS_A_STEP, ids=" ".join)
def test_verb_before_begin_says_to_begin(say, mine, words):
    status, _, err = say(*words)

    assert status == USAGE
    assert sentence(err) == (
        f"There is no work/ that was begun: `{START} begin` makes it."
    )
    assert not mine.exists()


def test_who_lost_the_folder_is_told_of_the_last_copy(say, mine):
    say("begin", "02")
    say("reset")
    shutil.rmtree(mine)

    status, _, err = say("status")
    assert status == USAGE
    assert f"`{START} undo` brings the last copy back." in err
    assert (say("undo")[0], (mine / "pico.py").is_file()) == (PASS, True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hunks = []\n",
        "step = ",
        'step = "99"\n',
        "step = 3\n",
        'done = "01"\n',
        "hunks = [true]\n",
        'failed = "no"\n',
        "passed = 1\n",
        "spent = nan\n",
        '[hints]\n"02.1" = "all"\n',
        "colour = 1\n",
        "\xff",
    ],
)
def test_state_that_is_broken_is_told_and_goto_mends_it(say, mine, text):
    say("begin", "02")
    (mine / "progress.toml").write_bytes(text.encode("latin-1"))
    (mine / "pico.py").write_text("mine = 1\n", "utf-8")

    for words in (["begin"], *NEEDS_A_STEP):
        status, _, err = say(*words)
        assert status == USAGE
        said = sentence(err)
        assert said.startswith("work/progress.toml cannot be read (")
        assert said.endswith(f"as with `{START} goto 01`.")
    assert (mine / "pico.py").read_text("utf-8") == "mine = 1\n"
    assert say("goto", "02")[0] == PASS
    assert code(mine) == start_of("02")


@pytest.mark.parametrize("words", [["begin"], ["goto", "02"], *NEEDS_A_STEP])
def test_work_that_is_a_file_is_told(say, mine, words):
    mine.write_text("Mine.\n", "utf-8")

    status, _, err = say(*words)

    assert status == ENVIRONMENT
    assert "work is a file, and should be the folder" in sentence(err)
    assert mine.read_text("utf-8") == "Mine.\n"


def test_undo_where_work_is_a_file_is_told(say, mine):
    say("begin")
    say("reset")
    shutil.rmtree(mine)
    mine.write_text("Mine.\n", "utf-8")

    status, _, err = say("undo")

    assert status == ENVIRONMENT
    assert "work is a file, and should be the folder" in sentence(err)
    assert mine.read_text("utf-8") == "Mine.\n"


def test_folder_that_cannot_be_made_is_told(say, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("", "utf-8")
    monkeypatch.setenv("WORKSHOP_WORK", str(tmp_path / "file" / "work"))

    status, _, err = say("begin", "02")

    assert status == ENVIRONMENT
    assert "cannot be read or written (" in sentence(err)


@pytest.mark.parametrize("words", [["begin"], ["solve"], ["reset"], ["undo"]])
def test_file_that_must_not_be_written_is_told(say, monkeypatch, words):
    say("begin", "02")
    say("begin", "02")

    def refuse(folder, path, found):
        raise PermissionError(13, "Permission denied", str(folder / path))

    monkeypatch.setattr(course, "write", refuse)
    monkeypatch.setattr(work.shutil, "copy", refuse_copy)
    status, _, err = say(*words)

    assert status == ENVIRONMENT
    assert "cannot be read or written (Permission denied)" in sentence(err)
    assert f"`{START} undo` brings back what it was." in err


def refuse_copy(source, target):
    raise PermissionError(13, "Permission denied", str(target))


# The guide

SHOWN = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)
GUIDE = (ROOT / "docs" / "guides" / "learn.md").read_text("utf-8")


def pattern(lines):
    """Return what matches such lines; `...` stands for any text."""
    return ".*".join(map(re.escape, "\n".join(lines).split("...")))


def test_guide_shows_what_the_verbs_say(say):
    blocks = SHOWN.findall(GUIDE)
    for block in blocks:
        command, *expected = block.replace(PROSE, START).splitlines()
        status, out, _ = say(*command.removeprefix("$ ").split()[2:])

        assert status == PASS
        assert re.fullmatch(pattern(expected), out.strip("\n"), re.S), out
    assert len(blocks) >= 5


# The screen


@pytest.mark.parametrize("number", NUMBERS)
def test_each_verb_fits_a_screen_of_80_columns_and_24_lines(say, number):
    say("begin", "05")
    begun = say("begin", number)[1]
    outs = [begun, say("solve", "--hunk", "1")[1]]
    outs += [say(*words)[1] for words in (["reset"], ["solve"])]
    for task in course.tasks(find(number)):
        outs += [say("hint", task.number)[1] for _ in task.hints]
    outs += [say("status")[1], say("undo")[1], say("reset")[1]]

    for out in outs:
        assert len(out.splitlines()) <= 23, out
        assert max(map(len, out.splitlines())) <= 80, out
