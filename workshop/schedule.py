"""Lay out a workshop as a run sheet: what begins when, what to leave out.

Knows: the minutes of the steps, breaks, clocks.
Does not know: colours; what a step is about.

A workshop is opened, then each step is shown and built, and it is closed
with the ladder. Showing takes what steps.toml says. What remains is for
building, shared out as those minutes are.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from workshop import course
from workshop.errors import WorkshopError
from workshop.steps import Step, all_steps, find
from workshop.verbs import START

BREAK = 10  # minutes
STRETCH = 50  # minutes at most without a break
OPENING, CLOSING = 5, 5
LEAST = 3  # minutes to build one step
LONGEST = 600  # minutes: who teaches longer has two days
DAY = 24 * 60
TIME = re.compile(r"(\d{1,2}):(\d{2})")


@dataclass(frozen=True)
class Part:
    """Some minutes of a workshop."""

    minutes: int
    what: str
    command: str = ""  # what is typed
    whole: bool = False  # No break cuts it in two.
    step: str = ""  # Building this step: it may be left out.


@dataclass(frozen=True)
class Cut:
    """What is left out by whoever is late."""

    what: str
    saves: int
    instead: str


# What a person asks for


def time_of(word: str) -> int:
    """Return the minutes since midnight.

    >>> time_of("9:30")
    570
    """
    found = TIME.fullmatch(word)
    if not found or int(found[1]) > 23 or int(found[2]) > 59:
        raise WorkshopError(
            f"{word!r} is no time of day: give --start as 9:30 or 14:00."
        )
    return int(found[1]) * 60 + int(found[2])


def steps_of(words: str | None) -> list[Step]:
    """Return the steps that are taught, in their order."""
    if words is None:
        return all_steps()
    chosen = {find(word.strip()).number for word in words.split(",")}
    return [step for step in all_steps() if step.number in chosen]


def possible(steps: Sequence[Step], minutes: int) -> None:
    """Raise a sentence unless the time is right for these steps."""
    least = OPENING + CLOSING + sum(shown(s) + LEAST for s in steps)
    if minutes < least:
        many = f"{len(steps)} steps" if len(steps) > 1 else "one step"
        fewer = ", or fewer --steps" if len(steps) > 1 else ""
        raise WorkshopError(
            f"{minutes} minutes are too short to show and build {many}:"
            f" give at least --minutes {least}{fewer}. The talk alone is"
            f" `{START} present`."
        )
    if minutes > LONGEST:
        raise WorkshopError(
            f"{minutes} minutes are more than a day of teaching: give at"
            f" most --minutes {LONGEST}, and plan each day by itself."
        )


def shown(step: Step) -> int:
    """Return the minutes that a step takes on stage."""
    minutes: float = step.data.get("minutes", 1)
    return round(minutes)


# The run sheet


def sheet(steps: Sequence[Step], minutes: int) -> list[Part]:
    """Return what is done one after the other; it adds up to the minutes."""
    possible(steps, minutes)
    breaks = max(0, -(-(minutes - STRETCH) // (STRETCH + BREAK)))
    work = minutes - breaks * BREAK
    taken = OPENING + CLOSING + sum(map(shown, steps))
    building = shares([weight(step) for step in steps], work - taken)
    parts = [Part(OPENING, "Welcome; does each machine work?", "doctor", True)]
    for step, much in zip(steps, building, strict=True):
        parts += taught(step, much)
    what = "What did it cost? Questions"
    parts.append(Part(CLOSING, what, "ladder --quick", True))
    return with_breaks(parts, breaks)


def taught(step: Step, building: int) -> list[Part]:
    """Return how one step is taught."""
    name = named(step)
    count = len(course.tasks(step))
    tasks = f" ({count} tasks)" if count else ""
    number = step.number
    return [
        Part(shown(step), f"{name}: you show", f"present {number}", True),
        Part(
            building,
            f"{name}: they build{tasks}",
            f"begin {number}",
            step=number,
        ),
    ]


def weight(step: Step) -> float:
    """Return how much time a step needs beside others."""
    tasks = sum(task.minutes for task in course.tasks(step))
    return tasks or float(shown(step))


def shares(weights: Sequence[float], minutes: int) -> list[int]:
    """Share out whole minutes, to each its least first.

    >>> shares([1, 2, 3], 21)
    [5, 7, 9]
    """
    free = minutes - LEAST * len(weights)
    exact = [free * one / sum(weights) for one in weights]
    found = [LEAST + int(one) for one in exact]
    by_rest = sorted(
        range(len(exact)), key=lambda at: (int(exact[at]) - exact[at], at)
    )
    for at in by_rest[: minutes - sum(found)]:
        found[at] += 1
    return found


# Breaks


def with_breaks(parts: list[Part], count: int) -> list[Part]:
    """Return the parts with breaks, no stretch longer than allowed."""
    work, last = sum(part.minutes for part in parts), 0
    for left in range(count, 0, -1):
        first = max(last + 1, work - STRETCH * left)
        ideal = last + (work - last) / (left + 1)
        places = range(first, min(last + STRETCH, work - 1) + 1)
        last = min(places, key=lambda at: unrest(parts, at, ideal))
        parts = broken(parts, last)
    return parts


def unrest(parts: Sequence[Part], at: int, ideal: float) -> tuple[int, float]:
    """Return how badly a break lies after so many minutes: less is better.

    Best is between two steps, then while they build.
    """
    work = [part for part in parts if part.what != "Break"]
    ends = list(accumulate(part.minutes for part in work))
    under_way = next(n for n, end in enumerate(ends) if at <= end)
    whole = work[under_way].whole
    if at == ends[under_way]:
        return (2 if whole else 0), abs(at - ideal)
    return (3 if whole else 1), abs(at - ideal)


def broken(parts: Sequence[Part], at: int) -> list[Part]:
    """Put a break after so many minutes of work; cut what is under way."""
    found: list[Part] = []
    begins = 0
    for part in parts:
        if part.what == "Break":
            found.append(part)
            continue
        before = at - begins  # minutes of this part that are before the break
        begins += part.minutes
        if not 0 < before <= part.minutes:
            found.append(part)
            continue
        found += [replace(part, minutes=before), Part(BREAK, "Break")]
        if before < part.minutes:
            rest = replace(
                part,
                minutes=part.minutes - before,
                what=f"{part.what}, go on",
                # To begin again would put what they have aside.
                command="check" if part.step else part.command,
            )
            found.append(rest)
    return found


# If it gets late


def cuts(parts: Sequence[Part]) -> list[Cut]:
    """Return what to leave out first: building, from the last step on.

    Whoever did not build a step begins the next one with its solution.
    """
    numbers = sorted({part.step for part in parts if part.step}, reverse=True)
    return [
        Cut(
            f"{named(find(number))}: they build",
            sum(part.minutes for part in parts if part.step == number),
            instead(number, numbers),
        )
        for number in numbers
    ]


def instead(number: str, taught: Sequence[str]) -> str:
    """Return what brings the code of a step to who did not build it."""
    later = sorted(other for other in taught if other > number)
    return f"goto {later[0]}" if later else f"goto {number}, solve"


def named(step: Step) -> str:
    """Return number and title of a step."""
    return f"{step.number} {step.data.get('title', step.word)}"


def clock(minutes: int) -> str:
    """Return a time of day.

    >>> clock(1450)
    '00:10'
    """
    return f"{minutes % DAY // 60:02}:{minutes % 60:02}"


def times(parts: Sequence[Part], start: int) -> list[int]:
    """Return when each part begins, and when the last one ends."""
    return list(accumulate((part.minutes for part in parts), initial=start))


def rows(parts: Sequence[Part], start: int) -> list[tuple[str, ...]]:
    """Return begin, minutes, what and command of each part, then the end."""
    begins = times(parts, start)
    found = [
        (clock(begin), str(part.minutes), part.what, part.command)
        for begin, part in zip(begins, parts, strict=False)
    ]
    total = sum(part.minutes for part in parts)
    return [*found, (clock(begins[-1]), str(total), "The end", "")]


def saved(parts: Sequence[Part]) -> list[tuple[str, ...]]:
    """Return what to leave out, what it saves, and all that is saved."""
    found = cuts(parts)
    sums = accumulate(cut.saves for cut in found)
    return [
        (cut.what, str(cut.saves), str(total), cut.instead)
        for cut, total in zip(found, sums, strict=True)
    ]


def markdown(heads: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Return a table to paste.

    >>> print(markdown(["a", "b"], [("1", "2")]))
    | a | b |
    |---|---|
    | 1 | 2 |
    """
    lines = [heads, *body]
    told = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([told[0], "|---" * len(heads) + "|", *told[1:]])
