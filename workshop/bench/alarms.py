"""Try out the rule of `compare` where we know what is right.

Knows: copies of one server, servers that burn a known share more.
Does not know: the rule (see trials.py), what is concluded.

A block is eight rounds, as a quick comparison has them. In each round four
copies of one server are launched, each in a fresh process. That is two
comparisons of a revision with itself: the second copy with the first, and the
fourth with the third. Their launches have nothing in common, so that their
alarms are independent; for its noise each looks at a copy of the other pair.
In some blocks servers run as well that burn more: each is compared with the
first copy. All run the same program; copies burn nothing.
"""

import contextlib
import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from workshop.bench import measure, results, trials
from workshop.bench.arms import Arm
from workshop.bench.binomial import clopper_pearson
from workshop.bench.measure import AGAIN, Generator, Plan, Race
from workshop.bench.trials import LEVEL
from workshop.errors import ENVIRONMENT, FAIL, WorkshopError
from workshop.steps import ROOT

BURNING = ROOT / "workshop" / "bench" / "burning.py"
COPIES = ("first", "second", "third")  # and the fourth, which is AGAIN
SAME = "no change"
PAIRS = (("first", "third", "second"), ("third", "first", AGAIN))
COMMITTED = results.RESULTS / "honesty.json"
COMMAND = "python3 start.py bench honesty --json docs/results/honesty.json"
SEVERAL = 1000  # turns of the loop, to find out what a turn costs
WORDS = ("faster", "slower", "same", "unclear")

Tell = Callable[[str, float], None]
Found = dict[str, list[dict[str, Any]]]  # trials, by what was done to B


@dataclass
class Trials:
    """All comparisons so far, and how they are to go on."""

    arm: Arm
    load: Generator
    core: int | None
    plan: Plan
    turns: dict[str, int]  # of the loop, for each delay
    every: int  # in each so many-th block delays are tried out
    found: Found = field(default_factory=dict)
    wrong: str | None = None

    def go_on(self, blocks: int, tell: Tell) -> None:
        """Measure the blocks that are not there yet."""
        for number in range(len(self.found.get(SAME, ())) // 2, blocks):

            def telling(text: str, share: float, number: int = number) -> None:
                tell(text, (number + share) / blocks)

            self.block(number, telling)
            if self.wrong:
                return

    def summaries(self) -> list[dict[str, Any]]:
        """Return what was said so far, for each kind of B."""
        kinds = [
            summary(kind, self.found.get(kind, []))
            for kind in (SAME, *self.turns)
        ]
        kinds[0]["wrong"] = self.wrong
        return kinds

    def block(self, number: int, tell: Tell) -> None:
        """Measure one block; it counts once it is whole."""
        names = list(self.turns) if number % self.every == 0 else []
        arms = [burning(self.arm, name, 0) for name in COPIES]
        arms += [burning(self.arm, name, self.turns[name]) for name in names]
        race = Race([arm.name for arm in arms])
        plan = replace(self.plan, seed=self.plan.seed + number)

        def telling(text: str, share: float) -> None:
            tell(f"block {number + 1}, {text}", share)

        measure.run(race, arms, self.load, plan, self.core, telling)
        self.wrong = wrong(race)
        if self.wrong:
            return
        for a, again, b in PAIRS:
            self.keep(SAME, race, a, again, b)
        for name in names:
            self.keep(name, race, *PAIRS[0][:2], name)

    def keep(self, kind: str, race: Race, a: str, again: str, b: str) -> None:
        """Judge three arms as `compare` does, and keep their samples."""
        trial = trials.trial(race, a, again, b)
        assert trial
        samples = {"a": a, "again": again, "b": b}
        self.found.setdefault(kind, []).append(
            {
                "p": trial.p,
                "verdict": trial.verdict,
                "ratio": trial.ratio.median,
                "noise": trial.noise,
                **{key: costs(race, arm) for key, arm in samples.items()},
            }
        )


def costs(race: Race, arm: str) -> list[float]:
    """Return the CPU time of an arm in each round, in microseconds."""
    return [round(sample.cpu_us, 4) for sample in race.of(arm)]


def wrong(race: Race) -> str | None:
    """Return what is wrong with arms: with any, nothing is concluded."""
    told = [f"{name}: {reason}" for name, reason in race.wrong.items()]
    return "; ".join(told) or None


def burning(arm: Arm, name: str, turns: int) -> Arm:
    """Return an arm whose server burns more for each request."""
    env = {**arm.env, "BURN": str(turns)}
    return replace(arm, name=name, program=BURNING, env=env)


def calibrated(
    arm: Arm,
    load: Generator,
    core: int | None,
    plan: Plan,
    shares: Mapping[str, float],
) -> dict[str, int]:
    """Find how often the loop must turn for each delay.

    Many turns are timed, so that the noise of launches hardly counts.
    """
    arms = [burning(arm, "none", 0), burning(arm, "several", SEVERAL)]
    race = Race([each.name for each in arms])
    measure.run(race, arms, load, plan, core)
    if race.wrong:
        raise WorkshopError(f"What must burn does not: {wrong(race)}.", FAIL)
    pairs = zip(*race.pairs("none", "several"), strict=True)
    several = statistics.median(b / a for a, b in pairs)
    return {name: turns(share, several) for name, share in shares.items()}


def turns(share: float, several: float) -> int:
    """Return how often the loop must turn to cost a share more.

    `several` says how many times as dear SEVERAL turns were as none.

    >>> turns(0.1, several=1.5)
    200
    """
    if several <= 1:
        raise WorkshopError(
            f"{SEVERAL} turns of a loop cost nothing here: the machine is too"
            " busy with other work. Try again when it is quiet.",
            ENVIRONMENT,
        )
    return round(SEVERAL * share / (several - 1))


def committed() -> dict[str, Any]:
    """Return what was measured once."""
    if not COMMITTED.is_file():
        raise WorkshopError(
            "No run is committed yet, and a quick one could not say how rare"
            f" an alarm is: `{COMMAND}` takes about half an hour.",
            ENVIRONMENT,
        )
    return results.read(COMMITTED)


def earlier(path: Path | None, plan: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an interrupted run with the same plan has left, if any."""
    if path is None or not path.is_file():
        return {}
    with contextlib.suppress(ValueError, KeyError, TypeError):
        left: dict[str, Any] = json.loads(path.read_text("utf-8"))
        same = {key: left["plan"].get(key) for key in plan} == plan
        done = left["complete"] and left["valid"]
        if same and left["plan"].get("turns") and not done:
            return left
    return {}


def summary(kind: str, found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what was said in all comparisons of one kind."""
    alarms = sum(trial["p"] <= LEVEL for trial in found)
    words = [trial["verdict"] for trial in found]
    ratios = [trial["ratio"] for trial in found]
    return {
        "name": kind,
        "comparisons": len(found),
        "alarms": alarms,
        "rate": clopper_pearson(alarms, len(found)),
        "verdicts": {word: words.count(word) for word in WORDS},
        "ratio": statistics.median(ratios) if ratios else None,
        "trials": list(found),
    }
