"""Apply the steps hunk by hunk, in the order and the time they are told in.

Knows: the order of hunks, the learner's folder, the plan of minutes.
Does not know: keys, screens, tests, prices.

Where the presenter is stands in `work/progress.toml`: the step, its hunks
applied so far, the seconds spent. It can be left and gone on with at any
place. A step begins with its card, before its first hunk.
"""

import contextlib
import functools
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from workshop import course, diffs, work
from workshop.course import Note
from workshop.errors import WorkshopError
from workshop.steps import Step, all_steps, find
from workshop.work import Progress

Files = dict[str, list[str]]  # the lines of each file of the code


# What is told


def notes(step: Step) -> list[Note]:
    """Return the hunks of a step as they are told; those without a note too.

    What steps.toml does not name comes last: nothing may be left out.
    """
    told = course.notes(step)
    numbers = {note.hunk.number for note in told}
    rest = [
        Note(hunk, "", "behaviour", "")
        for number, hunk in course.hunks(step).items()
        if number not in numbers
    ]
    return told + rest


@functools.cache
def named(number: str) -> tuple[str, ...]:
    """Return what comes along at the end of a step, only named on stage."""
    step = find(number)
    old = course.before(step)
    if old is None:
        return ()
    found = diffs.staged(diffs.compare(old.folder, step.folder))[1]
    return tuple(one.path for one in found)


def finished(known: Progress) -> bool:
    """Return whether the step that is worked on was told to its end."""
    every = set(course.hunks(find(known.step)))
    return known.step in known.done and every <= set(known.hunks)


def expected(known: Progress) -> Files:
    """Return the code that work/ holds at this place of the talk."""
    step = find(known.step)
    old = course.before(step)
    files = dict(solution(old.number)) if old else {}
    for path, lines in course.applied(step, set(known.hunks)).items():
        files.pop(path, None)
        if lines is not None:
            files[path] = lines
    if finished(known):
        whole = solution(step.number)
        files |= {path: whole[path] for path in named(step.number)}
    return files


@functools.cache
def solution(number: str) -> Files:
    """Return the code of a step."""
    return contents(find(number).folder)


def contents(folder: Path) -> Files:
    """Return the lines of each file of a folder's code."""
    return {
        path: diffs.content(folder / path) or [] for path in diffs.code(folder)
    }


@functools.cache
def known_paths() -> frozenset[str]:
    """Return each file that some step has: others are the presenter's."""
    return frozenset(
        path for step in all_steps() for path in diffs.code(step.folder)
    )


# The plan of time


@functools.cache
def plan(minutes: float) -> dict[tuple[str, int], tuple[float, float]]:
    """Return from when to when each card (0) and hunk is told, in seconds.

    The minutes of the steps are scaled. A card has no time of its own: it is
    shown until its first hunk, and with that hunk's time.
    """
    told = sum(step.data.get("minutes", 1) for step in all_steps())
    found: dict[tuple[str, int], tuple[float, float]] = {}
    at = 0.0
    for step in all_steps():
        share = 60 * minutes * step.data.get("minutes", 1) / told
        numbers = [note.hunk.number for note in notes(step)]
        known = course.seconds(step)
        unit = share / (sum(known.values()) or 1)
        edges = itertools.accumulate(
            (known.get(number, 0.0) * unit for number in numbers), initial=at
        )
        pairs = itertools.pairwise(edges)
        for number, pair in zip(numbers, pairs, strict=True):
            found[step.number, number] = pair
        found[step.number, 0] = found[step.number, numbers[0]]
        at += share
    return found


# The presenter


