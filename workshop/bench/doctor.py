"""Examine this machine: can it measure, and how far is it to be believed?

Knows: a short race of step 01 against itself, how its figures are graded.
Does not know: any other step, what an experiment asks.
"""

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.text import Text

from workshop import screen
from workshop.bench import machine, measure, results
from workshop.bench.arms import step_arms
from workshop.bench.conditions import Fact, conditions, judged, steal
from workshop.bench.load import Builtin
from workshop.bench.measure import BUSY, Generator, Plan
from workshop.bench.servers import pinned
from workshop.bench.shapes import HELLO
from workshop.bench.wrk import Wrk, installed
from workshop.errors import ENVIRONMENT, PASS, WorkshopError

PLAN = Plan(rounds=5, seconds=0.3, warm_up=0.1)
AGREE = 0.10  # Generators that differ less are said to agree.
GRADES = {  # the widest spread of launches that are alike
    "A": (0.05, "quiet"),
    "B": (0.15, "fair"),
    "C": (float("inf"), "noisy"),
}
SOON = 2.0  # seconds between two lines of progress, where there is no terminal

Figures = dict[str, list[dict[str, Any]]]  # generator: one for each launch
Tell = Callable[[str], None]


def run(path: Path | None) -> int:
    """Examine, say one fact a line, keep all; return the exit status."""
    date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    facts: list[Fact] = []
    with progress() as tell:
        for fact in examined(tell):
            facts.append(fact)
            show(fact)
    screen.say(concluded(facts), "bold")
    if path:
        results.write(path, data(date, facts))
    return ENVIRONMENT if failed(facts) else PASS


def examined(tell: Tell) -> Iterator[Fact]:
    """Yield the facts; nothing is launched where nothing can be."""
    known = []
    for fact in conditions():
        known.append(fact)
        yield fact
    if failed(known):
        return
    stolen, began = machine.stolen(), time.monotonic()
    try:
        figures = raced(tell)
    except WorkshopError as error:
        fix = "mend that first: `dev check 01` tries step 01 alone"
        yield Fact("launch", measure.reason(error), fix, "FAIL")
        return
    yield from compared(figures)
    now = machine.stolen()
    lost = None if now is None or stolen is None else now - stolen
    yield steal(lost, time.monotonic() - began)


def raced(tell: Tell) -> Figures:
    """Launch step 01 for each generator in every round."""
    (arm,) = step_arms(["01"], HELLO)
    with contextlib.ExitStack() as stack:
        core = stack.enter_context(pinned())
        loads: dict[str, Generator] = {"builtin": Builtin(1)}
        stack.enter_context(loads["builtin"])
        if installed():
            loads["wrk"] = stack.enter_context(Wrk())
        figures: Figures = {name: [] for name in loads}
        orders = measure.orders([*loads], PLAN.rounds, PLAN.seed)
        for number, names in enumerate(orders, 1):
            for name in names:
                tell(f"round {number} of {PLAN.rounds}: step 01, {name}")
                found = measure.launch(arm, loads[name], PLAN, core)
                figures[name].append(found)
    return figures


# What is concluded


def compared(figures: Figures) -> Iterator[Fact]:
    """Yield how far generators agree, and how far launches do."""
    usual = figures.get("wrk", figures["builtin"])
    yield agreement(figures["builtin"], figures.get("wrk"))
    yield busy(usual)
    yield noise(usual)


def agreement(
    ours: Sequence[dict[str, Any]], theirs: Sequence[dict[str, Any]] | None
) -> Fact:
    """Compare what a request costs the server by either generator."""
    if theirs is None:
        fix = "the built-in generator will do, or install the package wrk"
        return Fact("wrk", "not installed", fix, "WARN", {"builtin": ours})
    pairs = zip(costs(ours), costs(theirs), strict=True)
    ratio = statistics.median(own / other for own, other in pairs)
    text = (
        f"a request costs step 01 {median(theirs):.1f} µs by wrk,"
        f" {median(ours):.1f} µs by the built-in generator; median ratio"
        f" of a round {ratio:.2f}"
    )
    fix = "compare figures of one generator alone: say --load each time"
    good = abs(ratio - 1) <= AGREE
    word, fix = ("PASS", "") if good else ("WARN", fix)
    known = {"ratio": ratio, "builtin": ours, "wrk": theirs}
    return Fact("wrk", text, fix, word, known)


def busy(launches: Sequence[dict[str, Any]]) -> Fact:
    """Judge whether the server had always something to do."""
    slept = statistics.median(each["switches"] for each in launches)
    return judged(
        "generator",
        f"step 01 slept {slept:.3f} times a request",
        slept <= BUSY,
        "close other programs: the generator is too slow for this server",
    )


def noise(launches: Sequence[dict[str, Any]]) -> Fact:
    """Grade how much launches of one and the same server differ."""
    found = costs(launches)
    spread = (max(found) - min(found)) / statistics.median(found)
    grade = grade_of(spread)
    text = (
        f"grade {grade}, {GRADES[grade][1]}: {len(found)} launches of step"
        f" 01 were {spread:.1%} apart"
    )
    fix = {
        "A": "",
        "B": "believe full runs, not --quick ones",
        "C": "close what runs, or take another machine; then examine again",
    }[grade]
    known = {"grade": grade, "spread": spread}
    return Fact("noise", text, fix, "WARN" if fix else "PASS", known)


def grade_of(spread: float) -> str:
    """Return the grade of a spread.

    >>> grade_of(0.05), grade_of(0.051), grade_of(0.3)
    ('A', 'B', 'C')
    """
    return next(name for name, (most, _) in GRADES.items() if spread <= most)


def costs(launches: Sequence[dict[str, Any]]) -> list[float]:
    """Return the CPU time per request of each launch, in µs."""
    return [each["cpu_us"] for each in launches]


def median(launches: Sequence[dict[str, Any]]) -> float:
    return statistics.median(costs(launches))


def failed(facts: Sequence[Fact]) -> bool:
    """Return whether something makes measuring impossible."""
    return any(fact.word == "FAIL" for fact in facts)


# What is shown and kept


def show(fact: Fact) -> None:
    """Print a fact in one line, and its fix in the next."""
    line = screen.word(fact.word) + Text(f"  {fact.name:<10}  {fact.text}")
    console = screen.console()
    console.print(line, soft_wrap=True)
    if fact.fix:
        console.print(Text(f"      fix: {fact.fix}"), soft_wrap=True)


def concluded(facts: Sequence[Fact]) -> str:
    """Say in one sentence what to expect of this machine."""
    if failed(facts):
        return "Nothing can be measured here yet: mend what says FAIL."
    doubts = [fact.name for fact in facts if fact.word == "WARN"]
    if doubts:
        return f"It can be measured here; doubtful: {', '.join(doubts)}."
    return "It can be measured here."


def data(date: str, facts: Sequence[Fact]) -> dict[str, Any]:
    """Return all that was found, as data for JSON."""
    return {
        "format": results.FORMAT,
        "date": date,
        "command": "python -m workshop doctor",
        "machine": machine.facts(),
        "plan": asdict(PLAN),
        "measurable": not failed(facts),
        "facts": [asdict(fact) for fact in facts],
    }


@contextlib.contextmanager
def progress() -> Iterator[Tell]:
    """Yield what tells how far we are: below the facts, or line by line."""
    console = screen.console()
    if console.is_terminal:
        with console.status("", spinner="line") as status:
            yield status.update
        return
    told = time.monotonic()

    def tell(text: str) -> None:
        nonlocal told
        if time.monotonic() - told >= SOON:
            told = time.monotonic()
            screen.remark(text)

    yield tell
