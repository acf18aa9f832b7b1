"""Write a comparison of two revisions for a pull request.

Knows: Markdown as GitHub reads it, what a reviewer asks first.
Does not know: how it was measured.
"""

from collections.abc import Mapping
from typing import Any

from workshop.bench.counts import WORDS
from workshop.bench.words import NOTHING

MARK = "<!-- workshop bench compare -->"  # how the comment is found again
KEYS = ("bytecodes", "python_calls", "c_calls")


def markdown(result: Mapping[str, Any]) -> str:
    """Return the comment: the answer, the table, how to take it again."""
    points, plan = result["points"], result["plan"]
    head = ["request", *(WORDS[key] for key in KEYS)]
    head += ["CPU µs, A", "CPU µs, B", "B / A", "B is", "could have seen"]
    lines = [MARK, f"### {title(plan)}", "", *remarks(result)]
    lines += [line_of(head), "|---|" + "---:|" * (len(head) - 1)]
    lines += [line_of(cells(point)) for point in points]
    lines += ["", *gate(points), "", *small_print(result)]
    return "\n".join(lines) + "\n"


def title(plan: Mapping[str, Any] | None) -> str:
    """Name both revisions."""
    if plan is None:
        return "Nothing was compared"
    a, b = (named(plan[side]) for side in "ab")
    return f"Step {plan['step']}: B = {b} against A = {a}"


def named(revision: Mapping[str, str]) -> str:
    """Return what a revision is called, and its commit.

    >>> named({"name": "main", "commit": "c0ffee"})
    '`main` (c0ffee)'
    >>> named({"name": "c0ffee", "commit": "c0ffee"})
    '`c0ffee`'
    """
    name, commit = revision["name"], revision["commit"]
    return f"`{name}`" + ("" if name == commit else f" ({commit})")


def remarks(result: Mapping[str, Any]) -> list[str]:
    """Return the answer in words, or why there is none."""
    said = list(result["sentences"])
    if not result["complete"]:
        said = ["**It was interrupted: what follows is a part.**"]
    said += [
        f"**Wrong: {point['name']}: {point['wrong']}.**"
        for point in result["points"]
        if point["wrong"]
    ]
    return [f"- {sentence}" for sentence in said] + [""]


def cells(point: Mapping[str, Any]) -> list[str]:
    """Return the cells of one request."""
    counts, cpu, trial = point["counts"], point["cpu_us"], point["trial"]
    found = [point["name"]]
    found += [change(counts["a"], counts["b"], key) for key in KEYS]
    found += [f"{cpu[s]['median']:.1f}" if cpu[s] else NOTHING for s in "ab"]
    if trial is None:
        return found + [NOTHING] * 3
    ratio = trial["ratio"]
    found.append(
        f"{ratio['median']:.3f} ({ratio['low']:.3f} to {ratio['high']:.3f})"
    )
    return [*found, f"**{trial['verdict']}**", f"{trial['smallest']:.1%}"]


def change(
    a: Mapping[str, int] | None, b: Mapping[str, int] | None, key: str
) -> str:
    """Return a count, and how much it changed.

    >>> change({"tasks": 2}, {"tasks": 3}, "tasks")
    '3 (+1)'
    """
    if a is None or b is None:
        return NOTHING
    more = b[key] - a[key]
    return f"{b[key]:,} ({more:+,})" if more else f"{b[key]:,}"


def gate(points: list[Mapping[str, Any]]) -> list[str]:
    """Say whether exact counts are within their budget: they alone judge."""
    over = [point for point in points if point["beyond"]]
    if over:
        return [f"**Beyond: {p['name']}: {p['beyond']}.**" for p in over]
    if not points:
        return []
    if all(point["counts"]["budget"] for point in points):
        return ["Exact counts are within their budget."]
    return [
        "No budget is known for this Python or this step: exact counts are"
        " shown and not judged."
    ]


def small_print(result: Mapping[str, Any]) -> list[str]:
    """Say on which machine, how much, and how to take it again."""
    facts, plan = result["machine"], result["plan"] or {}
    much = f"{plan['rounds']} rounds of {plan['seconds']:g} s" if plan else ""
    return [
        "Time is a comment and never fails a build: this machine may be"
        " shared with others. Exact counts are the same everywhere.",
        "",
        f"<sub>{facts['cpu']}, {facts['cores']} cores, {facts['system']},"
        f" {facts['python']}, {facts['loop']}; {much}; {result['date']};"
        f" `{result['command']}`</sub>",
    ]


def line_of(texts: list[str]) -> str:
    """Return one line of a table.

    >>> line_of(["a", "b|c"])
    '| a | b&#124;c |'
    """
    return f"| {' | '.join(t.replace('|', '&#124;') for t in texts)} |"
