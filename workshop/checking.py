"""Judge a target: its promises by pytest, its wire rows by a socket.

Knows: how the tests are started, read and watched; what each line says.
Does not know: colours; what a promise is about.
"""

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import IO
from uuid import uuid4

import psutil

from workshop import wire
from workshop.bench.counts import LIMIT
from workshop.course import sentence
from workshop.errors import FAIL, WorkshopError
from workshop.mistakes import syntax
from workshop.outcomes import Outcome
from workshop.serving import Target, apart, end, launched, number_of, target
from workshop.steps import ROOT, all_steps, find, rooms

PATIENCE = 60.0  # seconds for one promise
CHILD = 0.8  # of the patience with a promise
RUN = "WORKSHOP_RUN"  # tells whose a process is, when its parent is gone
LONG = 65536  # bytes of what pytest writes beside


@dataclass
class Promise:
    """One promise, and where it was kept or broken."""

    step: str  # the folder of the test: "02_routing"
    name: str  # "unknown path is 404"
    kept: list[str] = field(default_factory=list)  # targets
    fails: list[str] = field(default_factory=list)  # where it has to fail
    skipped: list[str] = field(default_factory=list)  # reasons
    broken: list[Outcome] = field(default_factory=list)

    @property
    def word(self) -> str:
        if self.broken:
            return "FAIL"
        return "PASS" if self.kept or self.fails else "SKIP"

    def take(self, outcome: Outcome) -> None:
        """Note what became of it on one target."""
        if outcome.word == "broken":
            self.broken.append(outcome)
        elif outcome.word == "not applicable":
            self.skipped.append(outcome.reason)
        else:
            where = self.fails if outcome.fails else self.kept
            if outcome.target not in where:
                where.append(outcome.target)


@dataclass(frozen=True)
class Rows:
    """How many wire rows a target has right, of those promised by a step."""

    name: str
    right: int
    promised: int
    wrong: list[tuple[str, str]]  # row, reason


def files(through: str) -> list[str]:
    """Return the test files of all steps so far, in their order."""
    return [
        str(path)
        for step in all_steps()
        if step.number <= through
        for path in sorted(step.folder.glob("test_*.py"))
    ]


def promised_rows(through: str) -> list[wire.Row]:
    """Return the wire rows that the steps so far have right."""
    return [row for row in wire.counted() if row.since <= through]


def promises(through: str, chosen: Target | None) -> Iterator[Promise]:
    """Run the promises of the steps so far; yield each when it is known.

    On the steps themselves, or on one chosen target.
    """
    known = files(through)
    if not known:
        return
    words = [*known, f"--through={through}"]
    if chosen:
        words.append(f"--target={chosen.url or chosen.folder}")
    current: Promise | None = None
    for outcome in reported(words):
        step, name = parsed(outcome.nodeid)
        if current is None or (current.step, current.name) != (step, name):
            if current:
                yield current
            current = Promise(step, name)
        current.take(outcome)
    if current:
        yield current


def parsed(nodeid: str) -> tuple[str, str]:
    """Return folder and sentence of a test.

    >>> parsed("steps/02_routing/test_routing.py::test_a_path_is_found[02]")
    ('02_routing', 'a path is found')
    """
    path, _, name = nodeid.partition("::")
    return Path(path).parent.name, sentence(name.partition("[")[0]) or path


def reported(
    words: list[str], patience: float | None = None
) -> Iterator[Outcome]:
    """Run pytest; yield what the plugin says of each test.

    WorkshopError if one does not end, or if Python itself ends.
    """
    run = uuid4().hex
    made = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    with made as folder, tempfile.TemporaryFile() as errors:
        process = begun(words, run, errors, folder, patience)
        try:
            last = yield from followed(process, errors, patience)
            if process.wait() not in (0, 1):  # Neither passed nor failed.
                raise refused(errors, last)
        except Cut:
            end(process)
            sweep(run)
            raise
        finally:
            end(process)


def begun(
    words: list[str],
    run: str,
    errors: IO[bytes],
    folder: str,
    patience: float | None,
) -> "subprocess.Popen[str]":
    """Begin a run of pytest that speaks lines of JSON.

    It may be ended at once: what it leaves behind goes with the folder.
    """
    env = dict(os.environ)
    env.pop("WORKSHOP_NO_SKIPS", None)  # What a URL lacks, it may lack.
    env["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # It takes half a second.
    env[RUN] = run
    if patience:  # Who counts in a child tells where that one stands.
        env[LIMIT] = str(patience * CHILD)
    env |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), folder)
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "--json-lines", *words],
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=errors,
        encoding="utf-8",
        errors="replace",
        **apart(),
    )


