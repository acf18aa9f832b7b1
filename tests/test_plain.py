"""What is drawn: nothing with --plain, and 80 columns of ASCII are enough."""

import io
import os
import re
import sys

import pytest

from workshop import cli, screen, views
from workshop.bench import doctor, experiment, memory, results
from workshop.bench.conditions import Fact
from workshop.checking import Promise, Rows
from workshop.errors import PASS, USAGE, WorkshopError
from workshop.outcomes import Outcome
from workshop.steps import ROOT, Step, all_steps, find
from workshop.weaving import reference

CHEAP = [
    ["list"],
    ["diff", "02", "03"],
    ["diff", "03", "04", "--all"],
    ["diff", "02", "03", "--stat"],
    ["diff", "02", "03", "--side-by-side"],
    ["diff", "02", "03", "--hunks"],
    ["bench"],
    ["list", "--frob"],
    ["diff", "01", "09"],
    [],
]
LAID_OUT = [  # A patch is as wide as its files are.
    ["list"],
    ["diff", "02", "03", "--stat"],
    ["diff", "02", "03", "--side-by-side"],
    ["bench"],
    [],
]
DRAWN = re.compile("[\x00-\x09\x0b-\x1f\x7f]|[^\x00-\x7f]|[-=_]{8}")
MEASURED = [
    name
    for name in experiment.names()
    if (ROOT / "docs" / "results" / f"{name}.json").is_file()
]
HELP = [words.split()[1:] for words, _ in reference.all_commands()]


class Paper(io.TextIOWrapper):
    """What a process writes to: a terminal, or not."""

    def __init__(self, terminal, encoding):
        super().__init__(io.BytesIO(), encoding=encoding, newline="")
        self.terminal = terminal

    def isatty(self):
        return self.terminal

    def read(self):
        self.flush()
        return self.buffer.getvalue().decode("utf-8")


@pytest.fixture
def paper(monkeypatch):
    """Return `paper()`: what takes all that is written from now on."""

    def paper(terminal=True, encoding="utf-8", **env):
        made = Paper(terminal, encoding)
        for name in ("NO_COLOR", "WORKSHOP_PLAIN"):
            monkeypatch.delenv(name, raising=False)
        known = {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
        for name, value in {**known, **env}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "stdout", made)
        monkeypatch.setattr(sys, "stderr", made)
        return made

    return paper


def study(name):
    """Return an experiment as it is when its committed result was found."""
    path = ROOT / "docs" / "results" / f"{name}.json"
    made = experiment.lab(name, experiment.Options())
    made.complete = True
    return made, results.read(path)


def show_what_is_dear_to_find(monkeypatch):
    """Let each verb print what it prints after a long time."""
    for name in MEASURED:
        made, result = study(name)
        made.introduce()
        with made.progress():
            made.tell("half of it", 0.5)
        made.show(result)
    broken = Outcome("id", "broken", "02", False, "x.py:1", "No \N{SNOWMAN}.")
    tally = views.Tally()
    tally.show(Promise("02_routing", "it holds", kept=["02"]))
    tally.show(Promise("02_routing", "it breaks", broken=[broken] * 4))
    tally.show_rows(Rows("02_routing", 2, 1, [("7", "no answer")]))
    tally.conclude()
    doctor.show(Fact("battery", "5 \N{MICRO SIGN}s", "plug it in", "WARN"))
    with doctor.progress() as tell:
        tell("step 01 races")
    grown = memory.Memory("03", "", 1234.4, None, 6789)
    monkeypatch.setattr(memory, "room", lambda: 1)
    monkeypatch.setattr(memory, "measure", lambda step, number: grown)
    memory.run([find("03")], None)


# --plain


@pytest.mark.parametrize("words", CHEAP, ids=" ".join)
def test_plain_output_is_ascii_and_nothing_is_drawn(paper, words):
    written = paper(FORCE_COLOR="1")

    cli.main([*words, "--plain"])

    assert written.read().strip()
    assert not DRAWN.search(written.read())


def test_plain_output_of_dear_verbs_has_nothing_drawn(paper, monkeypatch):
    written = paper()

    with screen.prepared(asked=True):
        show_what_is_dear_to_find(monkeypatch)

    _, ladder = study("ladder")
    took = ladder["arms"][2]["cpu_us"]["median"]
    assert not DRAWN.search(written.read())
    assert f"rung 03 parsing: CPU us/request: {took:.1f}" in written.read()
    assert "step 03: idle: 1,234\nstep 03: 1 GB unread: -\n" in written.read()
    assert "WARN  battery     5 us\n" in written.read()


def test_the_same_without_plain_is_drawn(paper, monkeypatch):
    written = paper()

    with screen.prepared():
        show_what_is_dear_to_find(monkeypatch)

    assert "\x1b[" in written.read()
    assert "\N{BOX DRAWINGS LIGHT HORIZONTAL}" in written.read()


