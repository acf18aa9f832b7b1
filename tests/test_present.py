"""The presenter: its logic without a terminal, its whole path in one."""

import contextlib
import io
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from workshop import (
    course,
    cues,
    diffs,
    keys,
    present,
    prompter,
    proof,
    screen,
    speaker,
    work,
)
from workshop.errors import ENVIRONMENT, INTERRUPTED, PASS, WorkshopError
from workshop.present import opened, plan
from workshop.prompter import Proofs, Show
from workshop.proof import Errand, Verdict
from workshop.steps import ROOT, all_steps, find
from workshop.verbs import START, stage

TERMINAL = pytest.mark.skipif(
    os.name != "posix", reason="needs a pseudo-terminal"
)
STYLE = re.compile(r"\x1b\[[0-9;]*m")
SIZE = (80, 24)
PATIENCE = 20.0  # seconds; whatever takes longer is broken


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Return work/, which is nobody's own."""
    monkeypatch.setenv("WORKSHOP_WORK", str(tmp_path / "work"))
    screen.console.cache_clear()  # It prints where output is captured now.
    yield work.folder()
    screen.console.cache_clear()


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds


class Fingers:
    """Press keys; what can be called is called between two of them."""

    def __init__(self, *pressed):
        self.pressed = [*pressed, "q"]

    def read(self, seconds):
        while callable(self.pressed[0]):
            self.pressed.pop(0)()
        return self.pressed.pop(0)


class NoProofs(Proofs):
    """Nothing is proved: no process is started."""

    def start(self, kind, note, files):
        self.asked = kind, note.hunk.number, files


def shown(play, *pressed, size=SIZE, proofs=None):
    """Give the talk on a screen of ours; return each screen as lines."""
    screens = []

    def paint(lines):
        screens.append([line.plain for line in lines])

    show = Show(play, paint, lambda: size, proofs or NoProofs(play))
    show.run(Fingers(*pressed))
    return screens


def code(folder):
    """Return the bytes of each file of a folder's code."""
    return {path: (folder / path).read_bytes() for path in diffs.code(folder)}


def order(number):
    """Return the numbers of a step's hunks as they are told."""
    return [note.hunk.number for note in course.notes(find(number))]


# Forth and back


def test_talk_begins_with_the_card_of_the_first_step():
    play = opened(None, 10)

    assert (play.step.number, play.known.hunks) == ("01", [])
    assert cues.head(play) == "01 Raw protocol, 1 hunk to come"
    assert code(work.folder()) == {}
    assert work.progress() == play.known


def test_enter_applies_the_next_hunk_in_the_order_of_the_data(folder):
    play = opened("02", 10)
    first, second, *_ = order("02")

    shown(play, "enter", "enter")

    assert work.progress().hunks == [first, second]
    for path, lines in course.applied(find("02"), {first, second}).items():
        assert diffs.content(folder / path) == lines


@pytest.mark.parametrize("number", ["01", "02", "03", "04", "05"])
def test_all_hunks_of_a_step_make_the_step(number, folder):
    play = opened(number, 10)

    while play.step.number == number and not play.over:
        play.forward()

    assert code(folder) == code(find(number).folder)
    assert number in play.known.done


def test_extensions_that_are_only_named_come_with_the_end_of_their_step(
    folder,
):
    play = opened("04", 10)
    for _ in order("04"):
        play.forward()

    before = set(code(folder))
    play.forward()

    assert set(code(folder)) - before == set(present.named("04"))
    assert "extensions/forms.py" in present.named("04")
    assert "forms" in "\n".join(cues.card(play))


def test_step_that_a_learner_has_finished_is_not_an_edited_one(folder):
    for path, lines in present.solution("04").items():
        course.write(folder, path, lines)
    work.keep(work.Progress("04", ["04"], order("04")))

    play = opened(None, 10)

    assert play.edited() == []
    play.forward()
    assert play.key == ("05", (), False)


