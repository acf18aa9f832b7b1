"""Keep the learner's folder: what is in it, how far it is, its backups.

Knows: `work/`, the steps that it starts from, one readable file of state.
Does not know: tests, colours, what a task is about.

    work/                   the learner's own code: app.py and rooms
    work/progress.toml      the step, hints that were given, hunks applied
    work.backups/STAMP/     what `work/` was before a verb changed it

Nothing is ever overwritten or removed without a backup.
"""

import json
import os
import shutil
import time
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from workshop import course, diffs
from workshop.errors import WorkshopError
from workshop.steps import ROOT, Step, find
from workshop.verbs import START

STATE = "progress.toml"
HEADER = "# How far you are; the verbs of the workshop read and write this.\n"


@dataclass
class Progress:
    """What is known of a learner's way through the steps."""

    step: str = "01"  # the one that is worked on
    done: list[str] = field(default_factory=list)  # steps that passed
    hunks: list[int] = field(default_factory=list)  # applied, of this step
    hints: dict[str, int] = field(default_factory=dict)  # "03.2": given

    def text(self) -> str:
        """Return it as TOML."""
        lines = [
            HEADER,
            f"step = {json.dumps(self.step)}\n",
            f"done = {json.dumps(self.done)}\n",
            f"hunks = {json.dumps(self.hunks)}\n",
            "\n[hints]\n",
        ]
        pairs = self.hints.items()
        return "".join(lines + [f"{json.dumps(k)} = {n}\n" for k, n in pairs])


def folder() -> Path:
    """Return where the learner works: `work/`, or what WORKSHOP_WORK says."""
    return Path(os.environ.get("WORKSHOP_WORK") or ROOT / "work").resolve()


def backups() -> Path:
    """Return where backups of the folder are kept: beside it."""
    return folder().with_name(folder().name + ".backups")


def progress() -> Progress:
    """Return how far the learner is; WorkshopError if nothing was begun."""
    path = folder() / STATE
    if not path.is_file():
        raise WorkshopError(
            f"There is no {folder().name}/ that was begun: `{START} begin`"
            " makes it."
        )
    try:
        return Progress(**tomllib.loads(path.read_text("utf-8")))
    except (tomllib.TOMLDecodeError, TypeError, UnicodeDecodeError) as error:
        raise WorkshopError(
            f"{folder().name}/{STATE} cannot be read ({error}): correct it,"
            f" or begin again with `{START} reset`."
        ) from error


def keep(known: Progress) -> None:
    """Write how far the learner is."""
    folder().mkdir(parents=True, exist_ok=True)
    path = folder() / STATE
    path.write_text(known.text(), "utf-8", newline="\n")


def step() -> Step:
    """Return the step that the learner works on."""
    return find(progress().step)


def back_up(verb: str) -> Path | None:
    """Copy the folder aside before a verb changes it; return where.

    None where there is nothing to keep.
    """
    if not folder().is_dir() or not any(folder().iterdir()):
        return None
    stamp = time.strftime("%Y%m%d-%H%M%S")
    target = backups() / f"{stamp}-{verb}"
    count = 1
    while target.exists():
        count += 1
        target = backups() / f"{stamp}-{verb}-{count}"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(folder(), target, ignore=ignored)
    return target


def start(chosen: Step) -> None:
    """Make the folder the starting point of a step; back it up before.

    Other files of the learner's stay where they are.
    """
    old = course.before(chosen)
    fresh = diffs.code(old.folder) if old else []
    for path in diffs.code(folder()):
        if path not in fresh:
            (folder() / path).unlink()
    for path in fresh:
        assert old
        course.write(folder(), path, diffs.content(old.folder / path))