@pytest.mark.parametrize(
    "words", [["--plain", "list"], ["list", "--plain"]], ids=" ".join
)
def test_plain_stands_before_a_verb_or_after_it(paper, words):
    written = paper()

    status = cli.main(words)

    lines = written.read().splitlines()
    assert status == PASS
    assert len(lines) == 3 * len(all_steps())
    assert "step 03: what it is about: Parsing. httptools" in lines[6]
    assert re.fullmatch(r"step 03: core lines: \d+", lines[7])
    assert re.fullmatch(r"step 03: tests: \d+", lines[8])


def test_plain_is_asked_for_by_the_environment_as_well(paper):
    written = paper(WORKSHOP_PLAIN="1")

    cli.main(["list"])

    assert "\nstep 05: tests: " in written.read()


def test_plain_ends_with_its_verb(paper):
    paper()

    cli.main(["list", "--plain"])

    assert not screen.plain()
    assert "NO_COLOR" not in os.environ


def test_plain_behind_two_dashes_is_a_word_like_any(paper):
    written = paper()

    status = cli.main(["diff", "--", "--plain", "02"])

    assert status == USAGE
    assert "'--plain' is no step" in written.read()


def test_plain_diff_tells_of_each_line_what_becomes_of_it(paper, tmp_path):
    for name, text in (("a", "one\ntwo\n"), ("b", "one\nthree\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pico.py").write_text(text)
    written = paper()

    cli.main(["diff", f"{tmp_path}/a", f"{tmp_path}/b", "--side-by-side"])
    cli.main(
        ["diff", f"{tmp_path}/a", f"{tmp_path}/b", "--side-by-side", "--plain"]
    )

    plain = written.read()[written.read().rindex("pico.py") :]
    assert plain.splitlines() == [
        "pico.py (changed, +1 -1)",
        "same 1: one",
        "gone 2: two",
        "new 2: three",
    ]


def test_plain_patch_says_when_letters_had_to_be_spelled(paper):
    written = paper()

    cli.main(["diff", "03", "04", "--plain"])

    assert "leave --plain out" in written.read()


def test_list_of_a_step_that_cannot_be_read_says_where(tmp_path):
    (tmp_path / "pico.py").write_text("a = 1\n<<<<<<< 03\n")

    with pytest.raises(WorkshopError, match=r"pico.py, line 2: SyntaxError"):
        views.steps([Step("03", tmp_path, {})])


# 80 columns, ASCII, no colour


@pytest.mark.parametrize("words", [[], ["dev"], *HELP], ids=" ".join)
def test_help_fits_a_screen_and_is_ascii(paper, words):
    written = paper(terminal=False, encoding="ascii")

    status = cli.main([*words, "--help"])

    assert status == PASS
    assert written.read().isascii()
    assert max(map(len, written.read().splitlines())) <= 80


def test_first_help_is_grouped_and_cuts_no_sentence(paper):
    written = paper(LINES="60")

    cli.main([])

    found = written.read().partition("--help")[2]
    assert "..." not in found
    assert found.index("\nTo look closer:\n  list ") < found.index(
        "\nTo change the workshop:\n  dev "
    )


@pytest.mark.parametrize("words", [[], ["dev"], *HELP], ids=" ".join)
def test_help_fits_a_window_of_24_rows(paper, words):
    written = paper(LINES="24")

    cli.main([*words, "--help"])

    assert len(written.read().splitlines()) < 24, "the prompt needs a row"


def test_low_window_names_each_verb_and_tells_where_more_is(paper):
    low = paper(LINES="24")
    cli.main([])
    high = paper(LINES="60")
    cli.main([])

    assert "A taller window says what each is for." in low.read()
    named = set(re.findall(r"[a-z]+", low.read().partition("Verbs:")[2]))
    assert named >= {words[0] for words in HELP}
    assert "hint        Give one more hint for a task." in high.read()


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize("words", LAID_OUT, ids=" ".join)
def test_output_fits_a_terminal_of_80_columns(paper, words, encoding):
    written = paper(encoding=encoding, NO_COLOR="1")

    cli.main(words)

    text = re.sub("\x1b\\[[0-9;]*m", "", written.read())
    assert max(map(len, text.splitlines())) <= 80
    assert encoding == "utf-8" or text.isascii()


@pytest.mark.parametrize("name", MEASURED)
@pytest.mark.parametrize("width", [80, 60])
def test_table_of_an_experiment_loses_no_fact(paper, name, width):
    written = paper(NO_COLOR="1", COLUMNS=str(width))

    with screen.prepared():
        made, result = study(name)
        made.show(result)

    text = written.read()
    table = re.sub("\x1b\\[[0-9;]*m", "", text)
    assert "\N{HORIZONTAL ELLIPSIS}" not in table
    assert max(map(len, table.splitlines())) <= width
    for row in result[made.ROWS]:
        for cell in made.experiment.row(row):
            assert all(word in table for word in cell.split())


def test_table_that_fits_nowhere_is_told_as_facts(paper):
    written = paper(COLUMNS="20")

    with screen.prepared():
        made = screen.table("word", ">first\ncount", ">second")
        made.add_row("abcdefghij", "1,234,567", "1,234,567\n1-2")
        screen.console().print(made)

    words = " ".join(written.read().split())
    assert "word abcdefghij: first count: 1,234,567" in words
    assert "word abcdefghij: second: 1,234,567 (1-2)" in words
