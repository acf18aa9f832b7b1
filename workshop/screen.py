"""Show things on any terminal: colours, tables, words beside both.

Knows: rich, NO_COLOR (through rich), consoles that cannot write all letters,
`--plain`.
Does not know: what is shown.

With `--plain`, or WORKSHOP_PLAIN=1, nothing is drawn: no colour, no box, no
cursor that moves; ASCII alone, one fact a line. A table becomes lines:

    step 03: core lines: 736
"""

import codecs
import contextlib
import functools
import os
import shutil
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Column, Table
from rich.text import Text

WIDE = 80  # columns, where the output is no terminal
GAP = 2  # spaces between two columns; one where the screen is too narrow
ASKED = "WORKSHOP_PLAIN"
OPTION = "--plain"
STYLES = {
    "PASS": "green",
    "FAIL": "bold red",
    "SKIP": "yellow",
    "LUCKY": "yellow",
    "WARN": "yellow",
}
# What a console gets that cannot write the letter itself.
SPELLED = str.maketrans(
    {
        "\N{MICRO SIGN}": "u",
        "\N{MULTIPLICATION SIGN}": "x",
        "\N{MIDDLE DOT}": "-",
        "\N{HORIZONTAL ELLIPSIS}": "...",
        "\N{RIGHTWARDS ARROW}": "->",
        "\N{EN DASH}": "-",
        "\N{EM DASH}": "-",
        "\N{MINUS SIGN}": "-",
        "\N{LEFT SINGLE QUOTATION MARK}": "'",
        "\N{RIGHT SINGLE QUOTATION MARK}": "'",
        "\N{CHECK MARK}": "+",
        "\N{BOX DRAWINGS HEAVY HORIZONTAL}": "-",
        "\N{BOX DRAWINGS LIGHT HORIZONTAL}": "-",
        "\N{BOX DRAWINGS LIGHT VERTICAL}": "|",
        "\N{BOX DRAWINGS HEAVY LEFT}": "-",
        "\N{BOX DRAWINGS HEAVY RIGHT}": "-",
    }
)


# Whether anything is drawn


def plain() -> bool:
    """Return whether nothing is to be drawn: one fact a line."""
    return os.environ.get(ASKED, "") not in ("", "0")


def parted(words: Sequence[str]) -> tuple[bool, list[str]]:
    """Return whether `--plain` is among the words, and the other words.

    It may stand before a verb or after it; behind `--` it is a word like any.

    >>> parted(["list", "--plain"]), parted(["send", "--", "--plain"])
    ((True, ['list']), (False, ['send', '--', '--plain']))
    """
    end = words.index("--") if "--" in words else len(words)
    before = [word for word in words[:end] if word != OPTION]
    return len(before) < end, [*before, *words[end:]]


def low(rows: int) -> bool:
    """Return whether we write to a window that has fewer rows."""
    if plain() or not sys.stdout.isatty():
        return False
    return shutil.get_terminal_size().lines < rows


@contextlib.contextmanager
def prepared(asked: bool = False) -> Iterator[None]:
    """Let a verb write: nothing drawn if asked, no letter an error.

    What the verb starts is told the same, by its environment.
    """
    before = os.environ.copy()
    if asked or plain():
        os.environ.update({ASKED: "1", "NO_COLOR": "1"})
        os.environ.pop("FORCE_COLOR", None)
    console.cache_clear()
    prepare()
    try:
        yield
    finally:
        console.cache_clear()
        for name in (ASKED, "NO_COLOR", "FORCE_COLOR"):
            os.environ.pop(name, None)
            if name in before:
                os.environ[name] = before[name]


def prepare() -> None:
    """Let no letter be an error on this process's output."""
    codecs.register_error("workshop.spell", spell)
    ascii_alone = {"encoding": "ascii"} if plain() else {}
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="workshop.spell", **ascii_alone)


def spell(error: UnicodeError) -> tuple[str, int]:
    """Return plain letters for those that a console cannot write."""
    assert isinstance(error, UnicodeEncodeError)
    text = error.object[error.start : error.end].translate(SPELLED)
    text = "".join(map(unadorned, text))
    return text.encode("ascii", "replace").decode(), error.end


def unadorned(letter: str) -> str:
    """Return the letter below accents, if there is one.

    >>> unadorned("\N{LATIN SMALL LETTER E WITH ACUTE}"), unadorned("a")
    ('e', 'a')
    """
    simple = unicodedata.normalize("NFKD", letter)
    return simple.encode("ascii", "ignore").decode() or letter


# Consoles


class Screen(Console):
    """A console that fits tables, and that tells when nobody reads."""

    def print(self, *objects: Any, **options: Any) -> None:
        fitting = (
            fitted(each, self) if isinstance(each, Table) else each
            for each in objects
        )
        super().print(*fitting, **options)

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class Plain(Console):
    """A console that draws nothing: one fact a line, however long."""

    def print(self, *objects: Any, **options: Any) -> None:
        for each in objects:
            lines = facts(each) if isinstance(each, Table) else [each]
            for line in lines:
                super().print(line, **{**options, "soft_wrap": True})

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


@functools.cache
def console() -> Console:
    """Return the screen: what is printed where results belong."""
    return made(sys.stdout)