def test_back_undoes_one_hunk_after_the_other(folder):
    play = opened("04", 10)
    seen = []
    for _ in range(len(order("04")) + 3):  # Two hunks of step 05.
        seen.append((play.key, code(folder)))
        play.forward()

    for key, files in reversed(seen):
        assert play.back()
        assert (play.key, code(folder)) == (key, files)


def test_back_stays_at_the_beginning():
    play = opened("01", 10)

    assert not play.back()
    assert play.key == ("01", (), False)


def test_back_leaves_the_end():
    play = opened("05", 10)
    while not play.over:
        play.forward()

    shown(play, "enter", "b")

    assert not play.over
    assert play.known.hunks == order("05")


def test_numbered_step_begins_anew_where_its_plan_begins(folder):
    shown(opened("02", 10), "enter", "enter")

    play = opened("03", 20)

    assert code(folder) == code(find("02").folder)
    assert play.known.done == ["01", "02"]
    assert play.spent() == plan(20)["03", 0][0] == 360


def test_talk_goes_on_where_it_was_left():
    now = Clock()
    play = opened("02", 10, now)
    begun = play.spent()
    shown(play, "enter", lambda: setattr(now, "seconds", 7.0), "enter")

    later = opened(None, 10, now)

    assert later.known.hunks == order("02")[:2]
    assert later.spent() == begun + 7
    assert later.edited() == []


def test_hunks_that_another_verb_applied_are_not_applied_again(folder):
    play = opened("02", 10)
    last = order("02")[-1]
    for path, lines in course.applied(find("02"), {last}).items():
        course.write(folder, path, lines)
    work.keep(work.Progress("02", ["01"], [last]))

    shown(play, "enter")

    assert work.progress().hunks == [last, order("02")[0]]
    assert play.edited() == []


def test_hunks_without_a_note_are_told_last(monkeypatch):
    step = find("02")
    data = {**step.data, "hunk": step.data["hunk"][2:]}
    monkeypatch.setitem(step.__dict__, "data", data)

    told = [note.hunk.number for note in present.notes(step)]

    assert told[: len(told) - 2] == order("02")
    assert sorted(told) == sorted(course.hunks(step))
    present.plan.cache_clear()
    try:
        assert present.plan(10)["02", told[-1]][1] > 0
    finally:
        present.plan.cache_clear()


# An edited work/


def test_edited_work_asks_before_anything_is_written(folder):
    play = opened("02", 10)

    def edit():
        (folder / "pico.py").write_text("mine = 1\n", "utf-8")

    *_, last = shown(play, "enter", edit, "enter")

    assert (folder / "pico.py").read_text("utf-8") == "mine = 1\n"
    told = " ".join(" ".join(last).split())
    assert "is not what the presenter shows here: pico.py." in told
    assert len(work.progress().hunks) == 1


def test_edited_work_is_kept_and_the_presenters_own_state_goes_on(folder):
    play = opened("02", 10)

    def edit():
        (folder / "pico.py").write_text("mine = 1\n", "utf-8")
        (folder / "flow.py").write_text("too_early = 1\n", "utf-8")
        (folder / "demo.py").write_text("my_own = 1\n", "utf-8")

    shown(play, "enter", edit, "enter", "enter", "enter")

    (kept,) = work.backups().iterdir()
    assert (kept / "pico.py").read_text("utf-8") == "mine = 1\n"
    assert (kept / "flow.py").is_file()
    assert len(work.progress().hunks) == 2
    assert not (folder / "flow.py").exists()
    assert (folder / "demo.py").is_file(), "no step knows it: it stays"


@pytest.mark.skipif(os.name != "posix", reason="links need a right there")
def test_link_is_replaced_and_what_it_leads_to_stays(folder, tmp_path):
    play = opened("02", 10)
    (tmp_path / "mine.py").write_text("mine = 1\n", "utf-8")
    (folder / "pico.py").unlink()
    (folder / "pico.py").symlink_to(tmp_path / "mine.py")

    play.write()

    assert (tmp_path / "mine.py").read_text("utf-8") == "mine = 1\n"
    assert not (folder / "pico.py").is_symlink()


