"""Run what measures: say what is asked, show how far we are, keep the result.

Knows: progress, tables, machine facts, Ctrl-C, exit statuses, files.
Does not know: how a figure is measured.

A file in `experiments/` that measures in its own way has

    QUESTION = "What is asked?"
    COLUMNS = ["first column", ...]
    def measure(study): ...         # calls study.plan, study.tell, study.add
    def row(point): ...             # the cells of a point, as texts
    def sentences(result): ...      # the answer in words
    def picture(result): ...        # an SVG
    WORDS = "REV_A REV_B"           # only if it takes words: what they are
    def markdown(result): ...       # only if it writes for a pull request

`study.add(name=..., wrong=None, ...)` keeps a point: all that is known of one
row of the table, raw samples included. A point with `wrong` (a reason in
words) makes the run invalid: the row is red, and the exit status 1. So does
`beyond` (a budget, in words), but what was measured remains true. An
experiment of arms that race needs less: see `experiment.py`.
"""

import contextlib
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from workshop import screen
from workshop.bench import machine, results
from workshop.bench.servers import pinned
from workshop.errors import FAIL, INTERRUPTED, PASS, USAGE, WorkshopError
from workshop.hashes import sources
from workshop.steps import all_steps

QUIET = 0.5  # more load than this, before we began, is worth a word
INSTALLED = "WORKSHOP_INSTALLED"  # start.py says so on the run that did it
SOON = 2.0  # seconds between two lines of progress, where there is no terminal


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
    install: bool = False  # what it compares with may be installed
    words: Sequence[str] = ()  # what only this experiment understands
    worktree: bool = False  # the files as they are now are compared
    markdown: Path | None = None


