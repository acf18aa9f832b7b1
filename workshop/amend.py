"""Carry a fix of an early step forward through the later ones.

Knows: git, what a step was before, three-way merges of a file.
Does not know: what a room does, whether the steps keep their promises.

What changed in the code of a step (app.py, rooms, extensions) is merged into
the same file of the next step, then what changed there into the one after it.
A file that two steps share stays shared. A conflict is left in the file,
between marks; further steps wait until it is mended and that step is amended.
"""

import io
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workshop import course, diffs
from workshop.errors import ENVIRONMENT, USAGE, WorkshopError
from workshop.git import ran
from workshop.merge import MINE, THEIRS, Merged, merge

MARK = "<<<<<<< "  # Where a conflict begins.
Lines = Sequence[str] | None  # None: there is no such file.
Word = Literal[
    "carried", "removed", "same already", "not there", "conflict", "waits"
]


@dataclass(frozen=True)
class Outcome:
    """What becomes of one file in one later step."""

    folder: Path
    path: str
    word: Word
    lines: Lines = None  # what is to be written: carried, or with marks
    conflicts: tuple[int, ...] = ()  # the lines where they begin, from 1
    why: str = ""

    def text(self) -> str:
        """Return it as a line for people."""
        lines = ", ".join(map(str, self.conflicts))
        where = f", line {lines}" if lines else ""
        why = f" ({self.why})" if self.why else ""
        step = self.folder.name[:2]
        return f"{step}  {self.word:<12}  {self.path}{where}{why}"


# What changed


def changed(folder: Path, revision: str) -> list[diffs.FileDiff]:
    """Return what changed in the code of a step since a revision."""
    with tempfile.TemporaryDirectory() as kept:
        before = Path(kept)
        unpack(before, archive(folder, revision))
        return diffs.compare(before, folder)


def archive(folder: Path, revision: str) -> bytes:
    """Return a folder as it was in a revision, as a tar file."""
    inside = ran("rev-parse", "--is-inside-work-tree", root=folder)
    if b"safe.directory" in inside.stderr:
        clone = folder.parent.parent
        raise WorkshopError(
            f"{clone} belongs to another user, and git does not read"
            " it: make it yours, or trust it by `git config --global --add"
            f" safe.directory {clone}`.",
            ENVIRONMENT,
        )
    if inside.returncode:
        raise WorkshopError(
            f"{folder.parent} is in no git repository: clone the workshop"
            " with git, so that it is known what was changed.",
            ENVIRONMENT,
        )
    commit = f"{revision}^{{commit}}"
    if (
        asked(folder, "rev-parse", "--verify", "--end-of-options", commit)
        is None
    ):
        raise WorkshopError(
            f"git knows no {revision!r}: give a commit, a branch or a tag.",
            USAGE,
        )
    if not asked(folder, "ls-tree", revision, "."):
        return b""  # The step did not exist then.
    found = asked(folder, "archive", "--format=tar", revision)
    if found is None:
        raise WorkshopError(
            f"git cannot read {revision!r}: `git fsck` says what is wrong.",
            ENVIRONMENT,
        )
    return found


def asked(folder: Path, *words: str) -> bytes | None:
    """Return what git says in a folder, or None if it refuses."""
    done = ran(*words, root=folder)
    return None if done.returncode else done.stdout


def unpack(folder: Path, tar: bytes) -> None:
    """Write the files of a tar file below a folder."""
    if not tar:
        return
    with tarfile.open(fileobj=io.BytesIO(tar)) as archived:
        for member in archived:
            file = archived.extractfile(member)
            if file and member.isfile():
                target = folder / member.name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(file.read())


# What becomes of it


def outcomes(
    folder: Path, later: Sequence[Path], revision: str
) -> list[Outcome]:
    """Return what becomes of each changed file in the later steps.

    Nothing is written yet.
    """
    found: list[Outcome] = []
    for one in changed(folder, revision):
        marks = marked(one.new)
        if marks:
            raise WorkshopError(
                f"{folder.name}/{one.path} has marks of a conflict (line"
                f" {marks[0]}): mend it first."
            )
        found += carried(folder, one, later)
    return sorted(found, key=lambda each: each.folder.name)


def carried(
    folder: Path, one: diffs.FileDiff, later: Sequence[Path]
) -> Iterator[Outcome]:
    """Yield what becomes of one file, step by step.

    What is merged is the change of the step before, which is nearer.
    """
    base: Lines = one.old
    theirs: Lines = one.new
    source, waits = folder.name[:2], ""
    for each in later:
        mine = diffs.content(each / one.path)
        if waits:
            yield Outcome(each, one.path, "waits", why=f"for {waits}")
            continue
        outcome = settled(each, one.path, base, mine, theirs, source)
        yield outcome
        if outcome.word == "conflict":
            waits = each.name[:2]
        elif outcome.word in ("carried", "removed") and mine is not None:
            base, theirs = mine, outcome.lines
            source = each.name[:2]


def settled(
    folder: Path,
    path: str,
    base: Lines,
    mine: Lines,
    theirs: Lines,
    source: str,
) -> Outcome:
    """Return what becomes of a file in one step."""
    if mine == theirs:
        return Outcome(folder, path, "same already")
    if mine == base:
        word: Word = "removed" if theirs is None else "carried"
        return Outcome(folder, path, word, theirs)
    if mine is None:
        return Outcome(folder, path, "not there")
    marks = marked(mine)
    if marks:
        why = "it has marks already, and was left as it is"
        return Outcome(folder, path, "conflict", mine, marks, why)
    if theirs is None:
        why = f"{source} has it no more, but here it is another: it stays"
        return Outcome(folder, path, "conflict", mine, (), why)
    return both(folder, path, merge(base or [], mine, theirs), mine, source)


def both(
    folder: Path, path: str, merged: Merged, mine: Lines, source: str
) -> Outcome:
    """Return what becomes of a file that changed on both sides."""
    if merged.lines == mine:
        return Outcome(folder, path, "same already")
    if not merged.conflicts:
        return Outcome(folder, path, "carried", merged.lines)
    names = {MINE: f"{MARK}{folder.name[:2]}", THEIRS: f">>>>>>> {source}"}
    lines = [names.get(line, line) for line in merged.lines]
    return Outcome(folder, path, "conflict", lines, (*merged.conflicts,))


def marked(lines: Lines) -> tuple[int, ...]:
    """Return the lines where marks of a conflict begin, from 1."""
    known = enumerate(lines or [], 1)
    return tuple(number for number, line in known if line.startswith(MARK))


def write(found: Sequence[Outcome]) -> None:
    """Write what is to be written."""
    for one in found:
        if one.word in ("carried", "removed", "conflict"):
            lines = None if one.lines is None else [*one.lines]
            course.write(one.folder, one.path, lines)