def test_removed_file_and_lost_state_are_an_edited_work(folder):
    play = opened("02", 10)

    def lose():
        for path in folder.iterdir():
            path.unlink()

    shown(play, "enter", lose, "enter", "enter", "enter")

    assert play.edited() == []
    assert len(work.progress().hunks) == 2


def test_state_with_an_unknown_hunk_is_a_sentence():
    opened("02", 10)
    work.keep(work.Progress("02", [], [99]))

    with pytest.raises(WorkshopError, match="has no hunk 99"):
        opened(None, 10)


# The clock


def test_plan_adds_up_to_the_minutes():
    for minutes in (10, 20):
        windows = plan(minutes)
        told = [one for (_, number), one in windows.items() if number]
        assert sum(end - begin for begin, end in told) == pytest.approx(
            60 * minutes
        )
        assert windows["05", order("05")[-1]][1] == pytest.approx(60 * minutes)


def test_clock_runs_from_the_first_enter_on():
    now = Clock()
    play = opened("01", 10, now)

    now.seconds = 60
    assert (play.spent(), play.pace()) == (0, "on time")
    play.forward()
    now.seconds = 75
    assert (play.spent(), play.pace()) == (15, "on time")


@pytest.mark.parametrize(
    "spent, said",
    [(10, "0:50 ahead"), (60, "on time")],
)
def test_pace_is_said_in_words(spent, said):
    play = opened("02", 10)
    play.known.spent = spent

    assert play.pace() == said
    assert said in cues.clock_line(play)


def test_pace_behind_the_plan_is_said_in_words():
    play = opened("02", 10)
    play.known.spent = plan(10)["02", 0][1] + 65

    assert play.pace() == "1:05 behind"


@pytest.mark.parametrize("minutes", [10, 600])
def test_clock_fits_a_screen_of_80_columns(minutes):
    for number, spent in (("05", 0), ("05", 1), ("01", 0.9)):
        play = opened(number, minutes)
        play.known.spent = spent * 60 * minutes

        assert len(cues.clock_line(play)) <= 80, cues.clock_line(play)


def test_time_spent_is_written_while_nothing_is_pressed():
    now = Clock()
    play = opened("01", 10, now)
    seen = []

    def wait():
        now.seconds += 5

    def look():
        seen.append(work.progress().spent)

    shown(play, "enter", wait, "down", look, wait, "down", look)

    assert seen == [5, 10]


def test_hints_given_meanwhile_are_not_lost():
    now = Clock()
    play = opened("01", 10, now)

    def hint():
        now.seconds += 5
        known = work.progress()
        known.hints["01.1"] = 2
        work.keep(known)

    shown(play, "enter", hint, "down", "enter")

    assert work.progress().hints == {"01.1": 2}
    assert work.progress().step == "02"


# The screen


@pytest.mark.parametrize("size", [SIZE, (60, 18), (132, 50), (20, 8)])
def test_screen_is_as_large_as_the_terminal(size):
    play = opened("02", 10)

    screens = shown(play, *["enter"] * 6, "space", "n", size=size)

    for lines in screens:
        assert len(lines) == size[1]
        assert max(map(len, lines)) <= size[0]


def test_long_hunk_is_paged_to_its_end():
    play = opened("02", 10)
    seen = set()
    for lines in shown(play, "enter", *["space"] * 12):
        seen.update(lines)

    source = (find("02").folder / "routing.py").read_text("utf-8")
    for number, line in enumerate(source.splitlines(), 1):
        row = f"{number:>3}+ {line}"
        assert row[:80] in seen
        assert len(row) <= 80 or f"   + {row[80:]}" in seen


def test_scrolling_stays_within_the_hunk():
    play = opened("02", 10)

    screens = shown(play, "enter", "up", "page up", "down", *["space"] * 30)

    assert "-- 1 to " in screens[1][-5]
    assert "-- 2 to " in screens[2][-5]
    rule = re.fullmatch(r"-- \d+ to (\d+) of (\d+) -+", screens[-1][-5])
    assert rule and rule[1] == rule[2]


