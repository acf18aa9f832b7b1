"""The learner's verbs: begin, hint, solve, goto, reset, undo, status.

Knows: what each of them says, its examples.
Does not know: how a step is begun, how a solution is merged.
"""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console, ConsoleOptions
from rich.text import Text

from workshop import screen
from workshop.errors import FAIL, PASS
from workshop.screen import say
from workshop.verbs import START, verb

if TYPE_CHECKING:
    from workshop.learning import Begun, Given
    from workshop.solving import Solved

FEW = 15  # backups in a list
MOST = 5  # tasks of a step
NAMED = 4  # files that were removed
SHOWN = 8  # conflicts
ENDLESS = 10**6  # columns, where nothing wraps
Number = typer.Argument(metavar="NN", help="A step: 03, or parsing.")


# Begin


@verb("begin", "begin", "begin 02", "begin routing")
def begin(step: Annotated[str | None, Number] = None) -> int:
    """Begin a step: make work/ from the solution of the step before.

    Without NN it is the step in hand; the first time it is 01. What is in
    work/ is backed up before.
    """
    from workshop import learning
    from workshop.steps import find

    word = learning.current() if step is None else step
    begun = learning.begin(find(word), "begin")
    say(f"Step {begun.step.number}, {begun.step.data['title']}", "bold")
    tell(begun.step.data["sentence"])
    tell(what_is_there(begun))
    tasks_of(begun)
    kept = learning.kept(begun.step)
    red = len(learning.red(begun.step))
    many = f"{red} of the {red + len(kept)}" if kept else f"all {red}"
    tell(f"Red now: {many} promises of the step, these among them.")
    if kept:
        tell(f"Kept already: {'; '.join(kept)}.")
    ended(begun)
    return PASS


@verb("goto", "goto 03", "goto extensions")
def goto(step: Annotated[str, Number]) -> int:
    """Catch up: make work/ the starting point of a step.

    What is in work/ is backed up before. Hints that were given and steps
    that were done stay known.
    """
    from workshop import learning
    from workshop.steps import find

    return again(learning.begin(find(step), "goto"))


@verb("reset", "reset")
def reset() -> int:
    """Make work/ the starting point of the step in hand again.

    What is in work/ is backed up before.
    """
    from workshop import learning, work

    return again(learning.begin(work.step(), "reset"))


def again(begun: "Begun") -> int:
    """Say that a step can be begun, without all that it is about."""
    say(f"Step {begun.step.number}, {begun.step.data['title']}", "bold")
    tell(what_is_there(begun))
    ended(begun)
    return PASS


def what_is_there(begun: "Begun") -> str:
    """Say what the folder holds now."""
    from workshop import work

    name = f"{work.folder().name}/"
    if begun.old is None:
        return f"It begins with nothing: you write {name}pico.py."
    return f"{name} holds the solution of step {begun.old.number} now."


def tasks_of(begun: "Begun") -> None:
    """List the tasks of a step: what, where, which promise."""
    from workshop import course

    tasks = course.tasks(begun.step)[:MOST]
    if tasks:
        say("")
        say("Tasks, each with its place and a promise that is red now", "bold")
    for task in tasks:
        tell(f"{task.number}. {task.title}", 0, 3)
        tell(f"{task.symbol}: {task.promise}", 3)
    say("")


def ended(begun: "Begun") -> None:
    """Say what was removed, how to undo it, what comes next."""
    from workshop import work

    names, more = begun.removed[:NAMED], len(begun.removed) - NAMED
    if names:
        words = ", ".join(names) + (f" and {more} more" if more > 0 else "")
        tell(f"Removed, and kept in the backup: {words}.")
    if not begun.guided:
        tell(f"{work.GUIDE} is yours: it was left as it is.")
    kept(begun.backup)
    say(f"Next: {START} check")


# Hints


