"""Look through the course for what an author forgot.

Knows: what each task, hunk, file and verb must have.
Does not know: whether any of it is true; that is for the tests.

Each finding is one sentence that says what to do. None is found where the
course is as it should be.
"""

import math
import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

import typer
from rich.text import Text

from workshop import course, diffs
from workshop.errors import FAIL, PASS
from workshop.mistakes import shown
from workshop.screen import console, say, word
from workshop.steps import ROOT, Step
from workshop.verbs import PROSE, START

TOML = "steps/steps.toml"
HINTS = 3  # at least; graded
TASKS = 3, 5  # at least, at most
MINUTES = 10  # of all steps
FIELDS = {
    "task": ("title", "symbol", "test", "minutes", "hunks", "hints"),
    "hunk": ("number", "note", "shows", "by"),
}
# What a step has beside its code; the tests are called as the step is.
BESIDE = ("README.md", "bench.py", "test_{word}.py")
# Of typer's click: typer brings its own copy, or asks for click.
Usage: Any = typer.BadParameter.__base__


def findings(steps: list[Step], app: typer.Typer) -> Iterator[str]:
    """Yield all that is wrong with the steps and the verbs."""
    yield from minutes(steps)
    for step in steps:
        wrong = [*fields(step)]
        yield from wrong
        if not wrong:  # else nothing can be made of its data
            yield from tasks(step)
            yield from hunks(step)
        yield from files(step)
    yield from rooms(steps)
    yield from verbs(typer.main.get_command(app), pages(ROOT))


def report(found: Iterable[str]) -> int:
    """Print the findings, one a line; return the exit status."""
    say("The course", "bold")
    sentences = list(found)
    for sentence in sentences:
        line = Text("  ").append_text(word("FAIL")).append(f"  {sentence}")
        console().print(line, soft_wrap=True)
    if sentences:
        say(f"{len(sentences)} to correct.", "bold red")
        return FAIL
    say("Tasks, hints, minutes, hunks, files and verbs fit.", "bold green")
    return PASS


# Tasks and hunks


def minutes(steps: list[Step]) -> Iterator[str]:
    """Yield what is wrong with the time that the steps take."""
    total = sum(step.data.get("minutes", 0) for step in steps)
    if not math.isclose(total, MINUTES):
        yield (
            f"The steps take {total:g} minutes, not {MINUTES}: correct"
            f" `minutes` in {TOML}."
        )


def fields(step: Step) -> Iterator[str]:
    """Yield which fields of tasks and hunks are missing."""
    for kind, names in FIELDS.items():
        entries = step.data.get(kind, [])
        if not entries:
            yield (
                f"Step {step.number} has no {kind}: write its"
                f" [[{step.number}.{kind}]] into {TOML}."
            )
        for count, entry in enumerate(entries, 1):
            for name in names:
                if name not in entry:
                    yield (
                        f"[[{step.number}.{kind}]], the {count}. one, has no"
                        f" {name}: add it in {TOML}."
                    )


def tasks(step: Step) -> Iterator[str]:
    """Yield what is wrong with the tasks of a step."""
    known = course.tasks(step)
    least, most = TASKS
    if not least <= len(known) <= most:
        yield (
            f"Step {step.number} has {len(known)} tasks: write {least} to"
            f" {most}."
        )
    total, planned = sum(t.minutes for t in known), step.data.get("minutes", 0)
    if not math.isclose(total, planned):
        yield (
            f"The tasks of step {step.number} take {total:g} minutes, and the"
            f" step {planned:g}: correct `minutes` in {TOML}."
        )
    for task in known:
        yield from one_task(step, task)


def one_task(step: Step, task: course.Task) -> Iterator[str]:
    """Yield what is wrong with a task."""
    name = f"Task {step.number}.{task.number}"
    hints = [hint for hint in task.hints if hint]
    if len(hints) < HINTS:
        yield f"{name} has {len(hints)} hints: write at least {HINTS}."
    if task.minutes <= 0:
        yield f"{name} takes no time: give it `minutes`."
    if not task.hunks:
        yield f"{name} names no hunk: name those that solve it."
    room, _, symbol = task.symbol.partition(".")
    if symbol not in defined(step.folder / f"{room}.py"):
        yield (
            f"{name} looks at {task.symbol}, which step {step.number} does"
            " not define: name a function or class of a room."
        )
    for test in (task.test, *task.also):
        if test not in defined(tests(step)):
            yield (
                f"{name} is judged by {test}, which is not in"
                f" {shown(tests(step))}: name a promise of this step."
            )


def hunks(step: Step) -> Iterator[str]:
    """Yield what is wrong with the hunks of a step."""
    known = set(course.hunks(step))
    numbers = [entry["number"] for entry in step.data["hunk"]]
    taken = [number for task in course.tasks(step) for number in task.hunks]
    for number in sorted({*numbers, *taken} - known):
        yield (
            f"Step {step.number} has no hunk {number}: number hunks as"
            " `workshop diff --hunks` does."
        )
    for number in sorted(known):
        yield from one_hunk(step, number, numbers, taken)
    for entry in step.data["hunk"]:
        yield from one_note(step, entry)