def test_lines_have_the_numbers_of_the_file_as_it_is_now(folder):
    play = opened("03", 10)
    for _ in order("03"):
        play.forward()
        note = play.current
        lines = diffs.content(folder / note.hunk.path)
        for number, line in present.lines_of(play, note):
            assert line.kind == "-" or lines[number - 1] == line.text
        kinds = [line.kind for _, line in present.lines_of(play, note)]
        assert kinds.count("+") == note.hunk.added
        assert kinds.count("-") == note.hunk.removed


def test_notes_are_shown_or_not():
    play = opened("02", 10)

    first, _, off, on = shown(play, "enter", "n", "n")

    note = course.notes(find("02"))[0].note
    words = " ".join(on[1:4])
    assert note.split(".")[0] in re.sub(r"\s+", " ", words)
    assert first[1] == find("02").data["sentence"]
    assert off[1] == "-" * 80


def test_hunk_is_coloured_where_colours_are(monkeypatch):
    play = opened("02", 10)
    play.forward()
    console = screen.console()
    cues.highlighted.cache_clear()
    monkeypatch.setattr(console, "no_color", False)
    coloured = cues.rows(play, 80)
    cues.highlighted.cache_clear()
    monkeypatch.setattr(console, "no_color", True)
    plain = cues.rows(play, 80)
    cues.highlighted.cache_clear()

    assert [row.plain for row in coloured] == [row.plain for row in plain]
    assert sum(len(r.spans) for r in coloured) > sum(
        len(r.spans) for r in plain
    )


# Proofs


def test_check_is_asked_for_by_its_key():
    play = opened("01", 10)
    proofs = NoProofs(play)

    shown(play, "c", "enter", "c", proofs=proofs)

    assert proofs.asked[:2] == ("check", 1)
    assert set(proofs.asked[2]) == {"pico.py"}


def test_promise_is_kept_with_its_hunk_and_broken_without(folder):
    step, note = find("01"), course.notes(find("01"))[0]
    files = present.contents(step.folder)
    wrong = [line.replace("json", "html") for line in files["pico.py"]]

    errands = [
        Errand("check", step, note.hunk.number, found)
        for found in (files, {"pico.py": wrong})
    ]
    for errand in errands:
        errand.thread.join()

    right, broken = (errand.verdict for errand in errands)
    assert right == Verdict("PASS", "hello is answered with json")
    assert broken.word == "FAIL"


def test_price_is_the_exact_count_and_how_much_more_it_is():
    play = opened("01", 10)
    play.forward()
    proofs = Proofs(play)
    proofs.place = play.key
    proofs.start("price", play.current, present.expected(play.known))
    proofs.errands["price"].thread.join()
    proofs.follow()

    line = proofs.price_line().plain
    assert re.fullmatch(
        r"price  \d+ bytecodes, 1 Python call, \d+ C calls? a hello", line
    )
    step, hunks, _ = play.key
    proofs.prices[step, hunks[:-1], False] = Verdict(
        "PASS", "", {"bytecodes": 4.0}
    )
    assert re.search(r" \(\+\d+ bytecodes\)$", proofs.price_line().plain)
    proofs.end()


def test_price_waits_for_the_first_answer():
    play = opened("02", 10)
    files = {"pico.py": ["raise SystemExit"]}

    found = Errand("price", play.step, 0, files)
    found.thread.join()

    assert found.verdict == Verdict("SKIP", "a hello is not answered yet")


def test_count_is_compared_with_the_code_without_the_hunk():
    step = find("05")
    note = next(
        n
        for n in course.notes(step)
        if n.shows == "count" and n.by.startswith("hello.")
    )

    found = Errand(
        "check", step, note.hunk.number, present.contents(step.folder)
    )
    found.thread.join()

    assert found.verdict.word == "PASS"
    assert " for a hello; without it " in found.verdict.text


def test_every_promise_of_the_notes_is_found():
    for step in all_steps():
        for note in course.notes(step):
            if note.shows == "behaviour":
                assert proof.promise(step, note.by), note.by


