"""The verbs of the workshop: list, serve, dev check, diff, ladder, docs...

Knows: words on the command line, exit statuses, Ctrl-C.
Does not know: how a verb does its work; modules are loaded when needed.
"""

import contextlib
import errno
import importlib
import os
import pkgutil
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from workshop import screen, verbs, views
from workshop.errors import (
    ENVIRONMENT,
    FAIL,
    INTERRUPTED,
    PASS,
    USAGE,
    WorkshopError,
)
from workshop.screen import say
from workshop.steps import ROOT, all_steps, find
from workshop.verbs import START, WITH_HELP, app, dev, need, verb

if TYPE_CHECKING:
    from workshop.bench.study import Options
    from workshop.serving import Target

SERVE_GRACE = 12.0  # seconds: more than a step gives its own requests
# Why nothing more can be said. An error that names a file is of another kind.
FULL = (errno.ENOSPC, errno.EFBIG, errno.EIO, errno.EBADF)
# How click says that a word is no number, and what is said in its place.
KINDS = {"int": "whole number", "integer": "whole number", "float": "number"}
NO_NUMBER = re.compile(r" is not a valid (int|integer|float)(?: range)?$")
# typer brings its own copy of click, or asks for click, as its version goes.
UsageError: Any = typer.BadParameter.__base__

Quick = Annotated[
    bool, typer.Option("--quick", help="Under 45 seconds, wider intervals.")
]
Json = Annotated[
    Path | None, typer.Option(help="Write the result, with raw samples.")
]
Svg = Annotated[Path | None, typer.Option(help="Write the picture.")]
LoadOption = Annotated[
    Literal["auto", "builtin", "wrk"],
    typer.Option(help="Which load generator."),
]


@app.callback(invoke_without_command=True, context_settings=WITH_HELP)
def top(
    context: typer.Context,
    plain: Annotated[  # `main` has taken it from the words by now.
        bool,
        typer.Option(
            "--plain",
            help="Draw nothing: ASCII, one fact a line. After a verb, too.",
        ),
    ] = False,
) -> int:
    """Build an async web framework in ten minutes, and see its price.

    \b
    Begin with:
      python3 start.py begin        your own folder, and the first task
      python3 start.py check        are you right, and what did it cost?
      python3 start.py hint         when you are stuck
    Each verb has --help, with examples. `start.py test` runs the suite.
    """
    return help_unless_verb(context)


@dev.callback(invoke_without_command=True, context_settings=WITH_HELP)
def top_of_dev(context: typer.Context) -> int:
    """Check the steps, or your own folder.

    \b
    Example:
      python3 start.py dev check 03
    """
    return help_unless_verb(context)


def help_unless_verb(context: typer.Context) -> int:
    if context.invoked_subcommand is None:
        print(context.get_help())
    return PASS


def main(words: list[str] | None = None) -> int:
    """Run a verb; return its exit status, after one sentence if it fails."""
    plain, words = screen.parted(sys.argv[1:] if words is None else words)
    if sys.stdout is None:  # It was closed by who called us: `list >&-`.
        screen.complain(unwritten("it is closed"))
        return ENVIRONMENT
    with screen.prepared(plain):
        try:
            return run(words)
        except OSError as error:
            if error.errno not in FULL or error.filename:
                raise
            screen.complain(unwritten(os.strerror(error.errno)))
            mute()
            return ENVIRONMENT


def unwritten(reason: str) -> str:
    """Return the sentence for an output that takes nothing."""
    return f"The output cannot be written ({reason}): choose another one."


