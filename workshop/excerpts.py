"""Choose the lines of a hunk that fit on a slide, and name the others.

Knows: hunks, definitions of a file, how many lines can be read in a room.
Does not know: colours, HTML, what a speaker says.
"""

import ast
import functools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from workshop import course, diffs
from workshop.steps import Step

HIGH = 22  # lines that can be read from the third row
WHOLE = 3 * HIGH  # a hunk up to here is split, a longer one is shown in part
NAMED = 6  # names of what is not shown; the others are counted
MARGIN = 2  # unchanged lines around a small hunk

Kind = Literal[" ", "+", "-", "~", "@"]  # "~": a gap; "@": where we are


class Row(NamedTuple):
    """One line on a slide; `line` counts from 0, in the old or new file."""

    kind: Kind
    line: int
    text: str


@dataclass(frozen=True)
class Excerpt:
    """What is seen of one hunk at a time."""

    hunk: diffs.Hunk
    rows: tuple[Row, ...]
    part: int = 1
    parts: int = 1
    rest: str = ""  # what of the hunk is not shown


def excerpts(step: Step, hunk: diffs.Hunk) -> list[Excerpt]:
    """Return what is shown of a hunk, one excerpt after the other."""
    one = file_of(step, hunk)
    rows = around(one, hunk)
    if len(rows) <= HIGH:
        return [Excerpt(hunk, tuple(rows))]
    rows = trimmed(changes(hunk))
    if len(rows) <= WHOLE:
        pieces = split(rows)
        return [
            Excerpt(hunk, tuple(piece), number, len(pieces))
            for number, piece in enumerate(pieces, 1)
        ]
    return [in_part(step, one, hunk)]


def file_of(step: Step, hunk: diffs.Hunk) -> diffs.FileDiff:
    """Return the file that a hunk belongs to."""
    found = course.diff_of(step.number)
    return next(one for one in found if one.path == hunk.path)


def changes(hunk: diffs.Hunk) -> list[Row]:
    """Return the lines of a hunk with the numbers that they have."""
    old, new = hunk.old_start, hunk.new_start
    found = []
    for kind, text in hunk.changes:
        found.append(Row(kind, old if kind == "-" else new, text))
        old += kind != "+"
        new += kind != "-"
    return found


def around(one: diffs.FileDiff, hunk: diffs.Hunk) -> list[Row]:
    """Return a hunk with some of what stands around it."""
    lines = one.new or []
    start, end = hunk.new_start, hunk.new_start + len(hunk.new)
    if one.word != "changed":
        return trimmed(changes(hunk))
    above = range(max(0, start - MARGIN), start)
    below = range(end, min(len(lines), end + MARGIN))
    return trimmed(
        [
            *(Row(" ", at, lines[at]) for at in above),
            *changes(hunk),
            *(Row(" ", at, lines[at]) for at in below),
        ]
    )


def trimmed(rows: Sequence[Row]) -> list[Row]:
    """Return rows that neither begin nor end with an empty line."""
    full = [at for at, row in enumerate(rows) if row.text.strip()]
    return list(rows[full[0] : full[-1] + 1]) if full else []


def split(rows: Sequence[Row]) -> list[list[Row]]:
    """Cut rows where a blank line is, into pieces of about the same height."""
    pieces = []
    rest = list(rows)
    while len(rest) > HIGH:
        count = math.ceil(len(rest) / HIGH)
        least = max(1, len(rest) - HIGH * (count - 1))
        goal = len(rest) / count
        places = range(least, HIGH + 1)
        cut = max(places, key=lambda at: fit(rest, at, goal))
        pieces.append(trimmed(rest[:cut]))
        rest = trimmed(rest[cut:])
    return [*pieces, rest]


def fit(rows: Sequence[Row], at: int, goal: float) -> float:
    """Return how well rows are cut before one of them: more is better.

    Best after a blank line, before what stands far out, near the goal.
    """
    text = rows[at].text
    indent = (len(text) - len(text.lstrip())) // 4
    blank = 0 if rows[at - 1].text.strip() else 5
    return blank - indent - abs(at - goal)


# A long hunk, in part


class Definition(NamedTuple):
    """A function or class of a file, with its lines from 0."""

    first: int
    end: int
    name: str