def test_proof_that_hangs_is_ended_in_time(monkeypatch):
    monkeypatch.setattr(proof, "PATIENCE", 0.5)

    found = Errand("price", find("01"), 1, {"pico.py": ["while 1: pass"]})
    found.thread.join()

    assert found.verdict == Verdict("FAIL", "no end within 0.5 seconds")


def test_proof_that_nobody_wants_is_ended_with_its_processes(monkeypatch):
    monkeypatch.setattr(proof, "PAUSE", 0)
    found = Errand("price", find("01"), 1, {"pico.py": ["while 1: pass"]})
    until(lambda: found.process is not None)

    found.end()

    assert found.process.poll() is not None
    assert not found.thread.is_alive()


def test_check_that_fails_before_the_last_hunk_says_that_more_will_come():
    play = opened("02", 10)
    play.forward()
    proofs = NoProofs(play)
    proofs.errands["check"] = Said(Verdict("FAIL", "404 is missing"))

    line = proofs.check_line().plain

    assert line == "check  FAIL not yet, hunks are to come: 404 is missing"


class Said:
    """An errand that has come back."""

    def __init__(self, verdict):
        self.verdict = verdict
        self.thread = self

    def join(self):
        pass

    def end(self):
        pass


class Instant(Proofs):
    """Each proof is known at once."""

    def start(self, kind, note, files):
        verdict = Verdict("PASS", f"{kind} of {sorted(files)}", {})
        self.errands[kind] = Said(verdict)


# Line by line


def lines_of(text, number=None):
    """Give the talk by lines; return the play."""
    play = opened(number, 10)
    prompter.by_lines(play, io.StringIO(text), NoProofs(play))
    return play


def test_lines_are_keys(capsys):
    play = lines_of("\n\nb\nn\n\nq\n", "02")

    out = capsys.readouterr().out
    assert play.known.hunks == order("02")[:2]
    assert "02 Routing, 1 of 6: hunk 5, routing.py (+" in out
    assert "\x1b" not in out


def test_end_of_the_lines_is_the_end_of_the_talk():
    lines_of("", "03")

    assert work.progress().step == "03"


def test_check_by_lines_waits_for_both_proofs(capsys):
    play = opened("01", 10)

    prompter.by_lines(play, io.StringIO("\nc\nq\n"), Instant(play))

    out = capsys.readouterr().out
    assert "check  PASS check of ['pico.py']\n" in out
    assert "price  price of ['pico.py']\n" in out


def test_edited_work_asks_by_lines_too(folder, capsys):
    opened("02", 10)
    (folder / "pico.py").write_text("mine = 1\n", "utf-8")

    lines_of("\n\nq\n")

    assert "is not what the presenter shows" in capsys.readouterr().out
    assert work.progress().hunks == order("02")[:1]


# Notes


def test_notes_follow_the_talk():
    play = opened("02", 10)
    notes = speaker.Notes(10)
    first, second, *_ = course.notes(find("02"))

    before = " ".join(notes.lines(60))
    play.forward()
    notes.refresh()
    after = " ".join(notes.lines(60))

    assert find("02").data["sentence"] in before
    assert f"Next: {cues.title(first)}" in before
    assert first.note in after and second.note in after
    assert "9:00 left" in after


def test_notes_keep_the_last_place_while_the_state_is_written(folder):
    opened("02", 10)
    notes = speaker.Notes(10)

    for text in ("", "step = ", 'step = "09"'):
        (folder / work.STATE).write_text(text, "utf-8")
        notes.refresh()

    assert notes.play.step.number == "02"


def test_notes_name_the_next_step_and_the_end():
    play = opened("04", 10)
    for _ in order("04"):
        play.forward()
    assert speaker.Notes(10).coming().startswith("step 05, ")

    while not play.over:
        play.forward()
    assert speaker.Notes(10).coming() == "nothing"


