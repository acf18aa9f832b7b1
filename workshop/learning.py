"""Begin a step, give its hints one by one, tell how far the learner is.

Knows: tasks, promises, the learner's folder and its state.
Does not know: tests and how they run, hunks and how they are merged.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workshop import course, work
from workshop.course import Task
from workshop.errors import WorkshopError
from workshop.steps import Step, all_steps
from workshop.verbs import START
from workshop.work import Progress

TITLE = "# How to help in this folder\n"
GUIDANCE = (
    TITLE
    + """
A person builds a small web framework here, step by step, to learn how it
works. `progress.toml` says how far they are. The step in hand is {number}:

    {title}. {sentence}

Help them to find the answer. Do not give it away.

- Ask what they expect to happen and what they see, before you explain.
- Ask them to run `{start} check`. It says what was sent, what came
  back, and where to look.
- Point at one symbol and at one section of RFC 9110 or RFC 9112. Do not
  write the code of it. An example of something else is fine.
- When they are stuck, let them run `{start} hint`: the hints of a
  task are graded, so one at a time is enough.
- Let them type. Review what they wrote: what is right, then one thing that
  is not, with a request that shows it.
- Never run `solve`, `goto`, `diff` or `present`: they show the solution.
  Whether to look is for the learner to decide.

Do not read these; they are the solutions of this step and of later ones, and
the hints:

{closed}

You may read {opened}`docs/reference/`, what `check` prints,
and Python's manual: asyncio, its transports and its protocols.
"""
)


@dataclass(frozen=True)
class Begun:
    """What was done to begin a step."""

    step: Step
    old: Step | None  # whose solution is the starting point
    removed: list[str]  # files of the learner's that this point has not
    backup: Path | None
    guided: bool  # AGENTS.md is ours


@dataclass(frozen=True)
class Given:
    """The hints that were given for a task so far."""

    task: Task
    count: int  # how many; the last of them is new
    fresh: bool  # False: all had been given before

    @property
    def left(self) -> int:
        return len(self.task.hints) - self.count


@dataclass(frozen=True)
class Row:
    """How far the learner is with one step."""

    step: Step
    state: str
    tasks: int
    given: int  # hints
    hints: int


def begin(step: Step, verb: str) -> Begun:
    """Make the folder the starting point of a step, after a backup."""
    known = remembered()
    backup = work.back_up(verb)
    known.step, known.hunks = step.number, []
    known.failed, known.passed = 0, False
    with work.restorable(backup):
        removed = work.start(step)
        work.keep(known)
    old = course.before(step)
    return Begun(step, old, removed, backup, guide(step))


def remembered() -> Progress:
    """Return what is known of the learner, or a new state.

    One that cannot be read is begun anew: the backup has it.
    """
    try:
        return work.progress()
    except WorkshopError:
        work.usable()
        return Progress()


def current() -> str:
    """Return the step in hand, 01 where nothing was begun."""
    if (work.folder() / work.STATE).is_file():
        return work.progress().step
    work.usable()
    return all_steps()[0].number


def guide(step: Step) -> bool:
    """Write AGENTS.md; False if the learner has one of their own."""
    path = work.folder() / work.GUIDE
    with work.told():
        known = path.read_text("utf-8", "replace") if path.is_file() else ""
    if known and not known.startswith(TITLE):
        return False
    work.put(work.GUIDE, guide_of(step).splitlines())
    return True


def guide_of(step: Step) -> str:
    """Return what a coding assistant is told while a step is in hand."""
    steps = all_steps()
    at = steps.index(step)
    names = [f"`steps/{one.name}/`" for one in steps]
    closed = [*names[at:], "`steps/steps.toml`", "`docs/lessons/`"]
    return GUIDANCE.format(
        number=step.number,
        title=step.data["title"],
        sentence=step.data["sentence"],
        start=START,
        closed="\n".join(f"- {name}" for name in closed),
        opened="the steps before this one, " if at else "",
    )


def red(step: Step) -> list[str]:
    """Return the promises of a step that its starting point breaks."""
    return [promise for promise, before in promises(step) if not before]


def kept(step: Step) -> list[str]:
    """Return those that it keeps, as the step before kept them already."""
    return [promise for promise, before in promises(step) if before]


def promises(step: Step) -> Iterator[tuple[str, bool]]:
    """Yield the promises of a step, and whether they were kept before."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    for path in sorted(step.folder.glob("test_*.py")):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, kinds) and node.name.startswith("test_"):
                marks = node.decorator_list
                yield course.sentence(node.name), any(map(kept_before, marks))


def kept_before(mark: ast.expr) -> bool:
    """Tell whether a mark of a test says that it was kept before."""
    return ast.unparse(mark).endswith(".holds_before")


# Hints


def hint(number: int | None) -> Given:
    """Give one more hint for a task, and remember it."""
    known = work.progress()
    step = work.step()
    task = task_of(step, number) if number else in_need(step, known)
    key = f"{step.number}.{task.number}"
    before = min(known.hints.get(key, 0), len(task.hints))
    count = min(before + 1, len(task.hints))
    if count > before:
        known.hints[key] = count
        work.keep(known)
    return Given(task, count, count > before)


def task_of(step: Step, number: int) -> Task:
    """Return the task of a step with a number."""
    tasks = course.tasks(step)
    for task in tasks:
        if task.number == number:
            return task
    known = f"its tasks are 1 to {len(tasks)}" if tasks else "it has none"
    raise WorkshopError(f"Step {step.number} has no task {number}: {known}.")


def in_need(step: Step, known: Progress) -> Task:
    """Return the task that needs a hint now.

    It is the one that the last check noted, else the first with hints left.
    """
    tasks = course.tasks(step)
    for task in tasks:
        if task.number == known.failed:
            return task
    for task in tasks:
        if known.hints.get(f"{step.number}.{task.number}", 0) < len(
            task.hints
        ):
            return task
    return task_of(step, len(tasks))


# How far


def rows() -> list[Row]:
    """Return how far the learner is with each step."""
    known = work.progress()
    return [row(step, known) for step in all_steps()]


def row(step: Step, known: Progress) -> Row:
    """Return how far the learner is with one step."""
    tasks = course.tasks(step)
    given = [known.hints.get(f"{step.number}.{t.number}", 0) for t in tasks]
    words = ["done"] if step.number in known.done else []
    words += ["now"] if step.number == known.step else []
    return Row(
        step,
        ", ".join(words),
        len(tasks),
        sum(given),
        sum(len(task.hints) for task in tasks),
    )


def following(step: Step) -> Step | None:
    """Return the step after a step."""
    steps = all_steps()
    at = steps.index(step) + 1
    return steps[at] if at < len(steps) else None


def onward() -> str:
    """Return the verb that comes next, as it is typed."""
    if not work.progress().passed:
        return "check"
    later = following(work.step())
    return f"begin {later.number}" if later else "ladder --mine"