def one_hunk(
    step: Step, number: int, numbers: list[int], taken: list[int]
) -> Iterator[str]:
    """Yield whether a hunk is noted once, and belongs to one task."""
    name = f"Hunk {number} of step {step.number}"
    if numbers.count(number) != 1:
        yield (
            f"{name} has {numbers.count(number)} notes: write one"
            f" [[{step.number}.hunk]] for it."
        )
    alone = len(set(numbers)) == 1  # A step of one hunk has it in all tasks.
    if taken.count(number) != 1 and not (alone and number in taken):
        yield (
            f"{name} belongs to {taken.count(number)} tasks: name it in the"
            " `hunks` of one."
        )


def one_note(step: Step, entry: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a note."""
    name = f"Hunk {entry['number']} of step {step.number}"
    if not entry["note"].strip():
        yield f"{name} has an empty note: write what is said of it."
    if entry["shows"] not in get_args(course.Shows):
        words = ", ".join(get_args(course.Shows))
        yield f"{name} shows {entry['shows']!r}: say one of {words}."
    if not entry["by"]:
        yield f"{name} shows {entry['shows']} by nothing: name what shows it."


def tests(step: Step) -> Path:
    """Return the file with a step's promises."""
    return step.folder / f"test_{step.word}.py"


def defined(path: Path) -> list[str]:
    """Return the dotted names that a file defines."""
    if not path.is_file():
        return []
    source = path.read_text("utf-8")
    return [name for _, _, name in diffs.definitions(source)]


# Files


def files(step: Step) -> Iterator[str]:
    """Yield the files of a step that no plan knows."""
    beside = {name.format(word=step.word) for name in BESIDE}
    rooms_and_more = {*diffs.code(step.folder), *beside}
    for path in sorted(diffs.every_file(step.folder)):
        whole = shown(step.folder / path)
        if path.startswith("experiments/") and path.endswith(".py"):
            continue
        if path not in rooms_and_more:
            yield f"{whole} belongs to no plan: remove it, or say what it is."
        elif path.startswith("extensions/") and is_orphan(step.folder, path):
            yield (
                f"{whole} has no page, and no extension imports it: write"
                " docs/extensions, or remove it."
            )


def is_orphan(folder: Path, path: str) -> bool:
    """Return whether an extension has no page and serves no other one."""
    name = Path(path).stem
    page = ROOT / "docs" / "extensions" / f"{name}.md"
    if name == "__init__" or page.is_file():
        return False
    imported = re.compile(rf"^\s*from extensions\.{name} import ", re.M)
    others = [p for p in folder.glob("extensions/*.py") if p.stem != name]
    return not any(imported.search(p.read_text("utf-8")) for p in others)


def rooms(steps: list[Step]) -> Iterator[str]:
    """Yield the rooms that no hunk of this step or an earlier one brings."""
    brought: set[str] = set()
    for step in steps:
        known = course.hunks(step)
        for entry in step.data.get("hunk", []):
            if entry.get("number") in known:
                brought.add(known[entry["number"]].path)
        for path in sorted(diffs.code(step.folder)):
            if "/" not in path and path not in brought:
                brought.add(path)  # It is told once.
                yield (
                    f"{shown(step.folder / path)} is brought by no hunk: write"
                    f" the [[{step.number}.hunk]] that makes it."
                )


# Verbs


def pages(root: Path) -> str:
    """Return all prose, to find verbs in."""
    paths = [root / "README.md", *sorted(root.glob("docs/**/*.md"))]
    return "\n".join(path.read_text("utf-8") for path in paths)


def verbs(top: Any, prose: str) -> Iterator[str]:
    """Yield what is wrong with the help of verbs; `top` is click's group."""
    for words, command in every(top):
        name = " ".join(words)
        said = [line.strip() for line in (command.epilog or "").splitlines()]
        examples = [line for line in said if line.startswith(START)]
        if not command.help:
            yield f"The verb {name} has no help: write its docstring."
        if not examples:
            yield f"The help of {name} has no example: register one."
        if f"{PROSE} {name}" not in prose:
            yield (
                f"No page has `{PROSE} {name}`: write where it is of use, in"
                " docs/."
            )
        for example in examples:
            problem = misread(top, shlex.split(example.removeprefix(START)))
            if problem:
                yield (
                    f"An example of {name} cannot be typed ({problem}):"
                    f" correct `{example}`."
                )


def every(group: Any, *words: str) -> Iterator[tuple[list[str], Any]]:
    """Yield all verbs of a group, and of the groups in it."""
    for name, command in sorted(group.commands.items()):
        if hasattr(command, "commands"):
            yield from every(command, *words, name)
        else:
            yield [*words, name], command


def misread(command: Any, words: list[str]) -> str:
    """Return why words cannot be understood, or nothing; nothing is run.

    What stands behind a `>` is for the shell.
    """
    if ">" in words:
        words = words[: words.index(">")]
    name = "workshop"
    while hasattr(command, "commands"):
        if not words or words[0] not in command.commands:
            return f"there is no verb {' '.join(words[:1])!r}"
        name, *words = words
        command = command.commands[name]
    try:
        with command.make_context(name, [*words]):
            return ""
    except Usage as error:
        return str(error.format_message()).rstrip(".")