def mute() -> None:
    """Let nobody get what is still to be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run(words: list[str]) -> int:
    """Run a verb whose words have been read."""
    with contextlib.suppress(BrokenPipeError), of_pipes(), ended_kindly():
        try:
            refuse_empty(words)
            status = app(words, prog_name="workshop", standalone_mode=False)
            sys.stdout.flush()
            return int(status or PASS)
        except WorkshopError as error:
            screen.complain(str(error))
            return error.status
        except UsageError as error:
            screen.complain(usage(error, words))
            return USAGE
    # Who reads our output has seen enough: `workshop diff 02 03 | head`.
    mute()
    return PASS


@contextlib.contextmanager
def of_pipes() -> Iterator[None]:
    """Call it a broken pipe, what Windows calls an invalid argument."""
    try:
        yield
    except OSError as error:
        if sys.platform == "win32" and error.errno == errno.EINVAL:
            raise BrokenPipeError from error
        raise


def refuse_empty(words: list[str]) -> None:
    """Refuse an option whose value is empty: as a path it would be here."""
    for word, value in pairwise([*words, "."]):
        option, given, rest = word.partition("=")
        if option.startswith("--") and (value == "" or (given and not rest)):
            raise WorkshopError(
                f"{option} is given nothing: give it a value, or look whether"
                " a variable of your shell is empty.",
                USAGE,
            )


def usage(error: Any, words: list[str]) -> str:
    """Return one sentence for words that cannot be understood."""
    said = error.format_message().rstrip(".")
    said = NO_NUMBER.sub(lambda found: f" is no {KINDS[found[1]]}", said)
    path = error.ctx.command_path if error.ctx else meant(words)
    shown = path.replace("workshop", START, 1)
    stop = "" if said.endswith("?") else ":"
    return f"{said}{stop} `{shown} --help` shows what can be said."


def meant(words: list[str]) -> str:
    """Return the verb that was typed, where the error does not tell it."""
    count = 2 if words[:1] == ["dev"] else 1
    names = [word for word in words[:count] if not word.startswith("-")]
    return " ".join(["workshop", *names])


@contextlib.contextmanager
def ended_kindly() -> Iterator[None]:
    """Take a signal to end for Ctrl-C, so that our servers end with us."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    numbers = [getattr(signal, n, None) for n in ("SIGTERM", "SIGHUP")]
    before = {n: signal.signal(n, leave) for n in numbers if n is not None}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# Verbs


@verb("list", "list")
def list_steps() -> int:
    """List the steps: their subject, lines of code and tests."""
    screen.console().print(views.steps(all_steps()))
    return PASS


@verb("serve", "serve 03", "serve 03 --port 0", "serve work --port 8001")
def serve(
    target: Annotated[
        str, typer.Argument(metavar="STEP", help="A step (03) or a folder.")
    ],
    port: Annotated[
        int,
        typer.Option(help="0 takes any free port.", min=0, max=65535),
    ] = 8000,
    host: Annotated[
        str, typer.Option(help="The address to listen at.")
    ] = "127.0.0.1",
) -> int:
    """Serve a step, or a folder of yours, until Ctrl-C."""
    from workshop import ports, serving

    chosen = serving.target(target)
    if chosen.folder is None:
        raise WorkshopError(f"{target} is a URL: it is served already.")
    ports.check(host, port)
    env = {"HOST": host, "PORT": str(port)}
    with serving.launched(
        chosen.folder, env=env, grace=SERVE_GRACE, echo=True
    ) as running:
        url = ports.reachable(running.url)
        say(f"Try: curl -i {url}/hello/you  (Ctrl-C ends it.)")
        if port not in (0, running.port):
            say(f"It listens on a port of its own: PORT says {port}.")
        status = serving.wait(running.process)
    raise WorkshopError(
        f"{chosen.name} ended by itself, with status {status}.", FAIL
    )


