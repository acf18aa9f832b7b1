"""Lay out what the verbs have found: steps, diffs, promises.

Knows: steps, hunks, promises; columns, colours, words beside them.
Does not know: where any of it comes from.
"""

import ast
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from workshop.errors import FAIL, PASS
from workshop.mistakes import syntax
from workshop.screen import console, plain, remark, say, table, word
from workshop.steps import Step, core_lines

if TYPE_CHECKING:
    from workshop.checking import Promise, Rows
    from workshop.diffs import FileDiff, Line
    from workshop.trace import Trace

COLOURS = {"+": "green", "-": "red", "@": "cyan", " ": ""}
KINDS = {"+": "new", "-": "gone", " ": "same"}
FEW, LONG = 3, 12  # failures of a promise, and lines of each
MARKS = {"sent": "> ", "came": "< "}
SHOWN, COLUMNS = 1000, 72  # bytes of a trace, and letters of its lines
BAR = 28  # columns of the bar beside the counts of --stat


# Steps


def steps(known: Iterable[Step]) -> Table:
    """Return the table of the steps."""
    made = table("step", "what it is about", ">core lines", ">tests")
    for step in known:
        for path in sorted(step.folder.glob("*.py")):
            syntax(path)  # Whoever mends a step may have left marks in it.
        about = Text(step.data.get("title", step.word), "bold")
        about.append("\n" + step.data.get("sentence", ""), "not bold")
        lines, count = core_lines(step.folder), tests(step.folder)
        made.add_row(step.number, about, str(lines), str(count))
    return made


