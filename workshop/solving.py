"""Bring hunks of the solution into what the learner wrote.

Knows: hunks, the three-way merge, the files of the learner.
Does not know: hints, promises, how it is shown.

The base of the merge is the starting point with the hunks that were applied
already; the solution's side is the base with the wanted hunks. Nothing is
written before all of it is known to be possible, and backed up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from workshop import course, diffs, learning, merge, work
from workshop.errors import WorkshopError
from workshop.steps import Step
from workshop.verbs import START
from workshop.work import Progress

Files = Mapping[str, list[str] | None]


@dataclass
class Solved:
    """What a solution made of the learner's files."""

    step: Step
    hunks: list[int]  # which were applied now
    files: dict[str, list[str] | None] = field(default_factory=dict)
    conflicts: list[str] = field(default_factory=list)  # "pico.py, line 31"
    restored: list[str] = field(default_factory=list)  # that had been deleted
    named: list[str] = field(default_factory=list)  # not shown on stage
    own: list[str] = field(default_factory=list)  # theirs, left as they are
    missing: list[int] = field(default_factory=list)  # tasks that come before
    complete: bool = False
    backup: Path | None = None


def solve(number: int | None = None, task: int | None = None) -> Solved:
    """Apply one hunk of the step in hand, those of a task, or all of them."""
    known, step = work.progress(), work.step()
    before = {*known.hunks}
    wanted = asked(step, before, number, task)
    unmarked()
    after = before | {*wanted}
    made = Solved(step, wanted, complete=after >= {*course.hunks(step)})
    if task:
        made.missing = skipped(step, after, known.failed or 1, task)
    base, theirs = sides(step, before, after, made.complete)
    for path in sorted(theirs, key=diffs.reading_order):
        take(made, path, base.get(path), theirs[path])
    if not made.files and not wanted:
        raise WorkshopError(applied(step, "All"))
    known.hunks = [*known.hunks, *wanted]
    write(made, known)
    return made


def write(made: Solved, known: Progress) -> None:
    """Back up, then write what was found."""
    made.backup = work.back_up("solve")
    with work.restorable(made.backup):
        for path, found in made.files.items():
            work.put(path, found)
        work.keep(known)


def asked(
    step: Step, before: set[int], number: int | None, task: int | None
) -> list[int]:
    """Return the hunks to apply, which have not been."""
    if number is not None and task is not None:
        raise WorkshopError("Give --hunk or --task, not both.")
    known = [*course.hunks(step)]
    if number is not None:
        if number not in known:
            raise WorkshopError(
                f"Step {step.number} has no hunk {number}: {how_to_see(step)}"
            )
        known = [number]
    if task is not None:
        known = sorted(learning.task_of(step, task).hunks)
    wanted = [one for one in known if one not in before]
    if not wanted and (number or task):
        what = f"Hunk {number}" if number else f"All of task {task}"
        raise WorkshopError(applied(step, what))
    return wanted


def skipped(step: Step, after: set[int], first: int, task: int) -> list[int]:
    """Return the tasks before one of which something may be missing.

    `first` is the one that the last check saw fail: those before it passed.
    """
    tasks = course.tasks(step)[first - 1 : task - 1]
    return [one.number for one in tasks if not after >= {*one.hunks}]


def applied(step: Step, what: str) -> str:
    """Say that there is nothing to apply."""
    return (
        f"{what} of step {step.number} is in your code already:"
        f" `{START} diff --mine` shows what is still yours."
    )


def how_to_see(step: Step) -> str:
    """Say how the hunks of a step are seen with their numbers."""
    old = course.before(step)
    if old is None:
        return "it has hunk 1 alone, the whole of pico.py."
    words = f"{START} diff {old.number} {step.number} --hunks"
    return f"`{words}` shows those it has."


def unmarked() -> None:
    """Raise a sentence if a conflict of an earlier merge is not settled."""
    for path in diffs.code(work.folder()):
        found = work.lines(path) or []
        if merge.MINE in found:
            raise WorkshopError(
                f"{path}, line {found.index(merge.MINE) + 1}: here is a"
                " conflict still. Choose between the two sides and delete"
                f" the marks, or bring back what was with `{START} undo`."
            )


def sides(
    step: Step, before: set[int], after: set[int], whole: bool
) -> tuple[Files, Files]:
    """Return the base and the solution's side, with what has to change.

    A step that is solved as a whole brings its other files, too: those that
    it has from the step before, and extensions that are only named on stage.
    """
    base, theirs = course.applied(step, before), course.applied(step, after)
    if not whole:
        changed = {p: new for p, new in theirs.items() if base[p] != new}
        return base, changed
    old = course.before(step)
    for path in diffs.code(step.folder):
        if path not in theirs:
            theirs[path] = diffs.content(step.folder / path)
            base[path] = diffs.content(old.folder / path) if old else None
    return base, theirs


def take(
    made: Solved,
    path: str,
    base: list[str] | None,
    theirs: list[str] | None,
) -> None:
    """Note what becomes of one file."""
    mine = work.lines(path)
    if mine == theirs:
        return
    named = base is None and path not in shown(made.step)
    if mine is None:
        made.files[path] = theirs
        made.restored += [path] if base is not None else []
        made.named += [path] if named else []
    elif theirs is None or named:
        made.own.append(path)
    else:
        both(made, path, merge.merge(base or [], mine, theirs), mine)


def shown(step: Step) -> set[str]:
    """Return the files of a step's diff, but those that are only named."""
    return {one.path for one in course.diff_of(step.number)}


def both(
    made: Solved, path: str, merged: merge.Merged, mine: list[str]
) -> None:
    """Note a file that the learner and the solution have."""
    if merged.lines != mine:
        made.files[path] = merged.lines
    made.conflicts += [f"{path}, line {at}" for at in merged.conflicts]