@verb(
    "check",
    "dev check",
    "dev check 03",
    "dev check 02 --target work",
    "dev check --target http://127.0.0.1:8000",
    at=dev,
)
def check(
    step: Annotated[
        str | None,
        typer.Argument(metavar="STEP", help="Only steps up to this one."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(help="A step, a folder or a URL, instead of the steps."),
    ] = None,
    examples: Annotated[
        bool,
        typer.Option(
            "--examples",
            help="Run the examples of all verbs instead, in a copy.",
        ),
    ] = False,
) -> int:
    """Check the promises, each on the steps that have to keep it.

    A promise is a test of a step. It has to fail on the step before and to
    hold on all later ones. With --target, what you name has to keep the
    promises; then the wire rows are tried on it. Without any word the course
    itself is looked through: tasks, hints, notes, files, help of verbs.
    """
    from workshop import checking, linter

    need("pytest")
    if examples:
        from workshop.examples import report

        if step or target:
            raise WorkshopError(
                "All examples are run: give --examples alone.", USAGE
            )
        return report(typer.main.get_command(app))
    through, chosen = asked(step, target)
    judged = chosen.name if chosen else "the steps"
    say(f"Promises of steps 01 to {through}, on {judged}", "bold")
    if chosen:
        checking.starts(chosen)
    tally = views.Tally()
    for promise in checking.promises(through, chosen):
        tally.show(promise)
    for one in [chosen] if chosen else checking.references(through):
        tally.show_rows(checking.judge_rows(one, through))
    status = tally.conclude()
    if step is None and target is None:
        status = max(status, linter.report(linter.findings(all_steps(), app)))
    return status


def asked(step: str | None, target: str | None) -> tuple[str, "Target | None"]:
    """Return up to which step, and what, is judged."""
    from workshop import checking, serving

    if (
        step
        and target is None
        and ("://" in step or serving.meant(step).is_dir())
    ):
        with contextlib.suppress(WorkshopError):
            return find(step).number, None
        raise WorkshopError(
            f"{step!r} is no step: `{START} dev check --target {step}` judges"
            " a folder or a URL."
        )
    return checking.asked(step, target)


@verb(
    "diff",
    "diff 02 03",
    "diff 02 03 > 03.patch",
    "diff --mine",
)
def diff(
    old: Annotated[
        str | None,
        typer.Argument(
            metavar="OLD", help="A step (03, parsing) or a folder."
        ),
    ] = None,
    new: Annotated[
        str | None, typer.Argument(metavar="NEW", help="Another one.")
    ] = None,
    stat: Annotated[
        bool, typer.Option("--stat", help="Count lines only.")
    ] = False,
    side_by_side: Annotated[
        bool, typer.Option("--side-by-side", help="Old left, new right.")
    ] = False,
    hunks: Annotated[
        bool, typer.Option("--hunks", help="Number the hunks.")
    ] = False,
    whole: Annotated[
        bool,
        typer.Option("--all", help="Every file, also those only named."),
    ] = False,
    mine: Annotated[
        bool,
        typer.Option("--mine", help="From work/ to the solution of its step."),
    ] = False,
) -> int:
    """Show what changes from one step to another.

    The code alone: app.py, rooms, and extensions that are shown on stage;
    others are named. Printed to a file, it is a patch for `git apply`.
    """
    from workshop import diffs

    old, new, before, after = two_sides(old, new, mine)
    if sum((stat, side_by_side, hunks)) > 1:
        raise WorkshopError(
            "--stat, --side-by-side and --hunks are three ways to see a"
            " diff: give one of them."
        )
    every = diffs.compare(before, after, whole)
    found, named = (every, []) if whole else diffs.staged(every)
    if not found and not named:
        say(f"{old} and {new} have the same code.")
    elif stat:
        views.stat(found)
    elif side_by_side:
        views.side_by_side(found)
    elif hunks:
        views.hunks(found)
        if mine:
            screen.remark("`solve --hunk` has other numbers: see its --help.")
    else:
        views.patch(found)
    if named:
        views.named(named)
    return PASS


def two_sides(
    old: str | None, new: str | None, mine: bool
) -> tuple[str, str, Path, Path]:
    """Return what a diff compares: two names, two folders."""
    from workshop import serving, work

    if mine and (old or new):
        raise WorkshopError(
            "--mine compares work/ with its step: give either --mine, or two"
            " steps or folders."
        )
    if mine:
        step = work.step()
        return work.folder().name, step.number, work.folder(), step.folder
    if old is None or new is None:
        raise WorkshopError(
            "A diff needs two steps or folders, as in"
            f" `{START} diff 02 03`; or --mine, once a step was begun."
        )
    before, after = (serving.target(word).folder for word in (old, new))
    if before is None or after is None:
        raise WorkshopError("A URL has no files: give steps or folders.")
    return old, new, before, after


@verb(
    "ladder",
    "ladder --quick",
    "ladder 01 03 05",
    "ladder --json ladder.json --svg ladder.svg",
    "ladder --target work",
    "ladder --mine",
)
def ladder(
    steps: Annotated[
        list[str] | None,
        typer.Argument(metavar="STEPS", help="Only these steps."),
    ] = None,
    quick: Quick = False,
    json: Json = None,
    svg: Svg = None,
    load: LoadOption = "auto",
    target: Annotated[
        str | None,
        typer.Option(help="A folder of yours, between the steps."),
    ] = None,
    mine: Annotated[
        bool, typer.Option("--mine", help="The same as --target work.")
    ] = False,
) -> int:
    """Climb the ladder: what does each step buy, and what does it cost?"""
    from workshop import checking, serving, work
    from workshop.bench.study import Options

    if mine and target:
        raise WorkshopError("--mine is --target work: give one of the two.")
    if mine:
        work.progress()  # A sentence, if nothing was begun.
        target = str(work.folder())

    words = tuple(find(word).number for word in steps or ())
    if target:
        checking.starts(serving.target(target))
    return bench("ladder", Options(quick, json, svg, load, target, words))


@verb(
    "bench",
    "bench",
    "bench extensions --quick",
    "bench compare --worktree",
)
def bench_verb(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Which, or all; else a list."),
    ] = None,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="WORDS", help="What the experiment is about."),
    ] = None,
    quick: Quick = False,
    json: Json = None,
    svg: Svg = None,
    load: LoadOption = "auto",
    install: Annotated[
        bool,
        typer.Option("--install", help="Install what it compares with."),
    ] = False,
    worktree: Annotated[
        bool,
        typer.Option("--worktree", help="Compare: B is the files as now."),
    ] = False,
    step: Annotated[
        str | None, typer.Option(help="Compare: another step than 05.")
    ] = None,
    markdown: Annotated[
        Path | None,
        typer.Option(help="Compare: write it for a pull request."),
    ] = None,
) -> int:
    """Run an experiment of step 05, or list them with their questions."""
    from workshop.bench import experiment
    from workshop.bench.study import Options

    if name is None:
        known = screen.table("experiment", "what is asked")
        for each in experiment.names():
            known.add_row(each, experiment.find(each).QUESTION)
        screen.console().print(known)
        return PASS
    more = Options(
        quick,
        json,
        svg,
        load,
        steps=(find(step).number,) if step else (),
        install=install,
        words=tuple(words or ()),
        worktree=worktree,
        markdown=markdown,
    )
    if name == "all":
        return bench_all(more)
    return bench(name, more)


