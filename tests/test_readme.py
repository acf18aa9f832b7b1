"""The README is true: its plan, its links and its commands."""

import re
from pathlib import Path

import pytest
import typer

from workshop.cli import app
from workshop.steps import STEPS

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")


def drawn() -> dict[str, dict[str, str]]:
    """Return the floor plan: step, room, sign."""
    lines = README.splitlines()
    top = next(n for n, x in enumerate(lines) if x.split()[:1] == ["pico"])
    rooms = [(m.group(), m.span()) for m in re.finditer(r"\S+", lines[top])]
    plan: dict[str, dict[str, str]] = {}
    for line in lines[top + 1 : top + 6]:
        step = line.split()[0]
        signs = re.finditer(r"[*=]", line)
        plan[step] = {
            next(n for n, (a, b) in rooms if a <= m.start() < b): m.group()
            for m in signs
        }
    return plan


def rooms(step: Path) -> set[str]:
    """Return the rooms of a step; app.py, bench.py and tests are none."""
    files = {path.stem for path in step.glob("*.py")}
    folders = {path.parent.name for path in step.glob("*/[!_]*.py")}
    tests = {name for name in files if name.startswith("test_")}
    return (files | folders) - tests - {"app", "bench"}


def content(room: Path) -> dict[str, bytes] | None:
    """Return the files of a room, or None if a step has no such room."""
    if room.is_dir():
        return {path.name: path.read_bytes() for path in room.glob("*.py")}
    file = room.with_suffix(".py")
    return {file.name: file.read_bytes()} if file.exists() else None


def test_floor_plan_is_that_of_the_steps():
    names = sorted({name for step in STEPS.iterdir() for name in rooms(step)})
    plan: dict[str, dict[str, str]] = {}
    before: dict[str, dict[str, bytes] | None] = dict.fromkeys(names)
    for step in sorted(STEPS.glob("[0-9]*")):
        there = {name: content(step / name) for name in names}
        plan[step.name] = {
            name: "=" if files == before[name] else "*"
            for name, files in there.items()
            if files is not None
        }
        before = there

    assert drawn() == plan


@pytest.mark.parametrize("text", [README, CONTRIBUTING], ids=["readme", "add"])
def test_files_that_are_named_exist(text):
    linked = re.findall(r"\]\(([^)#:]+)\)", text)
    named = re.findall(r"`((?:steps|workshop|\.ci|docs)/[\w./-]+)`", text)
    paths = [path for path in linked + named if "NN_" not in path]
    missing = [p for p in paths if "NAME" not in p and not (ROOT / p).exists()]

    assert paths
    assert missing == []


def options(command) -> set[str]:
    return {word for option in command.params for word in option.opts}


def test_commands_that_are_named_exist():
    command = typer.main.get_command(app)
    rows = re.findall(
        r"^\| `python3 start\.py (\w.*?)` \|(.*)\|$", README, re.M
    )
    for words, said in rows:
        verb, *rest = words.split()
        found = command.commands[verb]
        if verb == "dev":
            found = found.commands[rest[0]]
        named = set(re.findall(r"`(--[\w-]+)`", said))

        assert named <= options(found), words
    assert len(rows) >= 6


@pytest.mark.parametrize(
    "path",
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("steps/*/README.md"),
        *ROOT.glob("docs/**/*.md"),
        ROOT / "steps" / "steps.toml",
    ],
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_program_is_run_by_a_python_that_there_is(path):
    """Many systems know python3 alone."""
    text = path.read_text("utf-8")

    assert re.findall(r"(?<!/)\bpython (?:app|pico)\.py", text) == []


def test_lessons_are_shown_by_a_command():
    """The files of docs/ are templates: their code stands in the steps."""
    (row,) = [x for x in README.splitlines() if "| the lessons, in words" in x]

    assert "`python3 start.py docs` shows them" in row
