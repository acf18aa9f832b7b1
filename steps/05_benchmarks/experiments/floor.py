"""How near is step 05 to the least that Python can do?

Knows: duties that each answer has, one after the other; the conclusion.
Does not know: how to measure.
"""

from dataclasses import replace
from importlib.util import find_spec
from itertools import pairwise

from workshop.bench import DATE, programs, shapes
from workshop.bench.arms import Arm, step_arms
from workshop.bench.costs import cost_bars, marked
from workshop.bench.measure import Plan
from workshop.bench.words import figure, spread, times

QUESTION = __doc__.splitlines()[0]
QUICK = Plan(rounds=3, seconds=0.2)
FULL = Plan(rounds=18, seconds=0.6)
WIRE = False

LEAST, SWAPPED = (programs.FOLDER / f"{n}.py" for n in ("least", "swapped"))
HELLO = replace(shapes.HELLO, fields={**shapes.HELLO_FIELDS, "date": DATE})
# What a protocol that has no other duty does, and all those above it.
DUTIES = {
    "the answer is made": "made",
    "the request is understood": "understood",
    "a coroutine handles it": "handled",
    "a task serves the connection": "served",
}
LAST, WHOLE, ORJSON = [*DUTIES][-1], "05 benchmarks", ", with orjson"
LEAST_POSITION, POSITION = "the least, position", f"{WHOLE}, position"
LEAST_TEXT, TEXT = "the least, 16 pipelined", f"{WHOLE}, 16 pipelined"


def arms(options):
    """Return step 01, the duties one after the other, and step 05."""
    raw, whole = step_arms(["01", "05"], HELLO)

    def arm(name, env, program=LEAST, case=HELLO, beside=True):
        return Arm(name, whole.folder, case, program, env, beside)

    rungs = [arm(n, {"DUTY": d}, beside=False) for n, d in DUTIES.items()]
    every = [raw, *rungs, whole]
    if not options.quick:
        every += [
            arm(LEAST_POSITION, {"DUTY": "kept"}, case=shapes.POST),
            arm(POSITION, {}, shapes.POSITIONS, shapes.POST),
            arm(LEAST_TEXT, {"DUTY": "together"}, case=shapes.PIPELINED),
            arm(TEXT, {}, shapes.PLAINTEXT, shapes.PIPELINED),
        ]
    if find_spec("orjson") and not options.quick:
        env = {"DUTY": DUTIES[LAST], "JSON": "orjson"}
        every += [
            arm(LAST + ORJSON, env),
            arm(WHOLE + ORJSON, {"SWAP": "json=orjson"}, SWAPPED),
        ]
    return every


COLUMNS = ["and also", "byte-\ncodes", "Python\ncalls", "C\ncalls"]
COLUMNS += ["CPU µs\n/request", "x\nstep 01", "than\nabove"]


def row(arm):
    """Return the cells of a duty, or of a step."""
    counts, above = arm["counts"] or {}, arm["than_below"]
    names = "bytecodes", "python_calls", "c_calls"
    return [
        arm["name"],
        *[figure(counts.get(name)) for name in names],
        spread(arm["cpu_us"], 1),
        spread(arm["ratio"], 2) if arm["ratio"] else "",
        above["verdict"] if above else "",
    ]


def sentences(result):
    """Return what no Python can save, what is left, and what each duty is."""
    known = {arm["name"]: arm for arm in result["arms"]}
    raw, least, whole = result["arms"][0], known[LAST], known[WHOLE]
    said = [
        f"A turn of the loop, a read and a write, all of {raw['name']}, are"
        f" {cost(raw) / cost(whole):.0%} of the time of {whole['name']}.",
        rest(least, whole),
        duties(result),
    ]
    if POSITION in known:
        said += beside(known)
    if LAST + ORJSON in known:
        least, fast = known[LAST + ORJSON], known[WHOLE + ORJSON]
        said.append(
            f"With orjson the least takes {times(least['ratio'])} the CPU time"
            f" of {raw['name']}, and {whole['name']} {times(fast['ratio'])}."
        )
    return said


def cost(arm):
    return arm["cpu_us"]["median"]


def rest(least, whole):
    """Say what lies between the least and the whole."""
    more = cost(whole) - cost(least)
    said = (
        "The least that answers hello and does all of these duties takes"
        f" {times(least['ratio'])} the time of a bare answer,"
        f" {whole['name']} {times(whole['ratio'])}: {more:.1f} µs"
    )
    if least["counts"] and whole["counts"]:
        counted = [arm["counts"]["bytecodes"] for arm in (least, whole)]
        said += f" and {counted[1] - counted[0]} bytecodes"
    return said + (
        " are left for all other routes, methods, limits, errors, hooks,"
        " streams and the clock."
    )


def beside(known):
    """Say the same of a position, and of a text that was pipelined."""
    least, whole = known[LEAST_POSITION], known[POSITION]
    more = cost(whole) - cost(least)
    texts = [f"{cost(known[name]):.1f} µs" for name in (LEAST_TEXT, TEXT)]
    return [
        "For a position, to decode it and to let the same handler check it"
        f" takes {times(least['ratio'])} the time of a bare answer, and step"
        f" 05 {times(whole['ratio'])}: {more:.1f} µs more.",
        f"One of 16 pipelined texts takes {texts[0]} at the least, and step 05"
        f" {texts[1]}.",
    ]


def duties(result):
    """Say what each duty takes, in the order in which they are added."""
    found = [
        f"{arm['name']}, {cost(arm) - cost(below):+.1f} µs"
        for below, arm in pairwise(result["arms"])
        if arm["name"] in DUTIES
    ]
    return (
        f"Duty by duty: {'; '.join(found)}. Two copies of the first server"
        f" differed by up to {result['noise']['limit']:.1%}."
    )


def picture(result):
    """Draw the CPU time with each duty more."""
    ours = marked(lambda arm: arm["name"].startswith(WHOLE))
    return cost_bars("The floor", result["arms"], kind=ours)
