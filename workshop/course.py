"""Read what `steps.toml` says for learners and instructors.

Knows: tasks with their hints, hunks with their notes, minutes.
Does not know: the learner's folder, how anything is shown.

    [[03.task]]
    title = "Find the requests in the bytes"
    symbol = "parsing.RequestParser.feed"      # the place to look
    test = "test_requests_are_the_same_byte_by_byte"    # of this step
    also = ["test_..."]                        # others that it is about
    minutes = 0.75                             # all of a step add up to its
    hunks = [15]                               # of the diff, which solve it
    hints = ["...", "...", "..."]              # at least three, graded

    [[03.hunk]]                                # in the order of applying
    number = 15                                # as `workshop diff --hunks`
    note = "What the speaker says, in one or two sentences."
    shows = "behaviour"                        # or one of those below
    by = "test_requests_are_the_same_byte_by_byte"

What shows that a hunk is needed, if it is left out of the solution:

    behaviour  by: a promise, which fails; of this step or of one before it,
               or else a test in `tests/`
    count      by: "hello.bytecodes", a request and a kind of count, which
               gets worse; requests are hello, browser and crowd, as
               `weaving/undone.py` asks them, and connection, for a new one
    time       by: "realistic.16 pipelined", a committed result and what was
               asked; bytecodes are blind for it

What a docstring or a comment announces within some lines comes with it, and
so no hunk of the course is words alone.

Hunks are applied task by task. Each hunk belongs to one task; a step that is
one hunk has it in all of its tasks. A task's promise is red before, and in
steps 01 to 04 red without its hunks; in step 05 other savings hide one. It is
green with all hunks of the step: some rooms are of use only once the app uses
them.

The step before is the starting point of a step: there is no third tree.
"""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workshop import diffs
from workshop.errors import WorkshopError
from workshop.steps import Step, all_steps, find

Shows = Literal["behaviour", "count", "time"]


@dataclass(frozen=True)
class Task:
    """One thing to do on the way to the next step."""

    number: int  # from 1
    title: str
    symbol: str  # "parsing.RequestParser.feed": the place to look
    test: str  # a promise of the step, which is red before
    minutes: float  # on stage
    hunks: tuple[int, ...]  # what solves it
    hints: tuple[str, ...]  # at least three, the last one nearly says it
    also: tuple[str, ...] = ()  # other promises that it is about

    @property
    def promise(self) -> str:
        """The promise as `check` says it."""
        return sentence(self.test)


def sentence(test: str) -> str:
    """Return a promise as `check` says it.

    >>> sentence("test_a_path_is_found")
    'a path is found'
    """
    return test.removeprefix("test_").replace("_", " ")


@dataclass(frozen=True)
class Note:
    """One hunk of a step's diff: what is said of it, why it is needed."""

    hunk: diffs.Hunk
    note: str
    shows: Shows
    by: str


def before(step: Step) -> Step | None:
    """Return the step whose solution is the starting point of a step."""
    known = all_steps()
    at = known.index(step)
    return known[at - 1] if at else None


def tasks(step: Step) -> list[Task]:
    """Return the tasks of a step, in their order."""
    return [
        Task(
            number,
            one["title"],
            one["symbol"],
            one["test"],
            one["minutes"],
            tuple(one["hunks"]),
            tuple(map(flowing, one["hints"])),
            tuple(one.get("also", ())),
        )
        for number, one in enumerate(step.data.get("task", []), 1)
    ]


@functools.cache
def diff_of(number: str) -> tuple[diffs.FileDiff, ...]:
    """Return what a step changes, as it is shown on stage.

    Step 01 begins with nothing: all of its files are new.
    """
    step = find(number)
    old = before(step)
    start = old.folder if old else step.folder.with_name("none")
    return tuple(diffs.staged(diffs.compare(start, step.folder))[0])


def hunks(step: Step) -> dict[int, diffs.Hunk]:
    """Return the hunks of a step's diff by their numbers."""
    return {
        hunk.number: hunk for one in diff_of(step.number) for hunk in one.hunks
    }


def notes(step: Step) -> list[Note]:
    """Return the hunks of a step in the order in which they are applied."""
    known = hunks(step)
    return [
        Note(
            known[one["number"]],
            flowing(one["note"]),
            one["shows"],
            one["by"],
        )
        for one in step.data.get("hunk", [])
    ]


def flowing(text: str) -> str:
    """Return a text of several lines as one, to be wrapped where it goes."""
    return " ".join(text.split())


def seconds(step: Step) -> dict[int, float]:
    """Return how long each hunk may take on stage, by its number.

    The time of a task is shared out by how much is said of each hunk.
    """
    words = {n.hunk.number: len(n.note.split()) for n in notes(step)}
    found = dict.fromkeys(words, 0.0)
    for task in tasks(step):
        said = sum(words.get(number, 0) for number in task.hunks) or 1
        for number in task.hunks:
            share = words.get(number, 0) / said
            found[number] = found.get(number, 0.0) + task.minutes * 60 * share
    return found


def applied(step: Step, numbers: set[int]) -> dict[str, list[str] | None]:
    """Return the files that a step changes, with only these hunks applied.

    Lines by path; None: there is no such file. The start is the step before.
    """
    unknown = numbers - set(hunks(step))
    if unknown:
        last = max(hunks(step), default=0)
        raise WorkshopError(
            f"Step {step.number} has no hunk {min(unknown)}: its hunks are 1"
            f" to {last}, as `workshop diff --hunks` numbers them."
        )
    found: dict[str, list[str] | None] = {}
    for one in diff_of(step.number):
        chosen = [hunk for hunk in one.hunks if hunk.number in numbers]
        if one.word == "changed":
            found[one.path] = diffs.apply(one.old or [], chosen)
        else:
            found[one.path] = one.new if chosen else one.old
    return found


def write(folder: Path, path: str, lines: list[str] | None) -> None:
    """Write the lines of a file, or remove it."""
    target = folder / path
    if lines is None:
        target.unlink(missing_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(line + "\n" for line in lines)
    target.write_text(text, "utf-8", newline="\n")
