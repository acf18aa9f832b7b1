"""Run an experiment from its question to its answer in words.

Knows: the files in `experiments/`, progress, tables, Ctrl-C, exit statuses.
Does not know: what is asked, what a step is made of.

An experiment is a file that says what is asked (`QUESTION`), of whom
(`arms(options)`), how long (`QUICK`, `FULL`), what is shown of a result
(`COLUMNS`, `row(arm)`, `picture(result)`) and what is concluded from it
(`sentences(result)`). All else is here.

    from workshop.bench.experiment import Options, run
    status = run("ladder", Options(quick=True, load="auto"))

The status is 0, or 1 if an answer was wrong, or 130 if it was interrupted;
WorkshopError tells of anything else.
"""

import contextlib
import importlib.util
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, cast

from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from workshop.bench import machine, measure, report, results
from workshop.bench.arms import Arm
from workshop.bench.measure import Plan, Race
from workshop.bench.servers import pinned
from workshop.errors import FAIL, INTERRUPTED, PASS, WorkshopError
from workshop.steps import all_steps

QUIET = 0.5  # more load than this, before we began, is worth a word
WIDE = 100  # columns, where the output is no terminal


@dataclass(frozen=True)
class Options:
    """What the command line can ask for."""

    quick: bool = False
    json: Path | None = None
    svg: Path | None = None
    load: str = "auto"  # or builtin, or wrk
    target: str | None = None  # a folder that takes part
    steps: Sequence[str] = ()  # none: all
    rounds: int | None = None  # None: as many as the experiment wants


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
class Lab:
    """One run of an experiment, as far as it has come."""

    name: str
    experiment: Experiment
    options: Options
    console: Console
    arms: list[Arm] = field(default_factory=list)
    facts: dict[str, report.Facts] = field(default_factory=dict)
    race: Race = field(default_factory=lambda: Race([]))
    load: str = ""
    pinning: str = "none"
    complete: bool = False

    def __post_init__(self) -> None:
        experiment, options = self.experiment, self.options
        plan = experiment.QUICK if options.quick else experiment.FULL
        self.plan = replace(plan, rounds=options.rounds or plan.rounds)
        self.date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self.entered = self.began = time.monotonic()
        self.stolen = machine.stolen()
        self.machine = machine.facts()

    def measure(self) -> None:
        """Find the facts of all arms, then let them race."""
        options, plan = self.options, self.plan
        self.arms = self.experiment.arms(options)
        self.race = Race([arm.name for arm in self.arms])
        launches = plan.rounds * (len(self.arms) + 1)
        with contextlib.ExitStack() as stack:
            core = stack.enter_context(pinned())
            load = measure.generator(options.load, plan.connections)
            stack.enter_context(load)
            cores = (os.cpu_count() or 1) - 1
            self.load = load.name
            if core is not None:
                self.pinning = f"server on core {core}, generator on others"
            self.introduce()
            tell = stack.enter_context(self.progress(launches))
            for arm in self.arms:
                tell(f"facts of {arm.name}", 0)
                found = report.facts(arm, self.experiment.WIRE)
                self.facts[arm.name] = found
                if found.wrong:
                    self.race.wrong[arm.name] = found.wrong
            self.began = time.monotonic()
            measure.enough(self.arms[0], load, plan, core, cores)
            self.load = load.name
            measure.run(self.race, self.arms, load, plan, core, tell)
        self.complete = True

    def introduce(self) -> None:
        """Say what is asked, and on which machine."""
        facts, plan, console = self.machine, self.plan, self.console
        console.print(f"[bold]{self.experiment.QUESTION}[/]", highlight=False)
        console.print(
            f"{facts['cpu']}, {facts['cores']} cores, {facts['system']},"
            f" {facts['python']}, {facts['loop']}; battery:"
            f" {facts['battery']}; pinning: {self.pinning}; load:"
            f" {self.load}, {plan.connections} connections; {plan.rounds}"
            f" rounds of {plan.seconds:g} s.",
            highlight=False,
        )

    @contextlib.contextmanager
    def progress(self, launches: int) -> Iterator[Any]:
        """Yield what to call before each launch."""
        if not self.console.is_terminal:
            yield self.plain_progress
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.console, transient=True) as shown:
            task = shown.add_task("", total=launches)

            def tell(text: str, number: int) -> None:
                shown.update(
                    task,
                    description=f"round {number + 1}: {text}",
                    completed=len(self.race.samples),
                )

            yield tell

    def plain_progress(self, text: str, number: int) -> None:
        """Say once a round how far we are."""
        done = len(self.race.samples)
        each = len(self.arms) + 1
        if number and done % each == 0:
            seconds = time.monotonic() - self.began
            left = seconds / number * (self.plan.rounds - number)
            self.console.print(
                f"round {number + 1} of {self.plan.rounds},"
                f" about {left:.0f} s left"
            )

    def result(self) -> dict[str, Any]:
        """Return all that is known so far, as data for JSON."""
        race, known = self.race, []
        below = None
        for arm in self.arms:
            facts = self.facts.get(arm.name, report.Facts())
            known.append(report.arm_data(arm, facts, race, below))
            below = below if arm.beside else arm.name
        result = {
            "experiment": self.name,
            "question": self.experiment.QUESTION,
            "format": results.FORMAT,
            "date": self.date,
            "command": self.command(),
            "complete": self.complete,
            "valid": not any(arm["wrong"] for arm in known),
            "machine": {
                **self.machine,
                "pinning": self.pinning,
                "stolen_percent": self.stolen_percent(),
            },
            "plan": report.plan_data(self.plan, self.load, self.arms),
            "noise": report.noise_data(race),
            "arms": known,
        }
        # Whoever interrupts us gets no conclusion.
        right = self.complete and result["valid"]
        said = self.experiment.sentences(result) if right else []
        return {**result, "sentences": said}

    def command(self) -> str:
        """Return how to take this result again."""
        options = self.options
        words = ["python -m workshop bench", self.name]
        if self.name == "ladder":
            words = ["python -m workshop ladder", *options.steps]
        words += ["--quick"] if options.quick else []
        words += ["--target", options.target] if options.target else []
        return " ".join([*words, "--load", options.load])

    def stolen_percent(self) -> float | None:
        """Return how much of all cores' time the host took from us."""
        now, cores = machine.stolen(), os.cpu_count() or 1
        if now is None or self.stolen is None:
            return None
        took = (time.monotonic() - self.entered) * cores
        return round(100 * (now - self.stolen) / took, 2)

    def show(self, result: dict[str, Any]) -> None:
        """Print the table, what is wrong with it, and the answer."""
        partial = "" if self.complete else " (partial: it was interrupted)"
        self.say(f"{self.name}{partial}", "bold")
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1))
        first, *others = self.experiment.COLUMNS
        table.add_column(first, no_wrap=True)
        for column in others:
            table.add_column(column, justify="right")
        for arm in result["arms"]:
            style = "red" if arm["wrong"] else None
            table.add_row(*self.experiment.row(arm), style=style)
        self.console.print(table)
        for arm in result["arms"]:
            if arm["wrong"]:
                self.say(f"WRONG: {arm['name']}: {arm['wrong']}.", "red")
            elif not arm["busy"]:
                self.say(
                    f"UNCLEAR: {arm['name']} slept {arm['switches']:.2f}"
                    " times a request: the generator was too slow.",
                    "yellow",
                )
        self.caption(result)
        for sentence in result["sentences"]:
            self.say(sentence, "bold")
        if not self.complete:
            self.say("Interrupted: the servers are ended.", "yellow")

    def caption(self, result: dict[str, Any]) -> None:
        """Say how far the figures can be trusted."""
        noise, stolen = result["noise"], result["machine"]["stolen_percent"]
        switches = [arm["switches"] or 0 for arm in result["arms"]]
        if noise:
            self.say(
                f"Noise: a second copy of {result['arms'][0]['name']} was up"
                f" to {noise['limit']:.1%} away from the first; the servers"
                f" went to sleep at most {max(switches):.3f} times a request;"
                f" stolen by the host: {stolen or 0:g} %."
            )

        others = result["machine"]["load_average"]
        if others > QUIET:
            self.say(
                f"This machine was busy with other work (load {others}) when"
                " we began: that makes dear rungs look dearer. Take figures"
                " that you keep on a quiet one.",
                "yellow",
            )

    def say(self, sentence: str, style: str = "") -> None:
        self.console.print(
            sentence, style=style or None, markup=False, highlight=False
        )


def new_console() -> Console:
    """Return a console; a pipe is wide enough for the table."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDE)


def run(name: str, options: Options | None = None) -> int:
    """Run the experiment of that name; return the exit status."""
    return conduct(name, find(name), options or Options(), new_console())


def conduct(
    name: str, experiment: Experiment, options: Options, console: Console
) -> int:
    """Measure, show and keep; return the exit status."""
    lab = Lab(name, experiment, options, console)
    with contextlib.suppress(KeyboardInterrupt):
        lab.measure()
    result = lab.result()
    lab.show(result)
    if options.json:
        results.write(options.json, result)
    if options.svg and lab.race.samples:
        picture = experiment.picture(result)
        options.svg.parent.mkdir(parents=True, exist_ok=True)
        options.svg.write_text(picture, "utf-8", newline="\n")
    if not lab.complete:
        return INTERRUPTED
    return PASS if result["valid"] else FAIL