def test_notes_by_lines_are_told_at_each_place_once(monkeypatch, capsys):
    play = opened("05", 10)
    for _ in order("05"):
        play.forward()
    waits = [lambda: None, play.forward]
    monkeypatch.setattr(speaker.time, "sleep", lambda _: waits.pop(0)())

    speaker.notes_by_lines(10)

    out = capsys.readouterr().out
    last = len(order("05"))
    assert out.count(f"05 Benchmarks, {last} of {last}: hunk ") == 1
    assert out.count("Next: the end") == 1
    assert "The end: all steps are told" in out


# The verb


def run(*words, stdin="", **env):
    """Run the verb where there is no terminal."""
    return subprocess.run(
        [sys.executable, "-m", "workshop", "present", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **env},
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_present_backs_work_up_and_tells_how_to_undo(folder):
    folder.mkdir()
    (folder / "pico.py").write_text("mine = 1\n", "utf-8")

    done = run(stdin="\nq\n")

    assert (done.returncode, done.stderr) == (PASS, "")
    (kept,) = work.backups().iterdir()
    assert (kept / "pico.py").read_text("utf-8") == "mine = 1\n"
    assert f"`{START} undo 1` has it." in done.stdout
    assert f"`{START} present` goes on there." in done.stdout
    assert code(folder) == code(find("01").folder)


def test_present_back_undoes_the_last_hunk(folder, capsys):
    shown(opened("02", 10), "enter", "enter")

    assert prompter.undo_last() == PASS

    assert work.progress().hunks == order("02")[:1]
    assert "Undone: messages.py" in capsys.readouterr().out
    assert present.checked(work.progress())
    assert len([*work.backups().iterdir()]) == 1


def test_present_back_has_nothing_to_undo_at_the_beginning():
    opened("01", 10)

    with pytest.raises(WorkshopError, match="No hunk was applied"):
        prompter.undo_last()


def test_present_back_does_not_touch_an_edited_work(folder):
    opened("02", 10)
    (folder / "pico.py").write_text("mine = 1\n", "utf-8")

    with pytest.raises(WorkshopError, match="not what the presenter shows"):
        prompter.undo_last()
    assert (folder / "pico.py").read_text("utf-8") == "mine = 1\n"


def test_present_does_one_thing_at_a_time():
    with pytest.raises(WorkshopError, match="give one of them"):
        stage.present("02", back=True)


# In a pseudo-terminal


def until(holds):
    """Wait until something holds."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.005)


class Terminal:
    """The verb in a pseudo-terminal of 80 x 24, in ASCII, without colour."""

    def __init__(self, *words, verb="present"):
        import pty
        import termios

        self.ours, self.its = pty.openpty()
        termios.tcsetwinsize(self.its, (SIZE[1], SIZE[0]))
        self.before = termios.tcgetattr(self.its)
        self.heard = ""
        without = ("COLUMNS", "LINES", "FORCE_COLOR", "TTY_COMPATIBLE")
        env = {k: v for k, v in os.environ.items() if k not in without}
        env |= {"NO_COLOR": "1", "TERM": "xterm", "LC_ALL": "C"}
        env |= {"PYTHONIOENCODING": "ascii", "PYTHONCOERCECLOCALE": "0"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "workshop", verb, *words],
            cwd=ROOT,
            env=env,
            stdin=self.its,
            stdout=self.its,
            stderr=self.its,
            start_new_session=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.process.kill()
        self.process.wait()
        os.close(self.ours)
        os.close(self.its)

    def press(self, text):
        os.write(self.ours, text.encode())

    def hear(self, seconds=0.1):
        import select

        if select.select([self.ours], [], [], seconds)[0]:
            self.heard += os.read(self.ours, 65536).decode("ascii")

    def screen(self):
        """Return the last whole screen, without its styles."""
        frames = self.heard.split("\x1b[H")[1:]
        for frame in reversed(frames):
            lines = STYLE.sub("", frame).split("\x1b", 1)[0].split("\r\n")
            if len(lines) == SIZE[1] and len(lines[-1]) >= SIZE[0]:
                return lines
        return [""]

    def wait_for(self, begin):
        """Wait for a screen that begins so; return it."""
        end = time.monotonic() + PATIENCE
        while not self.screen()[0].startswith(begin):
            self.hear()
            assert time.monotonic() < end, (begin, self.screen())
            assert self.process.poll() is None, self.heard
        return self.screen()

    def ended(self):
        """Wait for its end; return its status and its last words."""
        import termios

        end = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            self.hear()
            assert time.monotonic() < end, "it does not end"
        with contextlib.suppress(BlockingIOError):
            self.hear(0)
        after = termios.tcgetattr(self.its)
        assert after == self.before, "the terminal is not as it was"
        drawn, left, last = self.heard.rpartition("\x1b[?1049l")
        assert drawn.startswith("\x1b[?1049h") and left
        assert drawn.count("\x1b[?25l") == self.heard.count("\x1b[?25h") == 1
        return self.process.returncode, last.replace("\x1b[?25h", "")


@TERMINAL
def test_whole_talk_from_01_to_05_in_a_pseudo_terminal(folder):
    screens = []
    with Terminal() as terminal:
        for step in all_steps():
            name = f"{step.number} {step.data['title']},"
            told = order(step.number)
            total = len(told)
            screens.append(terminal.wait_for(f"{name} {total} hunk"))
            for count, number in enumerate(told, 1):
                terminal.press("\r")
                head = f"{name} {count} of {total}: hunk {number}, "
                screens.append(terminal.wait_for(head))
            assert code(folder).items() <= code(step.folder).items()
            terminal.press("\r")
        screens.append(terminal.wait_for("The end"))
        terminal.press("q")
        status, last = terminal.ended()

    assert status == PASS
    assert last.startswith("The end, after ")
    assert code(folder) == code(find("05").folder)
    for lines in screens:
        assert len(lines) == SIZE[1]
        assert {len(line) for line in lines} == {SIZE[0]}
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", terminal.heard)


@TERMINAL
@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT"])
def test_signal_gives_the_terminal_back_and_keeps_the_place(number):
    with Terminal("02") as terminal:
        terminal.wait_for("02 Routing, 6 hunks")
        terminal.press("\r")
        terminal.wait_for("02 Routing, 1 of 6: hunk 5, ")
        terminal.process.send_signal(getattr(signal, number))
        found, last = terminal.ended()

    assert found == INTERRUPTED
    assert "Interrupted" in last and "Traceback" not in last
    assert work.progress().hunks == order("02")[:1]


@TERMINAL
def test_error_gives_the_terminal_back_and_is_one_sentence(folder):
    with Terminal("02") as terminal:
        terminal.wait_for("02 Routing, 6 hunks")
        (folder / work.STATE).unlink()
        (folder / work.STATE).mkdir()
        terminal.press("\r")
        status, last = terminal.ended()

    assert status == ENVIRONMENT
    assert "Traceback" not in last
    said = last.replace("\r\n", " ")
    assert re.search(r"cannot be (read or )?written", said)


@TERMINAL
def test_keys_are_read_as_a_terminal_sends_them():
    with Terminal("02") as terminal:
        terminal.wait_for("02 Routing, 6 hunks")
        terminal.press("\r\r")
        terminal.wait_for("02 Routing, 2 of 6")
        terminal.press("\x7f")
        terminal.wait_for("02 Routing, 1 of 6")
        terminal.press("\x1b[B\x1b[B\x1b[A\x1a\x1b")  # no Ctrl-Z, no Escape
        until(lambda: terminal.hear() or "-- 2 to" in terminal.screen()[-5])
        terminal.press("q")
        assert terminal.ended()[0] == PASS


@TERMINAL
def test_notes_follow_in_a_second_terminal():
    play = opened("02", 10)
    with Terminal("--notes") as terminal:
        terminal.wait_for("02 Routing, 6 hunks")
        play.forward()
        terminal.wait_for("02 Routing, 1 of 6: hunk 5, ")
        terminal.press("q")
        assert terminal.ended()[0] == PASS


def test_keys_have_names():
    heard, found = "\r\x1b[5~\x1bOAz \x7f", []
    while heard:
        key, heard = keys.taken(heard)
        found.append(key)

    assert found == ["enter", "page up", "up", "z", "space", "back"]