def bench_all(options: "Options") -> int:
    """Run one experiment after the other; return the worst status."""
    from workshop.bench import experiment

    if options.words:
        raise WorkshopError(
            f"All experiments take no {options.words[0]!r}: name one of them,"
            f" as `{START} bench` lists them, and what it is about."
        )
    if options.json or options.svg:
        raise WorkshopError(
            "All experiments do not fit one file: name one of them with"
            " --json and --svg."
        )
    worst = PASS
    for name in experiment.names():
        try:
            status = bench(name, options)
        except WorkshopError as error:  # The others may be possible here.
            screen.complain(str(error))
            status = error.status
        if status == INTERRUPTED:
            return status
        worst = max(worst, status)
    return worst


def bench(name: str, options: "Options") -> int:
    """Run an experiment by the engine."""
    from workshop.bench.experiment import run

    can_be_written(options.json, options.svg, options.markdown)
    return run(name, options)


def can_be_written(*paths: Path | None) -> None:
    """Raise a sentence, before we measure, if a file cannot be written."""
    for path in paths:
        if path is None:
            continue
        if not path.parent.is_dir():
            raise WorkshopError(
                f"There is no folder {path.parent} to write {path.name} to:"
                " make it first, or choose another."
            )
        if path.is_dir():
            raise WorkshopError(
                f"{path} is a folder: name a file in it to write to."
            )
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise WorkshopError(
                f"{path} may not be written: choose a file that may.",
                ENVIRONMENT,
            )


def can_be_filled(folder: Path) -> None:
    """Raise a sentence, before mkdocs does not, if a folder takes no files."""
    try:
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise WorkshopError(
            f"{folder} cannot be written ({error.strerror}): correct that,"
            " then give the command again.",
            ENVIRONMENT,
        ) from None


@verb("memory", "memory", "memory 01 05", "memory --json memory.json")
def memory(
    steps: Annotated[
        list[str] | None,
        typer.Argument(metavar="STEPS", help="Only these steps."),
    ] = None,
    json: Json = None,
) -> int:
    """Measure what a connection costs a server in memory."""
    from workshop.bench import memory

    chosen = [find(word) for word in steps or ()]
    can_be_written(json)
    return memory.run(chosen or all_steps(), json)


@verb("doctor", "doctor", "doctor --json doctor.json")
def doctor(json: Json = None) -> int:
    """Examine this machine: can it measure, and how far to believe it?

    One fact a line, with a fix where it is not good. It takes some ten
    seconds: step 01 races against itself.
    """
    from workshop.bench import doctor

    can_be_written(json)
    return doctor.run(json)


@verb("docs", "docs", "docs --port 8010", "docs --build")
def docs(
    port: Annotated[
        int, typer.Option(help="Where to serve the site.", min=0, max=65535)
    ] = 8008,
    build: Annotated[
        bool, typer.Option("--build", help="Write it to site/ instead.")
    ] = False,
) -> int:
    """Serve the site on this machine, or build it."""
    from workshop import ports, serving

    need("mkdocs")
    words = ["build", "--strict"]
    if build:
        can_be_filled(ROOT / "site")
    else:
        port = ports.check("127.0.0.1", port)
        words = ["serve", f"--dev-addr=127.0.0.1:{port}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "mkdocs", *words],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        **serving.apart(),
    )
    try:
        status = serving.wait(process)
    finally:
        serving.end(process)
    return FAIL if status else PASS


for found in pkgutil.iter_modules(verbs.__path__):
    importlib.import_module(f"{verbs.__name__}.{found.name}")
