"""Prove a hunk beside the screen: its promise, its count, its price.

Knows: what steps.toml says of a hunk, tests, exact counts, one process each.
Does not know: screens; when a proof is asked for.

    python -m workshop.proof      an order on stdin, a verdict as its last line

A proof looks at a copy of the files, so that work/ may change meanwhile. It
runs in a process of its own, which is ended with all that it has started
when nobody wants it any more, or when its time is over.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, Literal

from workshop import course, diffs, serving
from workshop.bench.counts import WORDS
from workshop.course import Note
from workshop.errors import WorkshopError
from workshop.present import Files, notes
from workshop.steps import ROOT, Step, all_steps, find, load

PATIENCE = 20.0  # seconds for one proof
PAUSE = 0.3  # seconds that a place must last before it is priced
# pytest starts sooner without the plugins of others; no byte code is left.
QUICK = {
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}
ASKED = {
    "hello": "a hello",
    "browser": "a browser's request",
    "crowd": "a hello beside a hundred routes",
    "connection": "a new connection",
}

Kind = Literal["check", "price"]


@dataclass(frozen=True)
class Verdict:
    """What came out: PASS, FAIL or SKIP, a sentence, exact counts."""

    word: str
    text: str
    counts: dict[str, float] | None = None


# In a process of its own


def promise(step: Step, name: str) -> str | None:
    """Return where pytest finds a promise: here, before, or in tests/."""
    folders = [one.folder for one in reversed(all_steps())]
    begins = re.compile(rf"^(async )?def {re.escape(name)}\(", re.M)
    for folder in [step.folder, *folders, ROOT / "tests"]:
        for path in sorted(folder.rglob("test_*.py")):
            if begins.search(path.read_text("utf-8")):
                return f"{path}::{name}"
    return None


def behaves(step: Step, name: str, folder: Path) -> Verdict:
    """Run the promise that a hunk is needed for."""
    from workshop import checking

    where = promise(step, name)
    if where is None:
        return Verdict("SKIP", f"no promise is called {name!r}")
    words = [where, f"--target={folder}", f"--through={step.number}"]
    # The folder of the test must not lend its rooms to work/.
    words.append("--import-mode=importlib")
    outcomes = list(checking.reported(words))
    broken = [one for one in outcomes if one.word == "broken"]
    if broken:
        reason = (broken[0].reason.strip() or "it is broken").splitlines()[0]
        return Verdict("FAIL", reason)
    kept = any(one.word == "kept" for one in outcomes)
    return Verdict("PASS" if kept else "SKIP", course.sentence(name))


def counts(name: str, folder: Path) -> dict[str, float]:
    """Return what a request costs exactly."""
    from workshop.bench.counts import count
    from workshop.weaving import undone

    if name == "connection":
        return {"bytecodes": parser(folder)}
    program = undone.PROGRAMS.get(name)
    found, _ = count(folder, undone.CASES[name], program)
    return asdict(found)


def parser(folder: Path) -> float:
    """Return the bytecodes of the parser that each connection makes."""
    from workshop.bench.counts import new_meter

    rooms = load(folder)
    app = rooms.Pico()
    meter: Any = new_meter()
    with meter:
        rooms.parsing.RequestParser(app)
    return float(meter.bytecodes)


def priced(folder: Path) -> Verdict:
    """Say what a hello costs, if it is answered."""
    try:
        found = counts("hello", folder)
    except Exception:  # Whatever code does that is not complete yet.
        return Verdict("SKIP", "a hello is not answered yet")
    text = ", ".join(amount(found[k], WORDS[k]) for k in list(WORDS)[:3])
    return Verdict("PASS", f"{text} a hello", found)


def counted(note: Note, folder: Path) -> Verdict:
    """Say how a count changes when this one hunk is undone."""
    name, _, kind = note.by.partition(".")
    now = counts(name, folder)[kind]
    lines = diffs.content(folder / note.hunk.path)
    course.write(folder, note.hunk.path, without(lines, note))
    try:
        before = f"{counts(name, folder)[kind]:g}"
    except Exception:  # The rest may need what this hunk brings.
        before = "there is no answer"
    word = "FAIL" if before == f"{now:g}" else "PASS"
    what = ASKED.get(name, name)
    text = f"{amount(now, WORDS[kind])} for {what}; without it {before}"
    return Verdict(word, text)


def amount(number: float, words: str) -> str:
    """Return how many there are of something.

    >>> amount(1, "Python calls"), amount(0, "C calls")
    ('1 Python call', '0 C calls')
    """
    return f"{number:g} {words.removesuffix('s') if number == 1 else words}"


def without(lines: list[str] | None, note: Note) -> list[str] | None:
    """Return a file without one hunk, where its new lines stand."""
    new, found = note.hunk.new, lines or []
    if found == new and not note.hunk.old:
        return None
    for at in sorted(
        range(len(found) - len(new) + 1),
        key=lambda at: abs(at - note.hunk.new_start),
    ):
        if found[at : at + len(new)] == new:
            return found[:at] + note.hunk.old + found[at + len(new) :]
    raise WorkshopError("its lines are not there")


def proved(kind: Kind, step: Step, number: int, folder: Path) -> Verdict:
    """Return the verdict on one hunk."""
    if kind == "price":
        return priced(folder)
    note = next(n for n in notes(step) if n.hunk.number == number)
    try:
        if note.shows == "behaviour":
            return behaves(step, note.by, folder)
        return counted(note, folder)
    except Exception as error:  # Code that is not complete may do anything.
        return Verdict("FAIL", str(error) or type(error).__name__)


def main() -> None:
    """Prove in this process, for an errand in another one."""
    order = json.load(sys.stdin)
    step, folder = find(order["step"]), Path(order["folder"])
    verdict = proved(order["kind"], step, order["hunk"], folder)
    print()  # The last line is ours, whatever the code has printed.
    print(json.dumps(asdict(verdict)))


# Beside the screen


@contextlib.contextmanager
def copied(files: Files) -> Iterator[Path]:
    """Write files to a folder of their own, until the end."""
    made = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    with made as name:
        folder = Path(name).resolve() / "work"
        folder.mkdir()
        for path, lines in files.items():
            course.write(folder, path, lines)
        yield folder


def begun() -> "subprocess.Popen[str]":
    """Start this module in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "workshop.proof"],
        cwd=ROOT,
        env={**os.environ, **QUICK},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        errors="replace",
        **serving.apart(),
    )


