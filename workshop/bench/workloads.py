"""Name the requests that each comparison over time is about.

Knows: hello, a browser's request, a drone's position; who can answer them.
Does not know: how they are measured, which revision answers.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from workshop.bench.arms import Arm
from workshop.bench.cases import Case, declared
from workshop.bench.counts import WORDS, Inexact, count
from workshop.bench.measure import reason
from workshop.bench.shapes import HELLO, PAGE, POSITIONS, POST
from workshop.errors import WorkshopError
from workshop.steps import find as step_called

KEYS = tuple(WORDS)


def arms(folder: Path, number: str, name: str = "{}") -> list[Arm]:
    """Return the arm of each request that a step can answer.

    All ask what `realistic` asks, so that figures can be put side by side.
    """
    programs: list[tuple[Case, Path | None]] = [(HELLO, None), (PAGE, None)]
    if number >= "03":  # 02 cannot read content.
        programs.append((POST, POSITIONS))
    return [
        Arm(name.format(case.name), folder, declared(folder, case), program)
        for case, program in programs
    ]


def hello(number: str) -> Arm:
    """Return the arm of a step as it is now with the smallest request."""
    folder = step_called(number).folder
    return arms(folder, number)[0]


def counted(arm: Arm) -> dict[str, int]:
    """Return what one warm request costs exactly, once it is verified."""
    found, _ = count(arm.folder, arm.case, arm.program, arm.env)
    return asdict(found)


def exact(arm: Arm) -> tuple[dict[str, int] | None, str | None]:
    """Return the counts of an arm; or what is wrong with it."""
    try:
        return counted(arm), None
    except Inexact:
        return None, None  # Its time can be measured all the same.
    except WorkshopError as error:
        return None, f"{arm.name}: {reason(error)}"


def beyond(
    budget: Mapping[str, int] | None,
    a: Mapping[str, int],
    b: Mapping[str, int],
) -> str | None:
    """Return where B costs more than its budget, and more than A.

    What was beyond it before is not the fault of this change.

    >>> beyond({"tasks": 1}, {"tasks": 1}, {"tasks": 2})
    '2 tasks a request, 1 are in the budget'
    >>> beyond({"tasks": 1}, {"tasks": 2}, {"tasks": 2})
    """
    if budget is None:
        return None
    told = [
        f"{b[key]} {WORDS[key]} a request, {most} are in the budget"
        for key, most in budget.items()
        if b[key] > most and b[key] > a[key]
    ]
    return "; ".join(told) or None