@verb("hint", "hint", "hint 2")
def hint(
    task: Annotated[
        int | None,
        typer.Argument(
            metavar="TASK", help="Its number, as `begin` says.", min=1
        ),
    ] = None,
) -> int:
    """Give one more hint for a task.

    Without TASK it is the one that the last check stopped at, else the first
    with hints left. After a check that passed there is none to give.
    """
    from workshop import course, learning, work

    if task is None and work.progress().passed:
        say(f"The last check passed. Next: {START} {learning.onward()}")
        tell(f"For a hint all the same, name its task: {START} hint 1")
        return PASS
    given = learning.hint(task)
    step = work.step()
    total = len(given.task.hints)
    count = len(course.tasks(step))
    say(f"Task {given.task.number} of {count}: {given.task.title}", "bold")
    tell(f"{given.task.symbol}: {given.task.promise}")
    say("")
    for number, text in enumerate(given.task.hints[: given.count], 1):
        tell(f"Hint {number} of {total}: {text}", 0, 3)
    say("")
    further(given)
    return PASS


def further(given: "Given") -> None:
    """Say how to get more than was given."""
    if given.left:
        say(f"One more: {START} hint {given.task.number}")
        return
    tell("These are all the hints of this task. To see its solution:")
    say(f"   {START} solve --task {given.task.number}")
    say(f"   {START} diff --mine")


# Solve


@verb("solve", "solve", "solve --task 1", "solve --hunk 2")
def solve(
    hunk: Annotated[
        int | None,
        typer.Option(help="This one alone, as `diff 02 03 --hunks` numbers."),
    ] = None,
    task: Annotated[
        int | None, typer.Option(help="The hunks of this task alone.")
    ] = None,
) -> int:
    """Bring the solution of the step in hand, or a part, into work/.

    It is merged with what you wrote. Where both changed the same lines, both
    are kept between marks, and the status is 1. What is in work/ is backed
    up before.
    """
    from workshop import solving

    made = solving.solve(hunk, task)
    solved(made)
    notes(made, hunk)
    for path in made.restored:
        say(f"{path} was gone: it is there again.")
    for path in made.own:
        say(f"{path} is yours: it was left as it is.")
    conflicts(made)
    missing(made.missing)
    kept(made.backup)
    if not made.conflicts:
        say(f"Next: {START} check")
    return FAIL if made.conflicts else PASS


def solved(made: "Solved") -> None:
    """Say which hunks came, and into which files."""
    what = spans(made.hunks)
    word = "hunk" if len(made.hunks) == 1 else "hunks"
    whole = made.complete and not made.conflicts
    done = ", and is solved" if whole else ""
    if made.hunks:
        tell(
            f"Step {made.step.number} has {word} {what} now{done}.",
            style="bold",
        )
    aside = {*made.restored, *made.named}
    changed = [path for path in made.files if path not in aside]
    if changed:
        tell(f"Changed: {', '.join(changed)}.", 0, 3)
    if made.named:
        say(f"And {len(made.named)} extensions that are not shown on stage.")


