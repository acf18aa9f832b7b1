"""Did this change make it slower?

Knows: two revisions of a step, what is asked of both, the answer in words.
Does not know: how to measure.
"""

import functools
from dataclasses import asdict, replace

from workshop.bench import comment
from workshop.bench.costs import cost_bars, marked
from workshop.bench.counts import WORDS as COUNTED
from workshop.bench.revisions import checked_out
from workshop.bench.trials import FULL, QUICK, load_for
from workshop.bench.versus import versus
from workshop.bench.words import NOTHING, spread, times
from workshop.bench.workloads import arms

QUESTION = "Did this change make it slower?"
WORDS = "REV_A REV_B"  # none: the last commit and the files as they are now
STEP = "05"


def measure(study):
    """Check out both revisions, and compare them request by request."""
    options = study.options
    plan = QUICK if study.quick else FULL
    plan = replace(plan, rounds=options.rounds or plan.rounds)
    with checked_out(options.words, options.worktree) as revisions:
        race(study, revisions, plan)


def race(study, revisions, plan):
    """Let both revisions answer each request; quick: time the first."""
    number = (*study.options.steps, STEP)[0]
    sides = [
        arms(revision.step(number), number, f"{side}, {{}}")
        for side, revision in zip("AB", revisions, strict=True)
    ]
    named = zip("ab", revisions, sides, strict=True)
    study.plan = {**asdict(plan), "step": number}
    study.plan |= {side: told(found, own[0]) for side, found, own in named}
    pairs = list(zip(*sides, strict=True))
    parts = 1 if study.quick else len(pairs)
    load_word = study.options.load
    with load_for(sides[0][0], load_word, plan, study.core) as load:
        study.plan["load"] = load.name
        for index, pair in enumerate(pairs):
            tell = functools.partial(part, study, index, parts)
            timed = plan if index < parts else None
            versus(number, pair, load, timed, study.core, tell, study.add)


def told(revision, arm):
    """Return what a reader must know of a revision."""
    name, commit = revision.name, revision.commit
    return {"name": name, "commit": commit, "hash": arm.hash}


def part(study, index, parts, text, share):
    """Tell how far we are with all requests."""
    study.tell(text, min(1, (index + share) / parts))


COLUMNS = [
    "request",
    "byte-\ncodes",
    "Python\ncalls",
    "C\ncalls",
    "A: CPU µs\n/request",
    "B: CPU µs\n/request",
    "B / A",
    "B is",
    "could have\nseen",
]


def row(point):
    """Return the cells of a request."""
    a, b = (point["counts"][side] for side in "ab")
    changes = (comment.change(a, b, key) for key in comment.KEYS)
    trial = point["trial"]
    return [
        point["name"],
        *(change.replace(" ", "\n") for change in changes),
        *(spread(point["cpu_us"][side], 1) for side in "ab"),
        spread(trial["ratio"], 3) if trial else NOTHING,
        trial["verdict"] if trial else NOTHING,
        f"{trial['smallest']:.1%}" if trial else NOTHING,
    ]


def sentences(result):
    """Return the verdict of each request that was timed, and the counts."""
    plan, points = result["plan"], result["points"]
    a, b = (f"{plan[side]['name']}" for side in "ab")
    said = [verdict(point, a, b) for point in points if point["trial"]]
    said.append(exactly(points))
    if plan["a"]["hash"] == plan["b"]["hash"]:
        said.append("Both have the same sources: this shows the noise.")
    if result["points"][-1]["trial"] is None:
        said.append("This quick run timed the first request alone.")
    return said


def verdict(point, a, b):
    """Say whether B is slower, and what could have been seen."""
    trial = point["trial"]
    return (
        f"{point['name']}: {trial['verdict']}. B ({b}) costs"
        f" {times(trial['ratio'])} the CPU time of A ({a}); a difference of"
        f" {trial['smallest']:.1%} could have been seen."
    )


def exactly(points):
    """Say which exact counts have changed."""
    changed = [
        f"{point['name']} {COUNTED[key]} {cost - point['counts']['a'][key]:+}"
        for point in points
        for key, cost in (point["counts"]["b"] or {}).items()
        if point["counts"]["a"] and cost != point["counts"]["a"][key]
    ]
    if changed:
        return f"Exact counts changed: {', '.join(changed)}."
    return "Not one exact count changed."


def picture(result):
    """Draw the CPU time of both, request by request."""
    sides = [
        {"name": f"{it['name']}, {side.upper()}", "cpu_us": it["cpu_us"][side]}
        for it in result["points"]
        for side in "ab"
    ]
    of_b = marked(lambda side: side["name"].endswith("B"))
    return cost_bars("Two revisions", sides, kind=of_b)


def markdown(result):
    """Return what a pull request is told."""
    return comment.markdown(result)