class Play:
    """The talk: where it is, what comes next, how long it has taken."""

    def __init__(
        self,
        known: Progress,
        minutes: float = 10.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.known = known
        self.minutes = minutes
        self.now = now
        self.since: float | None = None  # The clock runs from here.

    @property
    def step(self) -> Step:
        return find(self.known.step)

    @property
    def current(self) -> Note | None:
        """The hunk that was applied last; None: the step's card is shown."""
        if not self.known.hunks:
            return None
        last = self.known.hunks[-1]
        return next(n for n in notes(self.step) if n.hunk.number == last)

    @property
    def following(self) -> Note | None:
        """The hunk that comes next in this step; None after the last."""
        done = set(self.known.hunks)
        rest = (n for n in notes(self.step) if n.hunk.number not in done)
        return next(rest, None)

    @property
    def over(self) -> bool:
        """Whether the last step was told to its end."""
        return self.step == all_steps()[-1] and finished(self.known)

    @property
    def key(self) -> tuple[str, tuple[int, ...], bool]:
        """What tells this place of the talk from all others."""
        known = self.known
        return known.step, tuple(known.hunks), finished(known)

    # Forth and back

    def forward(self) -> None:
        """Apply the next hunk, or begin the next step after the last one."""
        self.start_clock()
        known, note = self.known, self.following
        if note:
            known.hunks.append(note.hunk.number)
        else:
            self.finish()
        if self.over:
            self.stop_clock()
        self.write()

    def finish(self) -> None:
        """Mark a step as told; go to the card of the next one."""
        known, at = self.known, all_steps().index(self.step)
        if known.step not in known.done:
            known.done.append(known.step)
        if at + 1 < len(all_steps()):
            known.step, known.hunks = all_steps()[at + 1].number, []

    def back(self) -> bool:
        """Undo the last hunk, or leave a card; False at the beginning."""
        known, at = self.known, all_steps().index(self.step)
        if self.over:
            known.done.remove(known.step)
        elif known.hunks:
            known.hunks.pop()
        elif at:
            known.step = all_steps()[at - 1].number
            known.hunks = [note.hunk.number for note in notes(self.step)]
            known.done = [one for one in known.done if one != known.step]
        else:
            return False
        self.write()
        return True

    # The folder

    def edited(self) -> list[str]:
        """Return the files of work/ that are not as they are shown here.

        Files that no step knows are the presenter's own, and stay.
        """
        wanted = expected(self.known)
        there = set(diffs.code(work.folder())) & known_paths()
        return [
            path
            for path in sorted({*wanted, *there}, key=diffs.reading_order)
            if raw(work.folder() / path) != as_bytes(wanted.get(path))
        ]

    def write(self) -> None:
        """Make work/ what it must be at this place, and keep the place."""
        wanted = expected(self.known)
        for path in self.edited():
            work.put(path, wanted.get(path))
        self.keep()

    def keep(self) -> None:
        """Write where we are and how long it took."""
        self.known.spent = self.spent()
        if self.since is not None:
            self.since = self.now()
        work.keep(self.known)

    def reread(self) -> None:
        """Take what other verbs may have written since; else go on as is."""
        spent = self.spent()
        with contextlib.suppress(WorkshopError):
            self.known = checked(work.progress())
        self.known.spent = spent
        if self.since is not None:
            self.since = self.now()

    # The clock

    def start_clock(self) -> None:
        """Let time count, from the first key on."""
        if self.since is None:
            self.since = self.now()

    def stop_clock(self) -> None:
        """Let time stand still, with what was spent so far."""
        self.known.spent, self.since = self.spent(), None

    def spent(self) -> float:
        """Return the seconds that the talk has taken."""
        running = self.now() - self.since if self.since is not None else 0.0
        return self.known.spent + running

    def window(self) -> tuple[float, float]:
        """Return from when to when this place is planned, in seconds."""
        if self.over:
            return 60 * self.minutes, 60 * self.minutes
        note = self.current
        number = note.hunk.number if note else 0
        return plan(self.minutes)[self.known.step, number]

    def pace(self) -> str:
        """Say whether we are ahead of the plan or behind it, in a word."""
        begin, end = self.window()
        spent = self.spent()
        if spent > end + 1:
            return f"{clock(spent - end)} behind"
        if spent < begin - 1:
            return f"{clock(begin - spent)} ahead"
        return "on time"


def clock(seconds: float) -> str:
    """Return seconds as a clock shows them.

    >>> clock(192.4)
    '3:12'
    """
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def raw(path: Path) -> bytes | None:
    """Return what a file holds, or None where there is none."""
    with work.told():
        return path.read_bytes() if path.is_file() else None


def as_bytes(lines: list[str] | None) -> bytes | None:
    """Return lines as they are written to a file."""
    if lines is None:
        return None
    return "".join(line + "\n" for line in lines).encode()


def checked(known: Progress) -> Progress:
    """Return what progress.toml says; WorkshopError if no step has it."""
    step = find(known.step)
    course.applied(step, set(known.hunks))
    return known


# How it begins


def opened(
    number: str | None,
    minutes: float,
    now: Callable[[], float] = time.monotonic,
) -> Play:
    """Return the talk where it was left, or at the beginning of a step.

    The caller has backed work/ up.
    """
    if number is None and (work.folder() / work.STATE).is_file():
        return Play(checked(work.progress()), minutes, now)
    step = find(number or all_steps()[0].number)
    known = Progress(step=step.number)
    with contextlib.suppress(WorkshopError):
        known.hints = work.progress().hints
    known.done = [s.number for s in all_steps() if s.number < step.number]
    known.spent = plan(minutes)[step.number, 0][0]
    work.start(step)
    play = Play(known, minutes, now)
    play.write()
    return play


def lines_of(play: Play, note: Note) -> Iterator[tuple[int, diffs.Line]]:
    """Yield number and line of a hunk, as it lies in the file now.

    Numbers are those of the file with all hunks applied so far; a line that
    went has none (0).
    """
    hunk, done = note.hunk, set(play.known.hunks)
    lines = expected(play.known).get(hunk.path, [])
    start = hunk.old_start + sum(
        len(one.new) - len(one.old)
        for number, one in course.hunks(play.step).items()
        if number in done
        and one.path == hunk.path
        and one.old_start < hunk.old_start
    )
    end = start + len(hunk.new)
    first = max(0, start - diffs.CONTEXT)
    shown = [diffs.Line(" ", text) for text in lines[first:start]]
    shown += hunk.changes
    shown += [diffs.Line(" ", t) for t in lines[end : end + diffs.CONTEXT]]
    at = first
    for line in shown:
        at += line.kind != "-"
        yield (0 if line.kind == "-" else at), line
