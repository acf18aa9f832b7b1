"""Keep the learner's folder: what is in it, how far it is, its backups.

Knows: `work/`, the steps that it starts from, one readable file of state.
Does not know: tests, colours, what a task is about.

    work/                        the learner's code: app.py and rooms
    work/progress.toml           the step, hints given, hunks applied
    work.backups/NNNN-TIME-VERB/ what `work/` was before a verb changed it

Nothing is ever overwritten or removed without a backup. Files that are no
code of a step are left alone.
"""

import contextlib
import json
import math
import os
import re
import shutil
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from workshop import course, diffs
from workshop.errors import ENVIRONMENT, WorkshopError
from workshop.mistakes import regular
from workshop.steps import ROOT, Step, all_steps, find
from workshop.verbs import START

STATE, GUIDE = "progress.toml", "AGENTS.md"
HEADER = "# How far you are; the verbs of the workshop read and write this.\n"
IGNORED = shutil.ignore_patterns("__pycache__")
TRIES, MOMENT = 20, 0.05  # seconds, while Windows lets nobody write
ERRNO = re.compile(r"^\[\w+ \d+\] ")
BACKUP = re.compile(r"(\d+)-(\d{8}-\d{6})-([\w-]+)")


@dataclass
class Progress:
    """What is known of a learner's way through the steps."""

    step: str = "01"  # the one that is worked on
    done: list[str] = field(default_factory=list)  # steps that passed
    hunks: list[int] = field(default_factory=list)  # applied, of this step
    hints: dict[str, int] = field(default_factory=dict)  # "03.2": given
    spent: float = 0.0  # seconds on stage, by the presenter
    failed: int = 0  # the task whose promise `check` saw broken last
    passed: bool = False  # whether the last check found all promises kept

    def text(self) -> str:
        """Return it as TOML."""
        lines = [
            HEADER,
            f"step = {json.dumps(self.step)}\n",
            f"done = {json.dumps(self.done)}\n",
            f"hunks = {json.dumps(self.hunks)}\n",
            f"spent = {self.spent:.1f}\n",
            f"failed = {self.failed}\n",
            f"passed = {json.dumps(self.passed)}\n",
            "\n[hints]\n",
        ]
        pairs = self.hints.items()
        return "".join(lines + [f"{json.dumps(k)} = {n}\n" for k, n in pairs])


@dataclass(frozen=True, order=True)
class Backup:
    """What the folder was before a verb changed it."""

    number: int
    time: str  # "20261121-190644"
    verb: str
    folder: Path

    @property
    def when(self) -> str:
        """The time as a person reads it."""
        found = time.strptime(self.time, "%Y%m%d-%H%M%S")
        return time.strftime("%Y-%m-%d %H:%M:%S", found)


def folder() -> Path:
    """Return where the learner works: `work/`, or what WORKSHOP_WORK says."""
    return Path(os.environ.get("WORKSHOP_WORK") or ROOT / "work").resolve()


def backups() -> Path:
    """Return where backups of the folder are kept: beside it."""
    return folder().with_name(folder().name + ".backups")


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Say in one sentence what the system does not let us do."""
    try:
        yield
    except OSError as error:
        path = error.filename or folder()
        reason = error.strerror
        if isinstance(error, shutil.Error):  # It has a list: the first.
            _, path, said = error.args[0][0]
            reason = ERRNO.sub("", said).partition(": ")[0]
        raise WorkshopError(
            f"{path} cannot be read or written ({reason}): correct that,"
            " then give the command again.",
            ENVIRONMENT,
        ) from error


@contextlib.contextmanager
def restorable(backup: Path | None) -> Iterator[None]:
    """Say how to have back what was, where a change is cut short."""
    try:
        yield
    except WorkshopError as error:
        if not backup:
            raise
        raise WorkshopError(
            f"{error} {folder().name}/ is changed in part: `{START} undo`"
            " brings back what it was.",
            error.status,
        ) from error


# How far the learner is


def progress() -> Progress:
    """Return how far the learner is; WorkshopError if nothing was begun."""
    path = folder() / STATE
    usable()
    if not path.is_file():
        undo = f", `{START} undo` brings the last copy back"
        copy = undo if saved() else ""
        raise WorkshopError(
            f"There is no {folder().name}/ that was begun: `{START} begin`"
            f" makes it{copy}."
        )
    try:
        with told():
            return parsed(path.read_text("utf-8"))
    except (TypeError, ValueError) as error:
        raise WorkshopError(
            f"{folder().name}/{STATE} cannot be read ({error}): correct it,"
            f" or start a step anew, as with `{START} goto 01`."
        ) from error


def parsed(text: str) -> Progress:
    """Return what a text says; TypeError or ValueError if it is wrong."""
    found = tomllib.loads(text)
    known = Progress(**found)
    right = {
        "step": found.get("step") in [one.number for one in all_steps()],
        "done": listed(known.done, str),
        "hunks": listed(known.hunks, int),
        "hints": isinstance(known.hints, dict)
        and listed([*known.hints.values()], int),
        "spent": type(known.spent) in (int, float)
        and math.isfinite(known.spent),
        "failed": listed([known.failed], int),
        "passed": isinstance(known.passed, bool),
    }
    wrong = [name for name, kind in right.items() if not kind]
    if wrong:
        raise ValueError(f"{wrong[0]} is not what belongs there")
    return known


def listed(found: object, kind: type) -> bool:
    """Tell whether something is a list of such values."""
    return isinstance(found, list) and all(type(x) is kind for x in found)


def keep(known: Progress) -> None:
    """Write how far the learner is; whole, or not at all."""
    with told():
        folder().mkdir(parents=True, exist_ok=True)
        path = folder() / STATE
        fresh = path.with_name(f"{STATE}.new")
        fresh.write_text(known.text(), "utf-8", newline="\n")
        replaced(fresh, path)


def replaced(fresh: Path, path: Path) -> None:
    """Put a file in another's place; Windows refuses while it is read."""
    for _ in range(TRIES):
        with contextlib.suppress(PermissionError):
            fresh.replace(path)
            return
        time.sleep(MOMENT)
    fresh.replace(path)