def tests(folder: Path) -> int:
    """Return how many tests a step has."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return sum(
        isinstance(node, kinds) and node.name.startswith("test_")
        for path in folder.glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
    )


# Diffs


def patch(found: Sequence["FileDiff"]) -> None:
    """Print a patch, coloured on a terminal."""
    from workshop import diffs

    as_in_files(sys.stdout)
    lines = [*diffs.patch(found)]
    for line in lines:
        head = line.startswith(("--- ", "+++ "))
        style = "bold" if head else COLOURS.get(line[:1], "")
        show(line, style)
    if plain() and not all(map(str.isascii, lines)):
        remark(
            "Letters that ASCII lacks were spelled: leave --plain out where"
            " this is to be applied as a patch."
        )


def as_in_files(stream: Any) -> None:
    """Let Windows write lines to a file as git has them, for `git apply`."""
    if sys.platform == "win32" and not stream.isatty():
        encoding = "ascii" if plain() else "utf-8"
        stream.reconfigure(encoding=encoding, newline="\n")


def named(found: Sequence["FileDiff"]) -> None:
    """Name the extensions that are not shown, where no patch is read."""
    names = ", ".join(Path(one.path).stem for one in found)
    remark(f"New, too, and shown by --all: {names}.")


def show(line: str, style: str) -> None:
    """Print one line as it is, however long."""
    console().print(Text(line, style), soft_wrap=True)


def hunks(found: Sequence["FileDiff"]) -> None:
    """Print the hunks with their numbers."""
    from workshop import diffs

    for one in found:
        for hunk in one.hunks:
            where = " ".join(filter(None, [one.path, hunk.place]))
            new = "" if one.word == "changed" else f", {one.word} file"
            say("")
            show(
                f"Hunk {hunk.number}: {where}"
                f" (+{hunk.added} -{hunk.removed}{new})",
                "bold",
            )
            for line in diffs.with_context(one, hunk)[2]:
                show(line.kind + line.text, COLOURS[line.kind])


def stat(found: Sequence["FileDiff"]) -> None:
    """Print how many lines come and go in each file."""
    made = table("file", ">added", ">removed", ">hunks", "")
    largest = max(one.added + one.removed for one in found)
    unit = max(1.0, largest / BAR)
    for one in found:
        bar = Text("+" * round(one.added / unit), "green")
        bar.append("-" * round(one.removed / unit), "red")
        name = (
            one.path if one.word == "changed" else f"{one.path} ({one.word})"
        )
        cells = (one.added, one.removed, len(one.hunks))
        made.add_row(Text(name), *map(str, cells), bar)
    made.add_section()
    sums = (
        sum(one.added for one in found),
        sum(one.removed for one in found),
        sum(len(one.hunks) for one in found),
    )
    made.add_row(f"{len(found)} files", *map(str, sums), "")
    console().print(made)


def side_by_side(found: Sequence["FileDiff"]) -> None:
    """Print old lines on the left, new ones on the right."""
    from workshop import diffs

    for one in found:
        show(f"{one.path} ({one.word}, +{one.added} -{one.removed})", "bold")
        if plain():
            one_by_one(one)
            continue
        made = table("old", "new")
        for column in made.columns:
            column.ratio = 1
        made.expand = True
        for _, _, lines in diffs.joined(one):
            for left, right in pairs(lines):
                made.add_row(cell(left), cell(right))
            made.add_section()
        console().print(made)


def one_by_one(one: "FileDiff") -> None:
    """Print each line with its number and what becomes of it."""
    from workshop import diffs

    for old, new, lines in diffs.joined(one):
        for line in lines:
            number = new if line.kind == "+" else old
            say(f"{KINDS[line.kind]} {number + 1}: {line.text}")
            old += line.kind != "+"
            new += line.kind != "-"


def pairs(
    lines: Iterable["Line"],
) -> Iterator[tuple["Line | None", "Line | None"]]:
    """Yield what stands side by side: a removed line and its successor."""
    gone: list[Line] = []
    come: list[Line] = []
    for line in lines:
        if line.kind == "-":
            gone.append(line)
        elif line.kind == "+":
            come.append(line)
        else:
            yield from zip_longest(gone, come)
            gone, come = [], []
            yield line, line
    yield from zip_longest(gone, come)


def cell(line: "Line | None") -> Text:
    """Return one line of a column; its first letter says what it is."""
    if line is None:
        return Text("")
    return Text(f"{line.kind} {line.text}", COLOURS[line.kind])


# Traces


def traces(
    pieces: Sequence[bytes], groups: Sequence[Sequence["Trace"]]
) -> None:
    """Print what was sent, what came from whom, and who differs."""
    from workshop import trace

    total = trace.count(sum(map(len, pieces)), "byte")
    say(f"Sent: {total} in {trace.count(len(pieces), 'piece')}.", "bold")
    escaped(b"".join(pieces), "sent")
    for group in groups:
        say("")
        say(trace.names(group), "bold")
        behaviour(group[0], len(pieces))
    difference = trace.difference(groups)
    if difference:
        say("")
        say(difference, "bold")


def behaviour(one: "Trace", pieces: int) -> None:
    """Print what came after each piece, and what was made of it."""
    from workshop import trace

    for first, last, came in trace.runs(one.came):
        after = trace.numbered("piece", first, last)
        each = " after each" if came and last > first else ""
        size = trace.count(len(came), "byte") if came else "nothing"
        say(f"  {after}: {size} came back{each}")
        escaped(came, "came")
    rest = pieces - len(one.came)
    if rest:
        say(f"  {trace.count(rest, 'piece')} not sent: it was over")
    for sentence in trace.conclusion(one):
        say(f"  {sentence}")


def escaped(data: bytes, word: str) -> None:
    """Print bytes line by line, marked as sent or come."""
    from workshop import trace

    mark = f"{word}: " if plain() else MARKS[word]
    for line in trace.lines(data[:SHOWN], None if plain() else COLUMNS):
        show(f"    {mark}{line}", "")
    if len(data) > SHOWN:
        show(f"    {mark}... and {len(data) - SHOWN:,} bytes more", "dim")


# Promises


@dataclass
class Tally:
    """Shows one promise after the other, and counts."""

    step: str = ""
    kept: int = 0
    broken: int = 0
    skipped: int = 0

    def show(self, promise: "Promise") -> None:
        """Print a promise in one line, and what is wrong with it below."""
        if promise.step != self.step:
            self.step = promise.step
            show(self.step, "bold")
        self.kept += promise.word == "PASS"
        self.broken += promise.word == "FAIL"
        self.skipped += promise.word == "SKIP"
        line = Text("  ").append_text(word(promise.word))
        line.append(f"  {promise.name}")
        line.append(f"  {where(promise)}", "dim")
        console().print(line, soft_wrap=True)
        for outcome in promise.broken[:FEW]:
            on = f"on {outcome.target}" if outcome.target else "here"
            case = f" ({outcome.case})" if outcome.case else ""
            show(f"        {on}{case}: {outcome.place}", "dim")
            for text in outcome.reason.splitlines()[:LONG]:
                show(f"        {text}", "")
        if len(promise.broken) > FEW:
            show(f"        and {len(promise.broken) - FEW} more", "dim")

    def show_rows(self, found: "Rows") -> None:
        """Print how many wire rows are right, and which are not."""
        if not found.promised:
            return
        name = "FAIL" if found.wrong else "PASS"
        self.broken += len(found.wrong)
        self.kept += found.right
        line = Text("  ").append_text(word(name))
        count = f"{found.right} of {found.promised}"
        line.append(f"  {found.name}: {count} wire rows right")
        console().print(line, soft_wrap=True)
        for row, reason in found.wrong:
            show(f"        row {row}: {reason}", "")

    def conclude(self) -> int:
        """Print the sum; return the exit status."""
        text = f"{self.kept} kept, {self.broken} broken"
        if self.skipped:
            text += f", {self.skipped} not applicable"
        say(text + ".", "bold red" if self.broken else "bold green")
        return FAIL if self.broken else PASS


def where(promise: "Promise") -> str:
    """Say on which targets a promise was kept, and where it must fail."""
    if promise.word == "SKIP":
        return promise.skipped[0]
    kept, fails = " ".join(promise.kept), " ".join(promise.fails)
    return kept + (f" (fails on {fails}, as it must)" if fails else "")