def refused(errors: IO[bytes], last: str) -> WorkshopError:
    """Return the error that says why pytest could not run the tests."""
    said = (written(errors).strip() or last).splitlines() or ["nothing"]
    return WorkshopError(
        f"The tests could not be run; pytest says: {said[-1]}", FAIL
    )


def sweep(run: str) -> None:
    """End what a run has left: a Python that ends at once ends no child."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(RUN) == run:
                process.kill()


class Cut(WorkshopError):
    """A run of tests was cut short by one of them."""

    def __init__(self, sentence: str, nodeid: str, stack: str) -> None:
        super().__init__(sentence, FAIL)
        self.nodeid = nodeid
        self.stack = stack  # what faulthandler wrote, if it did


def followed(
    process: "subprocess.Popen[str]",
    errors: IO[bytes] | None = None,
    patience: float | None = None,
) -> Generator[Outcome, None, str]:
    """Yield each outcome of a test run; return its last other line."""
    heard: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    Thread(target=hear, args=(process, heard), daemon=True).start()
    test, last, finished = "", "", False
    while True:
        # Until the first promise begins, it is not the learner's code.
        limit = patience if patience and test else PATIENCE
        try:
            line = heard.get(timeout=limit)
        except queue.Empty:
            raise hanging(test, limit, written(errors)) from None
        if line is None:
            if test and not finished:
                raise ended(test, process.wait(), written(errors))
            return last
        if not line.startswith('{"nodeid"'):
            last = line.strip() or last
            continue
        outcome = Outcome(**json.loads(line))
        if outcome.word == "finished":
            finished = True
        elif outcome.word == "begun":
            test = outcome.nodeid
        else:
            yield outcome


def hear(
    process: "subprocess.Popen[str]", heard: "queue.SimpleQueue[str | None]"
) -> None:
    """Put each line of a process into a queue, and None at its end."""
    assert process.stdout
    with process.stdout as stdout:
        for line in stdout:
            heard.put(line)
    heard.put(None)


def written(errors: IO[bytes] | None) -> str:
    """Return the end of what pytest has written to its stderr."""
    if errors is None:
        return ""
    size = errors.seek(0, os.SEEK_END)
    errors.seek(max(0, size - LONG))
    return errors.read().decode("utf-8", "replace")


def hanging(begun: str, patience: float, stack: str) -> Cut:
    """Return the error that names what does not end."""
    name = begun or "The collection of the tests"
    return Cut(
        f"{name} did not end within {patience:g} seconds and was stopped:"
        " look for a loop, a call that blocks, or an await that waits for"
        " ever.",
        begun,
        stack,
    )


def ended(begun: str, status: int, stack: str) -> Cut:
    """Return the error that names what ended Python."""
    likely = "look for sys.exit or os._exit"
    if status < 0:  # It was no call, but a signal of the system.
        likely = "it used up memory, or stack, or somebody else ended it"
    return Cut(
        f"{begun} ended Python itself (status {status}): {likely}.",
        begun,
        stack,
    )


def judge_rows(chosen: Target, through: str) -> Rows:
    """Try the wire rows that are promised by a step."""
    through = min(through, number_of(chosen) or through)
    promised = promised_rows(through)
    if not promised:
        return Rows(chosen.name, 0, 0, [])
    verdicts = wire.judge_target(chosen)
    wrong = [
        (f"{row.number} {row.name}", verdicts[row.number].reason)
        for row in promised
        if verdicts[row.number].word == "wrong"
    ]
    right = len(promised) - len(wrong)
    return Rows(chosen.name, right, len(promised), wrong)


def starts(chosen: Target) -> None:
    """Raise a sentence unless the target's program can be started."""
    if chosen.folder is None:
        return
    for path in sorted(chosen.folder.glob("*.py")):
        syntax(path)
    with launched(chosen.folder):
        pass


def reached(chosen: Target) -> str:
    """Return the first step whose rooms a target has, all of them."""
    if chosen.folder is None:
        return all_steps()[-1].number
    have = {path.name for path in rooms(chosen.folder)}
    found = all_steps()[0].number
    largest = 0
    for step in all_steps():
        if step.folder == chosen.folder:
            return step.number
        needed = {path.name for path in rooms(step.folder)}
        if needed <= have and len(needed) > largest:
            found, largest = step.number, len(needed)
    return found


def asked(number: str | None, word: str | None) -> tuple[str, Target | None]:
    """Return up to which step, and what, a person wants to have judged."""
    through = find(number).number if number else None
    chosen = target(word) if word else None
    if chosen is None:
        return through or all_steps()[-1].number, None
    return through or reached(chosen), chosen


def references(through: str) -> list[Target]:
    """Return the steps up to one, as targets."""
    return [
        Target(step.name, step.folder, None)
        for step in all_steps()
        if step.number <= through
    ]
