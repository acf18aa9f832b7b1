"""Leave hunks of a step out, one by one, and tell what becomes of it.

Knows: one folder that changes hunk by hunk, promises, counts.
Does not know: what should become of it.

    python tests/needed.py 03      one JSON object, for tests/test_course.py

A process of its own, in which pytest runs again and again: what it takes to
start one would be paid for each hunk.
"""

import contextlib
import io
import json
import os
import re
import sys
import tempfile
from functools import cache
from pathlib import Path

import pytest

from workshop import course, diffs, plugin
from workshop.bench import counts, shapes
from workshop.bench.arms import Arm
from workshop.bench.counter import Counter
from workshop.errors import WorkshopError
from workshop.steps import ROOT, all_steps, find, load
from workshop.weaving import undone

IMPATIENCE = 0.2  # seconds for an answer of which we expect none
BROKEN = "broken"  # what cannot even be imported, or answers nonsense
CASES = {**undone.CASES, "pipelined": shapes.PIPELINED}
PROGRAMS = {**undone.PROGRAMS, "pipelined": shapes.PLAINTEXT}
DEFINED = re.compile(r"^(?:async )?def (test_\w+)\(", re.M)


@cache
def promises(number):
    """Return where each promise stands: that of the latest step wins.

    Those that stand in no step come last.
    """
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    for step in all_steps():
        if step.number <= number:
            files += step.folder.glob("test_*.py")
    return {
        name: path
        for path in files
        for name in DEFINED.findall(path.read_text("utf-8"))
    }


class Work:
    """A folder that holds a step with some hunks of it, others left out."""

    def __init__(self, step, scratch, counter):
        self.step, self.counter = step, counter
        self.folder = scratch / step.name
        self.folder.mkdir()
        self.now = 1_000_000_000  # of the file that is written next

    def write(self, path, lines):
        """Write a file that no byte code of an earlier one is taken for."""
        if lines == diffs.content(self.folder / path):
            return
        course.write(self.folder, path, lines)
        if lines is not None:
            self.now += 10
            os.utime(self.folder / path, (self.now, self.now))

    def hold(self, numbers):
        """Let the folder hold these hunks, and no others."""
        for path, lines in course.applied(self.step, set(numbers)).items():
            self.write(path, lines)

    def start(self):
        """Let it hold what a learner begins with."""
        old = course.before(self.step)
        begun = diffs.code(old.folder) if old else ()
        for path in {*diffs.code(self.folder)} - {*begun}:
            self.write(path, None)
        for path in begun:
            self.write(path, diffs.content(old.folder / path))

    def complete(self):
        """Let it hold the step, with extensions that are named only."""
        for path in diffs.code(self.step.folder):
            self.write(path, diffs.content(self.step.folder / path))

    def wrong(self):
        """Return why it cannot be imported, or nothing."""
        try:
            load(self.folder)
        except (Exception, SystemExit) as error:
            return f"{type(error).__name__}: {error}"
        return ""

    def count(self, by):
        """Return a count: `hello.bytecodes`, `connection.bytecodes`..."""
        name, _, kind = by.partition(".")
        if self.wrong():
            return BROKEN
        try:
            if name == "connection":
                return self.connection()
            arm = Arm(name, self.folder, CASES[name], PROGRAMS.get(name))
            found, _ = self.counter.count(arm)
        except WorkshopError:
            return BROKEN
        return getattr(found, kind)

    def connection(self):
        """Return the bytecodes of a parser that is made."""
        rooms = load(self.folder)
        app = rooms.Pico()
        with counts.new_meter() as meter:
            rooms.parsing.RequestParser(app)
        return meter.bytecodes

    def broken(self, names):
        """Return which of these promises the folder does not keep."""
        if self.wrong():
            return sorted(names)
        where = promises(self.step.number)
        watch = Watch()
        plugin.counted.cache_clear()
        ids = [f"{where[name]}::{name}" for name in sorted(names)]
        words = ["--target", str(self.folder), "--through", self.step.number]
        # A test must not bring the folder that it stands in to sys.path.
        words += ["--import-mode=importlib", "-p", "no:cacheprovider"]
        with contextlib.redirect_stdout(io.StringIO()) as said:
            status = pytest.main([*words, *ids], plugins=[watch])
        if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            raise SystemExit(said.getvalue())
        return sorted(watch.broken)


