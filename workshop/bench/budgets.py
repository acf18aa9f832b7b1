"""Count exactly what each activated extension adds to a request.

Knows: the extensions of steps 04 and 05, some requests, the exact counts.
Does not know: how a count is taken, how long anything lasts.

    python -m workshop.bench.budgets       write docs/results/budgets.json

The request is a hello that asks for nothing else: it has no Origin, no
Cookie and accepts no encoding. So it concerns only those extensions that
every request concerns; what the others add is what their question costs,
whether this request is theirs.

What each request of `realistic` costs without extensions is recorded, too:
it is the budget that `bench compare` judges a change by.
"""

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from workshop.bench import Case, results, workloads
from workshop.bench.arms import extended, extensions_of
from workshop.bench.counter import Counter
from workshop.errors import PASS
from workshop.hashes import sources
from workshop.steps import find

PATH = results.RESULTS / "budgets.json"
STEPS = ("04", "05")
HELLO = Case(
    "hello",
    b"GET /hello/bench HTTP/1.1\r\nHost: localhost\r\n\r\n",
    content=b'{"message":"Hello bench"}',
)
KEYS = ("bytecodes", "python_calls", "c_calls")
# These have something to do for each request; all others only ask whether
# they have.
CONCERNED = {"logger", "rate_limit", "request_id", "security_headers"}
ASKING = 2  # Python calls at most

Cost = dict[str, int]


def counted(counter: Counter, folder: Path, names: list[str]) -> Cost:
    """Return what a hello costs with these extensions."""
    found, _ = counter.count(extended("", folder, HELLO, names))
    return {key: asdict(found)[key] for key in KEYS}


def budgets(word: str) -> dict[str, Any]:
    """Return what a hello costs with none, and what extensions add.

    One that is `alone` may also end a shortcut for apps without listeners;
    what it adds `beside` all others is its own.
    """
    folder = find(word).folder
    every = extensions_of(folder)
    groups = [[], every, *([name] for name in every)]
    groups += [[other for other in every if other != name] for name in every]
    with Counter() as counter:
        costs = [counted(counter, folder, names) for names in groups]
    none, together, *others = costs
    alone, without = others[: len(every)], others[len(every) :]
    return {
        "none": none,
        "all": more(together, none),
        "alone": {n: more(c, none) for n, c in zip(every, alone, strict=True)},
        "beside": {
            n: more(together, c) for n, c in zip(every, without, strict=True)
        },
    }


def more(cost: Cost, than: Cost) -> Cost:
    """Return what one costs more than the other."""
    return {key: cost[key] - than[key] for key in KEYS}


def dear(added: Mapping[str, Cost]) -> dict[str, int]:
    """Return those that ask too much of a request that is not theirs."""
    return {
        name: cost["python_calls"]
        for name, cost in added.items()
        if name not in CONCERNED and cost["python_calls"] > ASKING
    }


def requests(word: str) -> dict[str, Any]:
    """Return what each request costs a step without extensions."""
    step = find(word)
    every = workloads.arms(step.folder, step.number)
    return {arm.case.name: workloads.counted(arm) for arm in every}


def budget(number: str, request: str) -> Cost | None:
    """Return the recorded cost of a request, or None.

    It holds for one minor version of Python: another one has none.
    """
    recorded = json.loads(PATH.read_text("utf-8"))
    if recorded["python"] != python():
        return None
    found: Cost | None = recorded["requests"].get(number, {}).get(request)
    return found


def python() -> str:
    """Return the version of Python as far as counts depend on it."""
    return ".".join(platform.python_version_tuple()[:2])


def main() -> int:
    """Write the committed result."""
    found = {
        "what": "What extensions add to a hello; what requests cost.",
        "command": "python -m workshop.bench.budgets",
        "python": python(),
        "sources": {word: sources(find(word).folder) for word in STEPS},
        "requests": {word: requests(word) for word in STEPS},
        "budgets": {word: budgets(word) for word in STEPS},
    }
    text = json.dumps(found, indent=1)
    PATH.write_text(text + "\n", "utf-8", newline="\n")
    return PASS


if __name__ == "__main__":
    raise SystemExit(main())