def step() -> Step:
    """Return the step that the learner works on."""
    return find(progress().step)


# Files


def usable() -> None:
    """Raise a sentence if the folder cannot be one."""
    if folder().exists() and not folder().is_dir():
        raise WorkshopError(
            f"{folder()} is a file, and should be the folder that you work"
            " in: rename it, then give the command again.",
            ENVIRONMENT,
        )


def lines(path: str) -> list[str] | None:
    """Return the lines of a file of the learner's, or None."""
    target = folder() / path
    regular(target)
    try:
        with told():
            if target.exists():
                target.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise WorkshopError(
            f"{folder().name}/{path} is not written in UTF-8 (byte"
            f" {error.start}): save it as UTF-8 first."
        ) from error
    return diffs.content(target)


def put(path: str, found: list[str] | None) -> None:
    """Write a file of the learner's, or remove it; a link is replaced."""
    target = folder() / path
    with told():
        if target.is_symlink():
            target.unlink()
        course.write(folder(), path, found)


def start(chosen: Step) -> list[str]:
    """Make the folder the starting point of a step; return what was removed.

    Rooms of later steps go; the learner's other files stay. Back it up first.
    """
    old = course.before(chosen)
    fresh = diffs.code(old.folder) if old else []
    known = {path for one in all_steps() for path in diffs.code(one.folder)}
    gone = sorted({*diffs.code(folder())} & known - {*fresh})
    for path in gone:
        put(path, None)
    for path in fresh:
        assert old
        put(path, diffs.content(old.folder / path))
    return gone


# Backups


def saved() -> list[Backup]:
    """Return the backups, the oldest first."""
    found = []
    for path in backups().glob("*"):
        match = BACKUP.fullmatch(path.name)
        if match and path.is_dir():
            number, when, verb = match.groups()
            found.append(Backup(int(number), when, verb, path))
    return sorted(found)


def back_up(verb: str) -> Path | None:
    """Copy the folder aside before a verb changes it; return where.

    None where there is nothing to keep. A copy that is cut short is none.
    """
    usable()
    if not folder().is_dir() or not any(folder().iterdir()):
        return None
    number = max((one.number for one in saved()), default=0) + 1
    name = f"{number:04}-{time.strftime('%Y%m%d-%H%M%S')}-{verb}"
    part = backups() / f"{name}.part"
    with told():
        try:
            copy(folder(), part)
            return part.rename(backups() / name)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def copy(old: Path, new: Path) -> None:
    """Copy a folder; of a link, the file that it leads to."""
    shutil.copytree(old, new, ignore=IGNORED, ignore_dangling_symlinks=True)


def chosen(number: int | None) -> Backup:
    """Return the newest backup, or the one with a number."""
    known = saved()
    if not known:
        raise WorkshopError(
            f"There is no backup in {backups().name}/: no verb has changed"
            f" {folder().name}/ yet."
        )
    for one in known:
        if one.number == number:
            return one
    if number is None:
        return known[-1]
    raise WorkshopError(
        f"There is no backup {number}: `{START} undo --list` shows those"
        " there are."
    )


def restore(backup: Backup) -> Path | None:
    """Make the code and the state those of a backup; return the new backup.

    Other files, but those whose names begin with a dot, are put back if they
    are gone, and not touched otherwise. Hints that were given stay known.
    """
    now = back_up("undo")
    given = hints()
    with restorable(now), told():
        folder().mkdir(parents=True, exist_ok=True)
        code = ours(backup.folder)
        for path in ours(folder()) - code:
            put(path, None)
        for path in diffs.every_file(backup.folder):
            bring(backup.folder / path, path, path in code)
    remember(given)
    return now


def hints() -> dict[str, int]:
    """Return the hints that were given, if that can be known."""
    with contextlib.suppress(WorkshopError):
        return progress().hints
    return {}


def remember(given: dict[str, int]) -> None:
    """Note hints that were given after the state was written."""
    fresh = {key: n for key, n in given.items() if n > hints().get(key, 0)}
    if fresh:
        with contextlib.suppress(WorkshopError):
            known = progress()
            known.hints |= fresh
            keep(known)


def ours(found: Path) -> set[str]:
    """Return what verbs write in such a folder: code, state, AGENTS.md."""
    state = [path for path in (STATE, GUIDE) if (found / path).is_file()]
    return {*diffs.code(found), *state}


def bring(source: Path, path: str, anew: bool) -> None:
    """Copy one file of a backup into the folder."""
    target = folder() / path
    if target.exists() and not anew:
        return
    if target.is_symlink():
        target.unlink()
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