@dataclass
class Study:
    """One run of an experiment, as far as it has come."""

    ROWS: ClassVar[str] = "points"  # what a result calls its rows

    name: str
    experiment: Any
    options: Options
    console: Console
    points: list[dict[str, Any]] = field(default_factory=list)
    plan: Any = None  # how much is measured: data for JSON
    core: int | None = None  # for a server alone; None: cannot be pinned
    pinning: str = "none"
    complete: bool = False

    def __post_init__(self) -> None:
        self.date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self.entered = self.began = self.told = time.monotonic()
        self.stolen = machine.stolen()
        self.machine = machine.facts()
        self.sources = {s.number: sources(s.folder) for s in all_steps()}
        self.shown: Progress | None = None

    @property
    def quick(self) -> bool:
        return self.options.quick

    def measure(self) -> None:
        """Let the experiment measure, with a core kept for its server."""
        with contextlib.ExitStack() as stack:
            self.pin(stack.enter_context(pinned()))
            self.introduce()
            stack.enter_context(self.progress())
            self.experiment.measure(self)
        self.complete = True

    def pin(self, core: int | None) -> None:
        """Note the core that servers have alone."""
        self.core = core
        if core is not None:
            self.pinning = f"server on core {core}, generator on others"

    # What an experiment calls while it measures

    def add(self, **point: Any) -> None:
        """Keep a point; it has a `name`, and `wrong` if it is not valid."""
        self.points.append({"wrong": None, **point})

    def tell(self, text: str, share: float) -> None:
        """Say what is measured now, and which share is done (0 to 1)."""
        now = time.monotonic()
        took = now - self.began
        left = f", about {took / share - took:.0f} s left" if share else ""
        if self.shown:
            (task,) = self.shown.task_ids
            self.shown.update(
                task, description=text + left, completed=share * 100
            )
        elif now - self.told >= SOON:
            self.told = now
            self.say(f"{share:.0%} done: {text}{left}")

    # What is the same for all

    def introduce(self) -> None:
        """Say what is asked, and on which machine."""
        facts = self.machine
        self.console.print(
            f"[bold]{self.experiment.QUESTION}[/]", highlight=False
        )
        self.say(
            f"{facts['cpu']}, {facts['cores']} cores, {facts['system']},"
            f" {facts['python']}, {facts['loop']}; battery:"
            f" {facts['battery']}; pinning: {self.pinning}."
        )

    @contextlib.contextmanager
    def progress(self) -> Iterator[None]:
        """Draw a bar while we measure, where there is a terminal."""
        self.began = time.monotonic()
        if not self.console.is_terminal:
            yield
            return
        columns = (
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
        )
        with Progress(*columns, console=self.console, transient=True) as shown:
            shown.add_task("", total=100)
            self.shown = shown
            yield
        self.shown = None

    def result(self) -> dict[str, Any]:
        """Return all that is known so far, as data for JSON."""
        body = self.body()
        result = {
            "experiment": self.name,
            "question": self.experiment.QUESTION,
            "format": results.FORMAT,
            "date": self.date,
            "command": self.command(),
            "complete": self.complete,
            "valid": not any(row["wrong"] for row in body[self.ROWS]),
            "machine": {
                **self.machine,
                "pinning": self.pinning,
                "stolen_percent": self.stolen_percent(),
            },
            **body,
        }
        # Whoever interrupts us gets no conclusion.
        right = self.complete and result["valid"]
        said = self.experiment.sentences(result) if right else []
        return {**result, "sentences": said}

    def body(self) -> dict[str, Any]:
        """Return what this kind of result has and others have not."""
        return {
            "sources": self.sources,
            "plan": self.plan,
            self.ROWS: self.points,
        }

    def command(self) -> str:
        """Return how to take this result again."""
        options = self.options
        words = ["python3 start.py bench", self.name, *options.words]
        words += ["--worktree"] if options.worktree else []
        words += [f"--step {step}" for step in options.steps]
        return " ".join(words + (["--quick"] if self.quick else []))

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
        rows = result[self.ROWS]
        first, *others = self.experiment.COLUMNS
        table = screen.table(first, *(f">{column}" for column in others))
        for row in rows:
            style = "red" if row["wrong"] or row.get("beyond") else None
            table.add_row(*self.experiment.row(row), style=style)
        self.console.print(table)
        for row in rows:
            if row["wrong"]:
                self.say(f"WRONG: {row['name']}: {row['wrong']}.", "red")
            if row.get("beyond"):
                self.say(f"BEYOND: {row['name']}: {row['beyond']}.", "red")
        self.caption(result)
        for sentence in result["sentences"]:
            self.say(sentence, "bold")
        if not self.complete:
            self.say("Interrupted: the servers are ended.", "yellow")

    def caption(self, result: dict[str, Any]) -> None:
        """Say how far the figures can be trusted."""
        others = result["machine"]["load_average"]
        if not others or others <= QUIET:
            return
        busy, where = "busy with other work", "on a quiet one"
        if INSTALLED in os.environ:
            busy, where = "still busy from the installation", "on another run"
        self.say(
            f"This machine was {busy} (load {others}) when we began: that"
            " makes dear rungs look dearer. Take figures that you keep"
            f" {where}.",
            "yellow",
        )

    def measured(self) -> bool:
        """Return whether there is anything to draw."""
        return bool(self.points)

    def say(self, sentence: str, style: str = "") -> None:
        self.console.print(
            sentence, style=style or None, markup=False, highlight=False
        )


def chosen(words: Sequence[str], known: Sequence[str]) -> str:
    """Return the one word that was given, or else the first that is known."""
    word, *others = words or known[:1]
    if word not in known or others:
        raise WorkshopError(
            f"Choose one: {', '.join(known[:-1])} or {known[-1]}.", USAGE
        )
    return word


def new_console() -> Console:
    """Return a console for what is written now."""
    return screen.made(sys.stdout)


def conduct(study: Study) -> int:
    """Measure, show and keep; return the exit status."""
    with contextlib.suppress(KeyboardInterrupt):
        study.measure()
    result = study.result()
    study.show(result)
    options = study.options
    if options.json:
        results.write(options.json, result)
    if options.svg and study.measured():
        keep(options.svg, study.experiment.picture(result))
    if options.markdown:
        keep(options.markdown, study.experiment.markdown(result))
    if not study.complete:
        return INTERRUPTED
    beyond = any(row.get("beyond") for row in result[study.ROWS])
    return PASS if result["valid"] and not beyond else FAIL


def keep(path: Path, text: str) -> None:
    """Write what was drawn or said."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8", newline="\n")
