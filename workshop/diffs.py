"""Compare two steps: files, hunks, lines, the way a person reads them.

Knows: which files are the code of a step, difflib, where a block begins.
Does not know: colours and columns; what a change is for.

A hunk can be applied alone; a new file is one hunk. Hunks are numbered over
the whole diff, so that data can name them.
"""

import ast
import difflib
import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from workshop.mistakes import reading
from workshop.steps import all_steps

Kind = Literal[" ", "-", "+"]
ORDER = (
    "app",
    "pico",
    "routing",
    "messages",
    "parsing",
    "recall",
    "rendering",
    "flow",
    "connection",
    "workers",
    "server",
)
CONTEXT = 3  # unchanged lines around a hunk, as in any patch
NEAR = 2  # changes so few lines apart are read as one
ANNOUNCED = 2 * CONTEXT  # and so are words with what they announce
CACHES = ("__pycache__", ".")  # what a folder collects when it runs


class Change(NamedTuple):
    """old[a:b] becomes new[c:d]; the two are equal if nothing changed."""

    equal: bool
    a: int
    b: int
    c: int
    d: int


class Line(NamedTuple):
    """One line of a diff, without its line end."""

    kind: Kind
    text: str


@dataclass(frozen=True)
class Hunk:
    """One change that can be read and applied by itself."""

    number: int  # from 1, over the whole diff
    path: str  # "extensions/cors.py"
    place: str  # the definition it lies in: "Pico.hook", or ""
    old_start: int  # the first line that it replaces, from 0
    new_start: int
    changes: tuple[Line, ...]

    @property
    def old(self) -> list[str]:
        """The lines that it replaces."""
        return [line.text for line in self.changes if line.kind != "+"]

    @property
    def new(self) -> list[str]:
        """The lines that it puts there."""
        return [line.text for line in self.changes if line.kind != "-"]

    @property
    def added(self) -> int:
        return sum(line.kind == "+" for line in self.changes)

    @property
    def removed(self) -> int:
        return sum(line.kind == "-" for line in self.changes)


@dataclass(frozen=True)
class FileDiff:
    """One file that is not the same in both folders."""

    path: str
    old: list[str] | None  # None: there is no such file.
    new: list[str] | None
    hunks: tuple[Hunk, ...]

    @property
    def word(self) -> Literal["new", "gone", "changed"]:
        if self.old is None:
            return "new"
        return "gone" if self.new is None else "changed"

    @property
    def added(self) -> int:
        return sum(hunk.added for hunk in self.hunks)

    @property
    def removed(self) -> int:
        return sum(hunk.removed for hunk in self.hunks)


def compare(old: Path, new: Path, whole: bool = False) -> list[FileDiff]:
    """Return the files that differ, in the order in which they are read.

    The code alone (app.py, rooms, extensions), or with `whole` every file.
    """
    names = every_file if whole else code
    paths = sorted({*names(old), *names(new)}, key=reading_order)
    found: list[FileDiff] = []
    count = 0
    for path in paths:
        before, after = content(old / path), content(new / path)
        if before == after:
            continue
        one = compare_lines(path, before, after, count + 1)
        count += len(one.hunks)
        found.append(one)
    return found


def staged(
    found: Iterable[FileDiff],
) -> tuple[list[FileDiff], list[FileDiff]]:
    """Return what is read on stage, and the extensions that are only named.

    They are new, whole, and not in the `extensions` of a stage.
    """
    shown = {
        f"extensions/{name}.py"
        for step in all_steps()
        for name in ("__init__", *step.data["stage"].get("extensions", ()))
    }
    read: list[FileDiff] = []
    named: list[FileDiff] = []
    for one in found:
        new = one.word == "new" and one.path.startswith("extensions/")
        (named if new and one.path not in shown else read).append(one)
    return read, named


def compare_lines(
    path: str, old: list[str] | None, new: list[str] | None, number: int = 1
) -> FileDiff:
    """Return how one file differs; hunks are numbered from `number`."""
    before, after = old or [], new or []
    if old is None or new is None:
        kind: Kind = "+" if old is None else "-"
        lines = tuple(Line(kind, text) for text in before + after)
        hunks = [Hunk(number, path, "", 0, 0, lines)]
    else:
        groups = grouped(changes(before, after))
        if path.endswith(".py"):
            groups = announced(groups, before, after)
        hunks = [
            Hunk(
                count,
                path,
                place(path, before, after, group),
                group[0].a,
                group[0].c,
                tuple(spelled(before, after, group)),
            )
            for count, group in enumerate(groups, number)
        ]
    return FileDiff(path, old, new, tuple(hunks))


# Files