def made(stream: TextIO) -> Console:
    """Return a console; a pipe is as wide as the smallest terminal."""
    if plain():
        return Plain(
            file=stream,
            highlight=False,
            emoji=False,
            force_terminal=False,
        )
    found = Screen(file=stream, highlight=False)
    if not found.is_terminal:
        found = Screen(file=stream, highlight=False, width=WIDE)
    return found


def complain(sentence: str) -> None:
    """Say what is wrong, where errors belong."""
    made(sys.stderr).print(Text(sentence, "red"), soft_wrap=True)


def remark(sentence: str) -> None:
    """Say something beside the result, so that a file does not get it."""
    made(sys.stderr).print(Text(sentence, "dim"), soft_wrap=True)


def say(sentence: str, style: str = "") -> None:
    """Print a sentence; nothing in it is markup."""
    console().print(Text(sentence, style))


def word(name: str) -> Text:
    """Return PASS, FAIL or SKIP, coloured where colours are."""
    return Text(name, STYLES.get(name, ""))


# Tables


def table(*columns: str, title: str | None = None) -> Table:
    """Return an empty table; a column called >name is set to the right.

    The first column says what a row is about. What stands below a line
    (`add_section`) is about all rows.
    """
    made = Table(
        box=SIMPLE_HEAD,
        title=title,
        pad_edge=False,
        show_edge=False,
        padding=(0, 0, 0, GAP - 1),
    )
    for name in columns:
        justify = "right" if name.startswith(">") else "left"
        made.add_column(
            name.lstrip(">"),
            justify=justify,  # type: ignore[arg-type]
            overflow="fold",
        )
    return made


def fitted(made: Table, paper: Console) -> RenderableType:
    """Return a table as wide as the screen: words may wrap, no figure is cut.

    Where even that is too wide, its facts are listed.
    """
    natural = [longest(column, "\n") for column in made.columns]
    least = [longest(column, None) for column in made.columns]
    if made.expand or not made.columns:  # It shares the width by itself.
        return made
    for gap in range(GAP, 0, -1):
        room = paper.width - gap * (len(natural) - 1)
        if sum(least) <= room:
            for column, width in zip(
                made.columns, shared(natural, least, room), strict=True
            ):
                column.width = width
            made.padding = (0, 0, 0, gap - 1)
            return made
    return Text("\n".join(facts(made)))


def shared(natural: list[int], least: list[int], room: int) -> list[int]:
    """Return the width of each column: the widest gives way first.

    >>> shared([15, 9, 9], [10, 9, 7], 30)
    [12, 9, 9]
    """
    widths = [*natural]
    while sum(widths) > room:
        able = [at for at, width in enumerate(widths) if width > least[at]]
        widths[max(able, key=widths.__getitem__)] -= 1
    return widths


def longest(column: Column, separator: str | None) -> int:
    """Return the length of the longest line of a column, or word (None)."""
    texts = [text_of(cell) for cell in (column.header, *column.cells)]
    parts = [part for text in texts for part in text.split(separator)]
    return max(map(len, parts), default=0)


def text_of(cell: RenderableType) -> str:
    """Return what a cell says."""
    if isinstance(cell, Text):
        return cell.plain
    return Text.from_markup(cell).plain if isinstance(cell, str) else ""


def facts(made: Table) -> list[str]:
    """Return a table as lines: what it is about, and one fact.

    A column without a head is a drawing. Below a line stands a sum.

    >>> made = table("step", ">core\\nlines", ">CPU", "")
    >>> made.add_row("03", "736", "9.1\\n9.0-9.3", "++++")
    >>> facts(made)
    ['step 03: core lines: 736', 'step 03: CPU: 9.1 (9.0-9.3)']
    """
    first, *others = made.columns
    found = [text_of(made.title)] if made.title else []
    last = False  # what stands below the last line
    for number, name in enumerate(first.cells):
        head = "" if last else one_line(text_of(first.header))
        label = f"{head} {told(text_of(name))}".strip()
        cells = [(column, [*column.cells][number]) for column in others]
        found += [
            fact(label, one_line(text_of(column.header)), text_of(cell))
            for column, cell in cells
            if column.header and text_of(cell)
        ]
        last = made.rows[number].end_section
    return found


def fact(label: str, head: str, cell: str) -> str:
    """Return one fact of a row.

    >>> fact("step 03", "tests", "32"), fact("step 03", "about", "Parsing")
    ('step 03: tests: 32', 'step 03: about: Parsing')
    """
    return f"{label}: {head}: {told(cell)}"


def one_line(head: str) -> str:
    """Return the head of a column without the breaks of a terminal.

    >>> one_line("byte-\\ncodes"), one_line("CPU\\n/request")
    ('bytecodes', 'CPU/request')
    """
    return head.replace("-\n", "").replace("\n/", "/").replace("\n", " ")


def told(cell: str) -> str:
    """Return a cell in one line: below a figure stands its interval.

    >>> told("9.1\\n9.0-9.3"), told("Parsing\\nBytes come in.")
    ('9.1 (9.0-9.3)', 'Parsing. Bytes come in.')
    """
    first, _, rest = cell.partition("\n")
    if not rest:
        return first
    if rest[:1].isdigit():
        return f"{first} ({rest})"
    return ". ".join(cell.splitlines())