class Errand:
    """One proof that is under way; `verdict` is None until it is known."""

    def __init__(
        self, kind: Kind, step: Step, number: int, files: Files
    ) -> None:
        self.order: dict[str, Any] = {
            "kind": kind,
            "step": step.number,
            "hunk": number,
        }
        self.files = files
        self.pause = PAUSE if kind == "price" else 0.0
        self.verdict: Verdict | None = None
        self.process: subprocess.Popen[str] | None = None
        self.lock, self.unwanted = Lock(), Event()
        self.thread = Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        """Prove it; whatever goes wrong is a verdict, too."""
        if self.unwanted.wait(self.pause):
            return
        with copied(self.files) as folder:
            try:
                self.verdict = self.prove(folder)
            except subprocess.TimeoutExpired:
                text = f"no end within {PATIENCE:g} seconds"
                self.verdict = Verdict("FAIL", text)
            except Exception as error:  # Nobody else hears of it.
                text = f"it could not be tried ({type(error).__name__})"
                self.verdict = Verdict("SKIP", text)

    def prove(self, folder: Path) -> Verdict | None:
        """Return what a process of its own says."""
        with self.lock:
            if self.unwanted.is_set():
                return None
            self.process = begun()
        order = json.dumps({**self.order, "folder": str(folder)})
        with self.process:  # Its pipes are closed at the end.
            try:
                out, _ = self.process.communicate(order, PATIENCE)
            finally:
                serving.end(self.process)
        return Verdict(**json.loads(out.splitlines()[-1]))

    def end(self) -> None:
        """End it with all that it has started."""
        self.unwanted.set()
        with self.lock:
            if self.process and self.process.poll() is None:
                serving.end(self.process)
        self.thread.join(serving.GRACE)


if __name__ == "__main__":
    main()