def in_part(step: Step, one: diffs.FileDiff, hunk: diffs.Hunk) -> Excerpt:
    """Return the part of a long hunk that a slide has room for."""
    lines = one.new or []
    known = list(inside(lines, hunk))
    if not known:
        rows = trimmed(changes(hunk)[:HIGH])
        return Excerpt(hunk, tuple(rows), rest=counted(hunk, rows, []))
    kinds = {row.line: row.kind for row in changes(hunk) if row.kind != "-"}
    first = best(step, hunk, known)
    chosen = [first]
    rows = heading(lines, first) + body(lines, first, kinds)
    for other in following(known, first):
        more = body(lines, other, kinds, chosen[-1].end)
        if len(rows) + len(more) > HIGH:
            break
        rows += more
        chosen.append(other)
    others = [each.name for each in known if each not in chosen]
    rows = rows[:HIGH]
    return Excerpt(hunk, tuple(rows), rest=counted(hunk, rows, others))


def body(
    lines: Sequence[str],
    one: Definition,
    kinds: Mapping[int, Kind],
    start: int | None = None,
) -> list[Row]:
    """Return the lines of a definition; a long docstring is folded."""
    folded = long_docstrings("\n".join(lines))
    rows: list[Row] = []
    for at in range(one.first if start is None else start, one.end):
        if at not in folded:
            rows.append(Row(kinds.get(at, " "), at, lines[at]))
        elif rows and rows[-1].kind != "~":
            rows.append(Row("~", at, ""))
    return rows


@functools.cache
def long_docstrings(source: str) -> frozenset[int]:
    """Return the lines of docstrings that come after their first one."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    found: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, kinds) and ast.get_docstring(node):
            text = node.body[0]
            found.update(range(text.lineno, text.end_lineno or text.lineno))
    return frozenset(found)


def inside(lines: Sequence[str], hunk: diffs.Hunk) -> Iterator[Definition]:
    """Yield the functions and methods that a hunk brings or changes."""
    found = diffs.definitions("\n".join(lines))
    touched = {row.line for row in changes(hunk) if row.kind == "+"}
    for first, last, name in found:
        nested = any(each[2].startswith(name + ".") for each in found)
        if not nested and touched.intersection(range(first - 1, last)):
            yield Definition(first - 1, last, name)


def best(
    step: Step, hunk: diffs.Hunk, known: Sequence[Definition]
) -> Definition:
    """Return the definition to show: that of a task, else a telling one."""
    room = hunk.path.removesuffix(".py").replace("/", ".")
    wanted = {
        task.symbol.removeprefix(f"{room}.")
        for task in course.tasks(step)
        if hunk.number in task.hunks
    }
    fitting = [one for one in known if one.end - one.first < HIGH] or known
    named = [one for one in fitting if one.name in wanted]
    return max(named or fitting, key=telling)


def telling(one: Definition) -> tuple[bool, int]:
    """Return how much a definition tells: its length, unless it is hidden."""
    hidden = one.name.rpartition(".")[2].startswith("_")
    return not hidden, one.end - one.first


def heading(lines: Sequence[str], one: Definition) -> list[Row]:
    """Return the line of the class that a method belongs to, and a gap."""
    name = one.name.rpartition(".")[0].rpartition(".")[2]
    line = re.compile(rf"\s*class {re.escape(name)}\b")
    for at in range(one.first - 1, -1, -1):
        if name and line.match(lines[at]):
            return [Row(" ", at, lines[at]), Row("~", at, "")]
    return []


def following(
    known: Sequence[Definition], one: Definition
) -> list[Definition]:
    """Return the next definitions beside one, in the same class."""
    owner = one.name.rpartition(".")[0]
    after = [each for each in known if each.first >= one.end]
    return [each for each in after if each.name.rpartition(".")[0] == owner]


def counted(
    hunk: diffs.Hunk, rows: Sequence[Row], others: Sequence[str]
) -> str:
    """Say what of a hunk is not shown."""
    shown = sum(row.kind == "+" for row in rows)
    gone = f", {hunk.removed} go" if hunk.removed else ""
    said = f"{shown} of {hunk.added} new lines{gone}"
    if not others:
        return said
    names = ", ".join(others[:NAMED])
    more = len(others) - NAMED
    return f"{said}; also {names}" + (f" and {more} more" if more > 0 else "")
