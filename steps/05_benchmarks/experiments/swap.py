"""Can a part be replaced behind the same interface, and what does it gain?

Knows: parts and what can stand for them, two requests, the conclusion.
Does not know: how to measure.
"""

import asyncio
import json
from importlib.util import find_spec
from pathlib import Path

from workshop.bench import DATE, Case, programs
from workshop.bench.arms import Arm, step_arms
from workshop.bench.costs import cost_bars, marked
from workshop.bench.measure import Plan
from workshop.bench.words import figure, spread, times

QUESTION = __doc__.splitlines()[0]
QUICK = Plan(rounds=5, seconds=0.2)
FULL = Plan(rounds=12, seconds=0.6)
WIRE = False

PROGRAM = Path(programs.__file__).with_name("swapped.py")
HEAD = b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
FIELDS = {"content-type": "application/json", "date": DATE}
DRONES = [
    {"name": f"drone {n}", "latitude": 42 + n / 8, "altitude": 100 + n}
    for n in range(50)
]
LIST = json.dumps(DRONES, separators=(",", ":"))
GREETING = b'{"message":"Hello bench"}'
HELLO = Case("hello", b"GET /hello/bench" + HEAD, 200, FIELDS, GREETING)
TABLE = Case("50 drones", b"GET /drones" + HEAD, 200, FIELDS, LIST.encode())

OURS = "as it is"
# What is replaced, and the package that has what replaces it.
SWAPS = {
    "router=autoroutes": "autoroutes",
    "json=orjson": "orjson",
    "json=msgspec": "msgspec",
    "loop=asyncio": "uvloop",  # else that is the loop as it is
    "task=request": "",
    "task=eager": "",
}
BOTH = "router=autoroutes,json=orjson"
QUICK_ONES = ["router=autoroutes", "json=orjson", "loop=asyncio"]


def arms(options):
    """Return the app as it is, then with each part replaced, twice."""
    here = [swap for swap in SWAPS if swap not in left_out()]
    if options.quick:
        return group(HELLO, [swap for swap in QUICK_ONES if swap in here])
    lists = [swap for swap in here if swap.startswith("json")]
    both = [BOTH] if set(BOTH.split(",")) <= set(here) else []
    return group(HELLO, here + both) + group(TABLE, lists)


def group(case, swaps):
    """Return the arms that answer one request; the first replaces nothing."""
    (step,) = step_arms(["05"], case)
    return [
        Arm(
            f"{case.name}, {swap or OURS}",
            step.folder,
            case,
            PROGRAM,
            {"SWAP": swap, "DRONES": LIST},
            beside=bool(swap),
        )
        for swap in ["", *swaps]
    ]


def left_out():
    """Return the swaps that cannot be had here, and what would help."""
    lacking = {
        swap: f"`python -m pip install {package}` brings it"
        for swap, package in SWAPS.items()
        if package and find_spec(package) is None
    }
    if not hasattr(asyncio, "eager_task_factory"):
        lacking["task=eager"] = "it needs Python 3.12 or later"
    return lacking


COLUMNS = ["request, what is replaced", "byte-\ncodes", "Python\ncalls"]
COLUMNS += ["C\ncalls", "CPU µs\n/request", "x as\nit is", "than\nas it is"]


def row(arm):
    """Return the cells of an app with a part replaced."""
    counts = arm["counts"] or {}
    against = {} if arm["name"].endswith(OURS) else arm["than_below"] or {}
    return [
        arm["name"],
        figure(counts.get("bytecodes")),
        figure(counts.get("python_calls")),
        figure(counts.get("c_calls")),
        spread(arm["cpu_us"], 1),
        spread(against["ratio"], 2) if against else "",
        against.get("verdict", ""),
    ]


SAID = {
    "faster": "Cheaper, in CPU time: {}.",
    "slower": "Dearer, in CPU time: {}.",
    "same": "No difference: {}.",
    "unclear": "Not to be told from noise in this run: {}.",
}


def sentences(result):
    """Return that it can be done, what it gains, and what was left out."""
    swapped = [a for a in result["arms"] if not a["name"].endswith(OURS)]
    said = [
        "Each part was replaced without a change in a handler: all arms gave"
        " the same content."
    ]
    for word, sentence in SAID.items():
        found = [
            f"{a['name']} {times(a['than_below']['ratio'])}"
            for a in swapped
            if a["than_below"]["verdict"] == word
        ]
        said += [sentence.format("; ".join(found))] if found else []
    said += [f"Left out: {x}; {why}." for x, why in left_out().items()]
    if len(swapped) <= len(QUICK_ONES):
        said.append("This quick run replaced a few parts only.")
    return said


def picture(result):
    """Draw the CPU time with each part replaced."""
    ours = marked(lambda arm: arm["name"].endswith(OURS))
    return cost_bars("Parts replaced", result["arms"], kind=ours)
