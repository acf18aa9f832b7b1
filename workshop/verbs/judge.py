"""Verbs that tell a learner whether they are right: check and watch.

Knows: what is printed of a verdict, what is kept in progress.toml.
Does not know: how a promise is judged or explained.
"""

import functools
import subprocess
import sys
import time
from threading import Thread
from typing import TYPE_CHECKING

from workshop import verbs
from workshop.errors import FAIL, PASS
from workshop.mistakes import shown
from workshop.screen import say
from workshop.verbs import START, verb

if TYPE_CHECKING:
    from workshop.explain import Explanation
    from workshop.steps import Step

PAUSE = 0.5  # seconds between two looks at the folder
COUNTED = ("bytecodes", "python_calls", "c_calls")


@verb("check", "check")
def check() -> int:
    """Check your folder, work/: the promises of all steps so far.

    It stops at the first one that is broken and explains it: what was sent
    and received, the likely cause, the place to look. When all are kept, it
    tells what a request costs, beside the reference.
    """
    from workshop import verdict, work
    from workshop.mistakes import shown

    verbs.need("pytest")
    step, folder = work.step(), work.folder()
    found = verdict.judge(folder, step)
    ending = ", then one is broken" if found.explanation else ""
    say(
        f"Promises up to step {step.number}, on {shown(folder)}:"
        f" {found.kept} kept{ending}."
    )
    if found.explanation:
        return failed(found.explanation)
    return passed(step)


def failed(explanation: "Explanation") -> int:
    """Print an explanation; note its task for `hint`."""
    from workshop import work

    known = work.progress()
    known.failed = explanation.task.number if explanation.task else 0
    known.passed = False
    work.keep(known)
    for number, line in enumerate(explanation.lines()):
        say(line, "bold red" if number == 0 else "")
    return FAIL


def passed(step: "Step") -> int:
    """Note the step as done; print its price and the next command."""
    from workshop import learning, work

    known = work.progress()
    known.failed, known.passed = 0, True
    known.done = sorted({*known.done, step.number})
    work.keep(known)
    say(f"PASS  {step.name}", "bold green")
    price(step)
    say(f"Next: {START} {learning.onward()}")
    return PASS


def price(step: "Step") -> None:
    """Print what a hello costs, one count a line."""
    from workshop import verdict, work
    from workshop.bench import counts

    found = verdict.prices(work.folder(), step)
    if isinstance(found, str):
        say(f"Its price is not known: {found}")
        return
    mine, theirs = found
    say(f"A hello costs, counted exactly (the reference is {step.name}):")
    for name in COUNTED:
        here, there = getattr(mine, name), getattr(theirs, name)
        say(
            f"  {counts.WORDS[name]}: {here}; reference {there}"
            f" ({here - there:+})"
        )


class Check:
    """A check in a process of its own, which can be ended."""

    def __init__(self) -> None:
        from workshop import serving
        from workshop.steps import ROOT

        say(f"--- {time.strftime('%H:%M:%S')} ---", "dim")
        sys.stdout.flush()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "workshop", "check"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            **serving.apart(),
        )

        self.wanted = True
        self.ear = Thread(target=self.hear, daemon=True)
        self.ear.start()

    def hear(self) -> None:
        """Pass on its errors, but not that it was interrupted: by us."""
        assert self.process.stderr
        with self.process.stderr as stderr:
            for line in stderr:
                if self.wanted:
                    sys.stderr.write(line)
                    sys.stderr.flush()

    def end(self) -> None:
        from workshop import serving

        self.wanted = False
        serving.end(self.process)
        self.ear.join()


@verb("watch", "watch")
def watch() -> int:
    """Check your folder now, and each time you save one of its files.

    Ctrl-C ends it. A check that still runs when you save again is ended.
    """
    from workshop import watching, work

    verbs.need("pytest")
    work.progress()  # Raises a sentence if nothing was begun.
    say(f"Checking {shown(work.folder())} at each save, until Ctrl-C.")
    look = functools.partial(watching.snapshot, work.folder())
    watching.watch(look, functools.partial(time.sleep, PAUSE), Check)
    return PASS