def code(folder: Path) -> list[str]:
    """Return what is the code of a step: app.py, rooms and extensions."""
    rooms = [
        path
        for path in folder.glob("*.py")
        if path.name != "bench.py" and not path.name.startswith("test_")
    ]
    parts = [*rooms, *folder.glob("extensions/*.py")]
    return [path.relative_to(folder).as_posix() for path in parts]


def every_file(folder: Path) -> list[str]:
    """Return all files of a step, but what running it has left there."""
    paths = (path.relative_to(folder) for path in folder.rglob("*"))
    return [
        path.as_posix()
        for path in paths
        if not any(part.startswith(CACHES) for part in path.parts)
        and (folder / path).is_file()
    ]


def reading_order(path: str) -> tuple[int, int, str]:
    """Order files from the left of the floor plan to its right."""
    top, _, rest = path.partition("/")
    stem = top.removesuffix(".py")
    known = ORDER.index(stem) if stem in ORDER else len(ORDER)
    return bool(rest), known, path


def content(path: Path) -> list[str] | None:
    """Return the lines of a file, or None where there is none."""
    if not path.is_file():
        return None
    with reading(path):
        text = path.read_text("utf-8", errors="replace")
    return text.removesuffix("\n").split("\n") if text else []


# Lines


def changes(old: Sequence[str], new: Sequence[str]) -> list[Change]:
    """Return what becomes of each stretch of lines, in order."""
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    found = [Change(tag == "equal", *at) for tag, *at in matcher.get_opcodes()]
    for at in range(1, len(found) - 1):
        slide(found, at, old, new)
    return [one for one in found if one.a < one.b or one.c < one.d]


def slide(
    found: list[Change], at: int, old: Sequence[str], new: Sequence[str]
) -> None:
    """Move an inserted or removed block to where a person would see it.

    A block that ends like the line above it can be shown a line higher, and
    so on: the place where it begins at the outermost level reads best.
    """
    before, one, after = found[at - 1 : at + 2]
    pure = one.a == one.b or one.c == one.d
    if one.equal or not pure or not (before.equal and after.equal):
        return
    text, start, end = (
        (new, one.c, one.d) if one.a == one.b else ((old, one.a, one.b))
    )
    highest = lowest = 0
    while -highest < before.b - before.a and (
        text[start + highest - 1] == text[end + highest - 1]
    ):
        highest -= 1
    while lowest < after.b - after.a and (
        text[start + lowest] == text[end + lowest]
    ):
        lowest += 1
    moves = range(lowest, highest - 1, -1)
    best = min(moves, key=lambda move: depth(text, start + move, end + move))
    found[at - 1] = before._replace(b=before.b + best, d=before.d + best)
    found[at] = Change(False, *(edge + best for edge in one[1:]))
    found[at + 1] = after._replace(a=after.a + best, c=after.c + best)


def depth(text: Sequence[str], start: int, end: int) -> tuple[int, int]:
    """Return how badly a block is cut: less is better.

    Best is to begin with an outer line, and to end with the blank lines that
    part the block from what follows.
    """
    first, last = text[start], text[end - 1]
    indent = len(first) - len(first.lstrip()) if first.strip() else 99
    return indent, 1 if last.strip() else 0


def grouped(found: Iterable[Change]) -> Iterator[list[Change]]:
    """Yield changes that are near each other, with what is between."""
    group: list[Change] = []
    for one in found:
        if not one.equal or (group and one.b - one.a <= NEAR):
            group.append(one)
        elif group:
            yield trimmed(group)
            group = []
    if group:
        yield trimmed(group)


def trimmed(group: list[Change]) -> list[Change]:
    """Return a group that ends with a change."""
    return group[:-1] if group[-1].equal else group


def announced(
    groups: Iterable[list[Change]], old: list[str], new: list[str]
) -> Iterator[list[Change]]:
    """Yield groups; words alone go with the next one, unless it is far.

    A docstring or a comment changes nothing: it tells what is coming.
    """
    silent = only_words("\n".join(old)), only_words("\n".join(new))
    held: list[Change] = []
    for group in groups:
        if held:
            end, start = held[-1], group[0]
            if start.a - end.b > ANNOUNCED:
                yield held
                held = []
            else:
                held.append(Change(True, end.b, start.a, end.d, start.c))
        held = [*held, *group]
        if not all(
            silent[0].issuperset(range(one.a, one.b))
            and silent[1].issuperset(range(one.c, one.d))
            for one in group
            if not one.equal
        ):
            yield held
            held = []
    if held:
        yield held


