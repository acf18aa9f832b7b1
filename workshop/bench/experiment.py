"""Let arms race, from the question of an experiment to its answer in words.

Knows: the files in `experiments/`, rounds of launches, what is said of arms.
Does not know: what is asked, what a step is made of.

An experiment is a file that says what is asked (`QUESTION`), of whom
(`arms(options)`), how long (`QUICK`, `FULL`), what is shown of a result
(`COLUMNS`, `row(arm)`, `picture(result)`) and what is concluded from it
(`sentences(result)`). `LOAD` names the generator that `auto` is, where only
one can ask for all. One that measures in its own way has `measure(study)`
instead of arms: see `study.py`.

    from workshop.bench.experiment import Options, run
    status = run("ladder", Options(quick=True, load="auto"))

The status is 0, or 1 if an answer was wrong, or 130 if it was interrupted;
WorkshopError tells of anything else.
"""

import contextlib
import importlib.util
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol, cast

from rich.console import Console

from workshop.bench import descriptors, measure, report
from workshop.bench.arms import Arm
from workshop.bench.measure import Plan, Race
from workshop.bench.servers import pinned
from workshop.bench.study import Options, Study, conduct, new_console
from workshop.errors import USAGE, WorkshopError
from workshop.steps import all_steps


class Experiment(Protocol):
    """What a file in `experiments/` has."""

    QUESTION: str
    QUICK: Plan
    FULL: Plan
    COLUMNS: Sequence[str]
    WIRE: bool

    def arms(self, options: Options) -> list[Arm]: ...
    def row(self, arm: dict[str, Any]) -> list[str]: ...
    def sentences(self, result: dict[str, Any]) -> list[str]: ...
    def picture(self, result: dict[str, Any]) -> str: ...


def folder() -> Path:
    """Return where the experiments are: in the last step."""
    return all_steps()[-1].folder / "experiments"


def names() -> list[str]:
    """Return the experiments that there are."""
    return sorted(path.stem for path in folder().glob("[!_]*.py"))


def find(name: str) -> Experiment:
    """Load the experiment of that name."""
    path = folder() / f"{name}.py"
    if name not in names():
        known = ", ".join(names())
        raise WorkshopError(
            f"There is no experiment {name!r}: choose one of {known}."
        )
    spec = importlib.util.spec_from_file_location(f"experiment_{name}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return cast(Experiment, module)


@dataclass
class Lab(Study):
    """One run of an experiment on arms, as far as it has come."""

    ROWS: ClassVar[str] = "arms"

    arms: list[Arm] = field(default_factory=list)
    facts: dict[str, report.Facts] = field(default_factory=dict)
    race: Race = field(default_factory=lambda: Race([]))
    load: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        experiment, options = self.experiment, self.options
        plan = experiment.QUICK if options.quick else experiment.FULL
        self.plan = replace(plan, rounds=options.rounds or plan.rounds)

    def measure(self) -> None:
        """Find the facts of all arms, then let them race."""
        options, plan = self.options, self.plan
        self.arms = self.experiment.arms(options)
        self.race = Race([arm.name for arm in self.arms])
        descriptors.allow(max(arm.case.connections for arm in self.arms))
        with contextlib.ExitStack() as stack:
            core = stack.enter_context(pinned())
            word = options.load
            if word == "auto":  # Not every generator can ask for all.
                word = getattr(self.experiment, "LOAD", word)
            load = measure.generator(word, plan.connections)
            stack.enter_context(load)
            cores = (os.cpu_count() or 1) - 1
            self.load = load.name
            self.pin(core)
            self.introduce()
            stack.enter_context(self.progress())
            for arm in self.arms:
                self.tell(f"facts of {arm.name}", 0)
                found = report.facts(arm, self.experiment.WIRE)
                self.facts[arm.name] = found
                if found.wrong:
                    self.race.wrong[arm.name] = found.wrong
            self.began = time.monotonic()
            measure.enough(self.arms[0], load, plan, core, cores)
            self.load = load.name
            measure.run(self.race, self.arms, load, plan, core, self.tell)
        self.complete = True

    def introduce(self) -> None:
        """Say what is asked, on which machine, and how much is measured."""
        super().introduce()
        plan = self.plan
        self.say(
            f"Load: {self.load}, {plan.connections} connections;"
            f" {plan.rounds} rounds of {plan.seconds:g} s."
        )

    def known(self) -> list[dict[str, Any]]:
        """Return what is known of each arm, as data for JSON."""
        known: list[dict[str, Any]] = []
        below = None
        for arm in self.arms:
            facts = self.facts.get(arm.name, report.Facts())
            known.append(report.arm_data(arm, facts, self.race, below))
            below = below if arm.beside else arm.name
        return known

    def body(self) -> dict[str, Any]:
        """Return the plan, the noise, and what is known of each arm."""
        return {
            "plan": report.plan_data(self.plan, self.load, self.arms),
            "noise": report.noise_data(self.race),
            self.ROWS: self.known(),
        }

    def command(self) -> str:
        """Return how to take this result again."""
        options = self.options
        words = ["python3 start.py bench", self.name]
        if self.name == "ladder":
            words = ["python3 start.py ladder", *options.steps]
        words += ["--quick"] if options.quick else []
        words += ["--target", options.target] if options.target else []
        return " ".join([*words, "--load", options.load])

    def caption(self, result: dict[str, Any]) -> None:
        """Say how far the figures can be trusted."""
        for arm in result["arms"]:
            if not arm["wrong"] and not arm["busy"]:
                self.say(
                    f"UNCLEAR: {arm['name']} slept {arm['switches']:.2f}"
                    " times a request: the generator was too slow.",
                    "yellow",
                )
        noise, stolen = result["noise"], result["machine"]["stolen_percent"]
        switches = [arm["switches"] or 0 for arm in result["arms"]]
        if noise:
            self.say(
                f"Noise: a second copy of {result['arms'][0]['name']} was up"
                f" to {noise['limit']:.1%} away from the first; the servers"
                f" went to sleep at most {max(switches):.3f} times a request;"
                f" stolen by the host: {stolen or 0:g}%."
            )
        super().caption(result)

    def measured(self) -> bool:
        """Return whether there is a sample."""
        return bool(self.race.samples)


def run(name: str, options: Options | None = None) -> int:
    """Run the experiment of that name; return the exit status."""
    return conduct(lab(name, options or Options()))


def lab(
    name: str,
    options: Options,
    experiment: Experiment | None = None,
    console: Console | None = None,
) -> Study:
    """Return the run of an experiment: of arms, or one of its own kind."""
    found, paper = experiment or find(name), console or new_console()
    if not hasattr(found, "WORDS"):
        refuse(name, *options.words, "--worktree" * options.worktree)
    if not hasattr(found, "markdown"):
        refuse(name, "--markdown" if options.markdown else "")
    # An experiment may also import the module of that name.
    own = callable(getattr(found, "measure", None))
    kind = Study if own else Lab
    return kind(name, found, options, paper)


def refuse(name: str, *words: str) -> None:
    """Raise a sentence for the first word that an experiment cannot take."""
    for word in filter(None, words):
        raise WorkshopError(
            f"{name} takes no {word!r}: `python3 start.py bench {name} --help`"
            " shows what can be said.",
            USAGE,
        )