def spans(numbers: list[int]) -> str:
    """Return numbers as a person says them: `1 to 4, 7`."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][-1] + 1:
            found[-1] = [found[-1][0], number]
        else:
            found.append([number])
    return ", ".join(" to ".join(map(str, span)) for span in found)


def notes(made: "Solved", hunk: int | None) -> None:
    """Say what a speaker says of a hunk that was asked for."""
    from workshop import course

    for one in course.notes(made.step):
        if one.hunk.number == hunk:
            tell(one.note, 3)


def conflicts(made: "Solved") -> None:
    """Say where both sides changed the same lines, and what to do."""
    for where in made.conflicts[:SHOWN]:
        line = screen.word("FAIL")
        line.append(f"  {where}: you and the solution differ", "")
        screen.console().print(line)
    if len(made.conflicts) > SHOWN:
        say(f"And at {len(made.conflicts) - SHOWN} more places.")
    if made.conflicts:
        tell(
            "Both are there: yours below `<<<<<<< mine`, the other below"
            " `=======`. Choose, and delete the marks. Or take the solution"
            f" as it is: `{START} reset`, then `{START} solve`."
        )


def missing(tasks: list[int]) -> None:
    """Say which tasks must be done before the one that was asked for."""
    if tasks:
        word = "task" if len(tasks) == 1 else "tasks"
        tell(
            f"It builds on {word} {spans(tasks)}: `{START} solve --task"
            f" {tasks[0]}` brings what you have not written yourself."
        )


# Undo


@verb("undo", "undo", "undo --list", "undo 3")
def undo(
    number: Annotated[
        int | None,
        typer.Argument(metavar="NUMBER", help="Of a backup; else the newest."),
    ] = None,
    listed: Annotated[
        bool, typer.Option("--list", help="Show the backups only.")
    ] = False,
) -> int:
    """Bring back what work/ was before a verb changed it.

    What is there now is backed up, too: a second undo undoes the first.
    """
    from workshop import work

    if listed:
        return backups()
    chosen = work.chosen(number)
    now = work.restore(chosen)
    tell(
        f"{work.folder().name}/ is what it was before `{chosen.verb}`"
        f" ({chosen.when}).",
        style="bold",
    )
    kept(now)
    return PASS


def backups() -> int:
    """List the backups, the newest first."""
    from workshop import work

    known = work.saved()[::-1]
    if not known:
        say(f"There is no backup in {work.backups().name}/ yet.")
        return PASS
    made = screen.table(">backup", "before", "when")
    for one in known[:FEW]:
        made.add_row(str(one.number), one.verb, one.when)
    screen.console().print(made)
    if len(known) > FEW:
        say(f"{len(known) - FEW} older ones are in {work.backups().name}/.")
    say(f"One of them: {START} undo {known[0].number}")
    return PASS


# Status


@verb("status", "status")
def status() -> int:
    """Show how far you are: steps, tasks, hints, the last backup."""
    from workshop import course, learning, work

    known, step = work.progress(), work.step()
    made = screen.table("step", "title", "state", ">tasks", ">hints given")
    for row in learning.rows():
        title = row.step.data["title"]
        hints = f"{row.given} of {row.hints}"
        cells = (row.state, str(row.tasks), hints)
        made.add_row(row.step.number, Text(title), *cells)
    screen.console().print(made)
    total = len(course.hunks(step))
    say(
        f"Step {step.number}: {len(known.hunks)} of {total} hunks were brought"
        " in from the solution."
    )
    stopped()
    last = work.saved()[-1:]
    for one in last:
        say(f"Last backup: {one.number}, before `{one.verb}`, {one.when}")
    say(f"Next: {START} {learning.onward()}")
    return PASS


def stopped() -> None:
    """Say at which task the last check stopped."""
    from workshop import course, work

    failed = work.progress().failed
    for task in course.tasks(work.step()):
        if task.number == failed:
            tell(f"The last check stopped at task {failed}: {task.title}")


# Lines


def tell(
    text: str, indent: int = 0, more: int | None = None, style: str = ""
) -> None:
    """Print a sentence, whose further lines may be indented otherwise."""
    further = indent if more is None else more
    screen.console().print(Sentence(text, indent, further, style))


@dataclass(frozen=True)
class Sentence:
    """A text that wraps within the screen, if the screen wraps at all."""

    text: str
    indent: int
    further: int
    style: str

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[Text]:
        found = textwrap.wrap(
            self.text,
            ENDLESS if options.no_wrap else options.max_width,
            initial_indent=" " * self.indent,
            subsequent_indent=" " * self.further,
            break_long_words=False,
            break_on_hyphens=False,
        )
        yield from (Text(line, self.style) for line in found)


def kept(backup: Path | None) -> None:
    """Say where the backup is and how to bring it back."""
    if backup:
        say(f"Backup: {backup.parent.name}/{backup.name}")
        say(f"Undo: {START} undo")