@functools.lru_cache(maxsize=64)
def only_words(source: str) -> frozenset[int]:
    """Return the lines, from 0, of nothing but a comment or a docstring."""
    lines = source.split("\n")
    found = {at for at, line in enumerate(lines) if line.strip()[:1] in " #"}
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # A learner's file, half done.
        return frozenset()
    for node in ast.walk(tree):  # A string may have blank lines, and a #.
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.difference_update(span_of(node))
    for node in ast.walk(tree):
        kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
        if isinstance(node, (*kinds, ast.AsyncFunctionDef)):
            first = getattr(node, "lineno", 0)  # a module has none
            if ast.get_docstring(node) and node.body[0].lineno > first:
                found.update(span_of(node.body[0]))
    return frozenset(found)


def span_of(node: ast.expr | ast.stmt) -> range:
    """Return the lines of a node, from 0."""
    return range(node.lineno - 1, node.end_lineno or node.lineno)


def spelled(
    old: Sequence[str], new: Sequence[str], group: list[Change]
) -> Iterator[Line]:
    """Yield the lines of a group: what goes, then what comes."""
    for one in group:
        if one.equal:
            yield from (Line(" ", text) for text in old[one.a : one.b])
        else:
            yield from (Line("-", text) for text in old[one.a : one.b])
            yield from (Line("+", text) for text in new[one.c : one.d])


def place(
    path: str, old: list[str], new: list[str], group: list[Change]
) -> str:
    """Return the definition that a group lies in, as `Pico.hook`."""
    if not path.endswith(".py"):
        return ""
    first, last = group[0], group[-1]
    if first.c < last.d:
        lines, start, end = new, first.c, last.d
    else:
        lines, start, end = old, first.a, last.b
    while start < end - 1 and not lines[start].strip():
        start += 1
    return enclosing("\n".join(lines), start + 1)


@functools.lru_cache(maxsize=64)
def definitions(source: str) -> list[tuple[int, int, str]]:
    """Return first line, last line and dotted name of each definition."""
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)

    def walk(node: ast.AST, above: str) -> Iterator[tuple[int, int, str]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, kinds):
                marks = [mark.lineno for mark in child.decorator_list]
                first = min([child.lineno, *marks])
                yield first, child.end_lineno or first, above + child.name
                yield from walk(child, f"{above}{child.name}.")

    try:
        return list(walk(ast.parse(source), ""))
    except (SyntaxError, ValueError):  # A learner's file, half done.
        return []


def enclosing(source: str, line: int) -> str:
    """Return the innermost definition around a line, counted from 1."""
    inside = [
        name
        for first, last, name in definitions(source)
        if first <= line <= last
    ]
    return inside[-1] if inside else ""


# Patches


def apply(lines: Sequence[str], hunks: Iterable[Hunk]) -> list[str]:
    """Return the old lines with these hunks of their file applied."""
    result = list(lines)
    for hunk in sorted(hunks, key=lambda h: h.old_start, reverse=True):
        start = hunk.old_start
        result[start : start + len(hunk.old)] = hunk.new
    return result


def with_context(one: FileDiff, hunk: Hunk) -> tuple[int, int, list[Line]]:
    """Return the first old and new line (from 0), and all lines to show."""
    old = one.old or []
    before = max(0, hunk.old_start - CONTEXT)
    end = hunk.old_start + len(hunk.old)
    above = [Line(" ", text) for text in old[before : hunk.old_start]]
    below = [Line(" ", text) for text in old[end : end + CONTEXT]]
    if one.word != "changed":
        above = below = []
    shift = len(above)
    lines = [*above, *hunk.changes, *below]
    return hunk.old_start - shift, hunk.new_start - shift, lines


def patch(found: Iterable[FileDiff]) -> Iterator[str]:
    """Yield the lines of a patch, as `patch -p1` and `git apply` take it."""
    for one in found:
        yield "--- " + ("/dev/null" if one.old is None else f"a/{one.path}")
        yield "+++ " + ("/dev/null" if one.new is None else f"b/{one.path}")
        for old_start, new_start, group in joined(one):
            old = sum(line.kind != "+" for line in group)
            new = sum(line.kind != "-" for line in group)
            yield f"@@ -{span(old_start, old)} +{span(new_start, new)} @@"
            yield from (line.kind + line.text for line in group)


def joined(one: FileDiff) -> Iterator[tuple[int, int, list[Line]]]:
    """Yield hunks with their context; those whose context meets as one."""
    begun: tuple[int, int, list[Line]] | None = None
    for hunk in one.hunks:
        old_start, new_start, lines = with_context(one, hunk)
        end = begun[0] + sum(x.kind != "+" for x in begun[2]) if begun else 0
        if begun and old_start <= end:
            begun[2].extend(lines[end - old_start :])
            continue
        if begun:
            yield begun
        begun = old_start, new_start, lines
    if begun:
        yield begun


def span(start: int, length: int) -> str:
    """Return a range as a patch says it: from 1, or before the gap."""
    return f"{start + 1 if length else start},{length}"