class Watch:
    """Remembers which tests failed."""

    def __init__(self):
        self.broken = set()

    def pytest_runtest_protocol(self, item):
        """Try no other case of a promise that is broken already."""
        return True if item.originalname in self.broken else None

    def pytest_runtest_logreport(self, report):
        if report.failed:
            name = report.nodeid.partition("::")[2].partition("[")[0]
            self.broken.add(name)


class Story:
    """One step, told by its hunks: left out, or applied up to one of them."""

    def __init__(self, step, work):
        self.work, self.step = work, step
        self.notes, self.tasks = course.notes(step), course.tasks(step)
        self.order = [note.hunk.number for note in self.notes]
        self.tests = {task.test for task in self.tasks}
        self.known = {}

    def told(self):
        """Return all that is to be known of the step."""
        named = {n.by for n in self.notes if n.shows == "behaviour"}
        self.work.complete()
        found = {"solution": self.work.broken(self.tests | named)}
        # From here on promises are broken, and nobody waits long for answers.
        plugin.WATCHDOG = plugin.PATIENCE = IMPATIENCE
        found["without"] = {n.hunk.number: self.without(n) for n in self.notes}
        found["tasks"] = {task.number: self.lacks(task) for task in self.tasks}
        self.work.start()
        found["before"] = self.work.broken(self.tests)
        found["prefixes"] = [
            self.prefix(at) for at, _ in enumerate(self.order)
        ]
        found["stretches"] = {
            note.hunk.number: self.stretch(at, counted(note))
            for at, note in enumerate(self.notes)
            if counted(note)
        }
        return found

    def without(self, note):
        """Return what the step is without a hunk: promises, or two counts."""
        by = counted(note)
        if by and by not in self.known:
            self.known[by] = self.work.count(by)
        self.work.hold({*self.order} - {note.hunk.number})
        if by:
            found = [self.known[by], self.work.count(by)]
        else:
            found = self.work.broken({note.by})
        self.work.hold(self.order)
        return found

    def lacks(self, task):
        """Return whether a task's promise is broken without its hunks."""
        self.work.hold({*self.order} - {*task.hunks})
        return self.work.broken({task.test})

    def prefix(self, at):
        """Return why the hunks up to one cannot be imported, or nothing."""
        self.work.hold(self.order[: at + 1])
        return self.work.wrong()

    def stretch(self, at, by):
        """Return the counts before and after what a hunk is a part of.

        It ends, and began, where the step works.
        """
        begin, end = at, at + 1
        while (before := self.after(begin, by)) == BROKEN:
            begin -= 1
        while (after := self.after(end, by)) == BROKEN:
            end += 1
        return [before, after]

    def after(self, length, by):
        """Return a count after so many hunks."""
        key = length, by
        if key not in self.known:
            self.work.hold(self.order[:length])
            self.known[key] = self.work.count(by)
        return self.known[key]


def counted(note):
    """Return which count shows that a hunk is needed, if one does."""
    if note.shows == "time":  # No test has a quiet machine.
        return "pipelined.writes"
    return note.by if note.shows == "count" else None


def main():
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # It is slow.
    os.environ.pop("WORKSHOP_NO_SKIPS", None)
    sys.dont_write_bytecode = False
    step = find(sys.argv[1])
    with tempfile.TemporaryDirectory() as scratch, Counter() as counter:
        sys.pycache_prefix = str(Path(scratch) / "compiled")
        work = Work(step, Path(scratch).resolve(), counter)
        print(json.dumps(Story(step, work).told()))


if __name__ == "__main__":
    main()
