"""Merge two ways to change a file, line by line, from where both began.

Knows: diff3 on lines, by difflib; how a conflict is marked.
Does not know: files, steps, whose lines they are.

What only one side changed is taken; what both changed alike is taken once;
what they changed differently is a conflict, and both sides are kept.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

MINE, BETWEEN, THEIRS = "<<<<<<< mine", "=======", ">>>>>>> solution"
FEW = 2  # equal lines between two conflicts that are not worth parting them

Lines = Sequence[str]


@dataclass
class Merged:
    """The lines of a merge, and where conflicts begin, from 1."""

    lines: list[str] = field(default_factory=list)
    conflicts: list[int] = field(default_factory=list)

    def dispute(self, mine: Lines, theirs: Lines) -> None:
        """Add both sides of a conflict, between marks."""
        self.conflicts.append(len(self.lines) + 1)
        self.lines += [MINE, *mine, BETWEEN, *theirs, THEIRS]


def merge(base: Lines, mine: Lines, theirs: Lines) -> Merged:
    """Return what both sides made of the base.

    >>> merge(["a", "b", "c"], ["A", "b", "c"], ["a", "b", "C"]).lines
    ['A', 'b', 'C']
    >>> merge(["a"], ["b"], ["c"]).lines
    ['<<<<<<< mine', 'b', '=======', 'c', '>>>>>>> solution']
    """
    made = Merged()
    at = (0, 0, 0)
    for starts, length in anchors(base, mine, theirs):
        sides = zip((base, mine, theirs), at, starts, strict=True)
        old, ours, other = (list(side[a:b]) for side, a, b in sides)
        settle(made, old, ours, other)
        made.lines += base[starts[0] : starts[0] + length]
        at = (starts[0] + length, starts[1] + length, starts[2] + length)
    return made


def anchors(
    base: Lines, mine: Lines, theirs: Lines
) -> Iterator[tuple[tuple[int, int, int], int]]:
    """Yield where all three are the same, and for how many lines.

    The last one is their end, where nothing is left.
    """
    ours, others = matches(base, mine), matches(base, theirs)
    while ours and others:
        (a, mine_at, n), (b, theirs_at, m) = ours[0], others[0]
        start, end = max(a, b), min(a + n, b + m)
        if start < end:
            starts = (start, mine_at + start - a, theirs_at + start - b)
            yield starts, end - start
        (ours if a + n < b + m else others).pop(0)
    yield (len(base), len(mine), len(theirs)), 0


def matches(old: Lines, new: Lines) -> list[tuple[int, int, int]]:
    """Return the stretches that two sides share: where, where, how long."""
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    return [(at.a, at.b, at.size) for at in matcher.get_matching_blocks()]


def settle(made: Merged, old: Lines, mine: Lines, theirs: Lines) -> None:
    """Add what becomes of a stretch between two anchors."""
    if mine in (old, theirs):
        made.lines += theirs
    elif theirs == old:
        made.lines += mine
    else:
        narrow(made, mine, theirs)


def narrow(made: Merged, mine: Lines, theirs: Lines) -> None:
    """Add a conflict, without the lines that both sides wrote alike."""
    start = (0, 0)
    for a, b, size in matches(mine, theirs):
        last = (a, b) == (len(mine), len(theirs))
        inside = 0 < a < len(mine) - size and 0 < b < len(theirs) - size
        if not last and (inside and size <= FEW):
            continue
        if start != (a, b):
            made.dispute(mine[start[0] : a], theirs[start[1] : b])
        made.lines += mine[a : a + size]
        start = (a + size, b + size)
