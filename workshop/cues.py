"""Say what is seen at a place of the talk: header, note, code, clock.

Knows: hunks and their lines, notes, the plan; rows, columns, colours.
Does not know: keys, proofs, when anything is drawn.
"""

import codecs
import functools
import textwrap
from collections.abc import Iterable
from pathlib import Path

from rich.control import Control
from rich.syntax import Syntax
from rich.text import Text

from workshop import present, screen, work
from workshop.course import Note
from workshop.diffs import Line
from workshop.present import Play, clock
from workshop.proof import Verdict
from workshop.steps import all_steps
from workshop.verbs import START

NOTE_LINES = 5  # of a note; the second terminal has room for all of it
SIGNS = {"+": "green", "-": "red", " ": ""}
GUTTER = 5  # columns before the code
THEME = "ansi_dark"  # the terminal's own colours


def head(play: Play) -> str:
    """Say in one line where we are."""
    step, note = play.step, play.current
    name = f"{step.number} {step.data.get('title', step.word)}"
    if play.over:
        return "The end: all steps are told"
    if note is None:
        count = len(present.notes(step))
        return f"{name}, {count} {'hunk' if count == 1 else 'hunks'} to come"
    at = f"{len(play.known.hunks)} of {len(present.notes(step))}"
    return f"{name}, {at}: hunk {note.hunk.number}, {title(note)}"


def title(note: Note) -> str:
    """Return file, place and size of a hunk."""
    hunk = note.hunk
    where = " ".join(filter(None, [hunk.path, hunk.place]))
    return f"{where} (+{hunk.added} -{hunk.removed})"


def note_of(play: Play) -> str:
    """Return what the speaker says here."""
    if play.over:
        return "Questions."
    if play.current is None:
        return str(play.step.data.get("sentence", ""))
    return play.current.note


def card(play: Play) -> list[str]:
    """Return what is seen before the first hunk of a step, or at the end."""
    step = play.step
    if play.over:
        same = f"work/ holds the code of step {step.number}."
        return [same, "", *came_along(step.number)]
    at = all_steps().index(step)
    lines = came_along(all_steps()[at - 1].number) if at else []
    told = [f"  {title(note)}" for note in present.notes(step)]
    return [*lines, *told]


def came_along(number: str) -> list[str]:
    """Name what came with the end of a step and was not shown."""
    names = [Path(path).stem for path in present.named(number)]
    if not names:
        return []
    told = f"With step {number} came along, only named: {', '.join(names)}."
    return [told, ""]


def rows(play: Play, width: int) -> list[Text]:
    """Return the lines of code, or of a card, as wide as the screen."""
    note = play.current
    if note is None or play.over:
        wrapped = (textwrap.wrap(line, width) or [""] for line in card(play))
        return [Text(spelled(line)) for lines in wrapped for line in lines]
    lines = list(present.lines_of(play, note))
    coloured = highlighted(tuple(line.text for _, line in lines))
    return [
        gutter(number if first else 0, line).append_text(part)
        for (number, line), text in zip(lines, coloured, strict=True)
        for first, part in pieces(faded(line, text), width - GUTTER)
    ]


def gutter(number: int, line: Line) -> Text:
    """Return what stands before a line of code: its number, + or -."""
    digits = Text().append(f"{number or '':>{GUTTER - 2}}", "dim")
    return digits.append(line.kind + " ", SIGNS[line.kind])


def faded(line: Line, text: Text) -> Text:
    """Return code that went in one colour."""
    return Text(text.plain, SIGNS["-"]) if line.kind == "-" else text


def pieces(text: Text, width: int) -> Iterable[tuple[bool, Text]]:
    """Cut a line that is wider than the screen; nothing is lost."""
    cuts = range(max(1, width), len(text), max(1, width))
    return ((not at, part) for at, part in enumerate(text.divide(cuts)))


@functools.lru_cache(maxsize=8)
def highlighted(lines: tuple[str, ...]) -> list[Text]:
    """Return lines of Python, coloured."""
    source = spelled("\n".join(lines))
    if screen.console().no_color:
        return [Text(line) for line in source.split("\n")]
    text = Syntax("", "python", theme=THEME).highlight(source)
    found = text.split("\n", allow_blank=True)[: len(lines)]
    return found + [Text("")] * (len(lines) - len(found))


def spelled(text: str) -> str:
    """Return a text in letters that the screen can write."""
    if screen.console().encoding.startswith("utf"):
        return text
    codecs.register_error("workshop.spell", screen.spell)
    return text.encode("ascii", "workshop.spell").decode()


def verdict_line(name: str, verdict: Verdict | None, else_: str) -> Text:
    """Return a proof in one line, with its word."""
    line = Text(f"{name:<6} ")
    if verdict is None:
        return line.append(else_, "dim")
    return line.append_text(screen.word(verdict.word)).append(
        " " + spelled(" ".join(verdict.text.split()))
    )


def clock_line(play: Play) -> str:
    """Say how late it is, and what the plan says."""
    begin, end = play.window()
    total = clock(60 * play.minutes)
    waits = "" if play.since is not None or play.over else ", stopped"
    return (
        f"clock  {clock(play.spent())} of {total}{waits}; planned"
        f" {clock(begin)} to {clock(end)}: {play.pace()}"
    )


def wrapped(note: str, width: int) -> list[str]:
    """Return a note in as many lines as it may have on the screen."""
    return textwrap.wrap(
        spelled(note), width, max_lines=NOTE_LINES, placeholder=" ..."
    )


def question(edited: list[str], width: int) -> list[Text]:
    """Tell that work/ was edited, and ask what to do."""
    name = work.folder().name
    told = [
        f"{name}/ is not what the presenter shows here: {', '.join(edited)}.",
        "",
        "Enter goes on from the presenter's own state. What is there now is"
        f" kept beside it, in {work.backups().name}/; `{START} undo` brings"
        " it back.",
        "",
        "q leaves everything as it is.",
    ]
    lines = (textwrap.wrap(spelled(line), width) or [""] for line in told)
    return [Text(line) for some in lines for line in some]


# The terminal


def paint(lines: list[Text]) -> None:
    """Paint the whole screen anew, without a flicker."""
    console = screen.console()
    width = console.size.width
    for line in lines:
        line.no_wrap = True
        line.pad_right(max(0, width - len(line.plain)))
    console.control(Control.home())
    console.print(Text("\n").join(lines), end="", overflow="crop")


def size() -> tuple[int, int]:
    """Return columns and lines of the terminal."""
    found = screen.console().size
    return found.width, found.height
