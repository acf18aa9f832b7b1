"""Show things on any terminal: colours, tables, words beside both.

Knows: rich, NO_COLOR (through rich), consoles that cannot write all letters.
Does not know: what is shown.
"""

import codecs
import functools
import sys
from typing import TextIO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDE = 100  # columns, where the output is no terminal
STYLES = {
    "PASS": "green",
    "FAIL": "bold red",
    "SKIP": "yellow",
    "LUCKY": "yellow",
    "WARN": "yellow",
}
# What a console gets that cannot write the letter itself.
PLAIN = str.maketrans(
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


def spell(error: UnicodeError) -> tuple[str, int]:
    """Return plain letters for those that a console cannot write."""
    assert isinstance(error, UnicodeEncodeError)
    text = error.object[error.start : error.end].translate(PLAIN)
    return text.encode("ascii", "replace").decode(), error.end


def prepare() -> None:
    """Let no letter be an error on this process's output."""
    codecs.register_error("workshop.spell", spell)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="workshop.spell")


class Screen(Console):
    """A console that tells its caller when nobody reads any more."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


@functools.cache
def console() -> Console:
    """Return the screen: what is printed where results belong."""
    return made(sys.stdout)


def made(stream: TextIO) -> Console:
    """Return a console; a pipe is wide enough for tables."""
    found = Screen(file=stream, highlight=False)
    if not found.is_terminal:
        found = Screen(file=stream, highlight=False, width=WIDE)
    return found


def complain(sentence: str) -> None:
    """Say what is wrong, where errors belong."""
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    errors.print(Text(sentence, "red"))


def remark(sentence: str) -> None:
    """Say something beside the result, so that a file does not get it."""
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    errors.print(Text(sentence, "dim"))


def say(sentence: str, style: str = "") -> None:
    """Print a sentence; nothing in it is markup."""
    console().print(Text(sentence, style))


def word(name: str) -> Text:
    """Return PASS, FAIL or SKIP, coloured where colours are."""
    return Text(name, STYLES.get(name, ""))


def table(*columns: str, title: str | None = None) -> Table:
    """Return an empty table; a column called >name is set to the right."""
    made = Table(box=SIMPLE_HEAD, title=title, pad_edge=False)
    for name in columns:
        justify = "right" if name.startswith(">") else "left"
        made.add_column(name.lstrip(">"), justify=justify)  # type: ignore[arg-type]
    return made
