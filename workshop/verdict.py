"""Judge the learner's folder: does it start, does it keep its promises?

Knows: the order of promises, tasks, wire rows, the price of a hello.
Does not know: how a verdict is shown; why a promise is broken.
"""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from workshop import (
    checking,
    course,
    diffs,
    explain,
    serving,
    tracebacks,
    wire,
)
from workshop.bench import Case
from workshop.bench.counts import Counts, count
from workshop.errors import WorkshopError
from workshop.exchange import Exchange
from workshop.explain import Explanation
from workshop.mistakes import Hidden, shown, syntax
from workshop.outcomes import Outcome, Seen
from workshop.serving import Target
from workshop.steps import Step, all_steps
from workshop.verbs import START

PATIENCE = 10.0  # seconds for one promise, and for the program to start
TEST = re.compile(r"^(?:async )?def (test_\w+)", re.M)
# Rows where nothing arrives that would wake a connection: somebody must look.
SWEPT = (23, 26)
SWEEP = "Is `expire` of each connection called, again and again?"
GIVEN = 32_768  # systems give free ports from here on, if asked for 0
STACK = 0.8  # of this patience; then Python writes where it stands
HELLO = Case(
    "hello",
    b"GET /hello/bench HTTP/1.1\r\nHost: localhost\r\n\r\n",
    content=b'{"message":"Hello bench"}',
)


@dataclass(frozen=True)
class Verdict:
    """What became of a folder: an explanation, unless all is kept."""

    kept: int
    explanation: Explanation | None = None


def judge(folder: Path, step: Step) -> Verdict:
    """Judge a folder by all promises up to a step; stop at the first."""
    try:
        startable(folder, step)
    except WorkshopError as error:
        task = None if isinstance(error, Hidden) else begins(step)
        if isinstance(error, NoApp):
            task = writes_app(step)
        return Verdict(0, explain.of_error(error, folder, task))
    verdict = promises(folder, step, checking.files(step.number))
    if verdict.explanation:
        return verdict
    return rows(folder, step, verdict.kept)


# Does it start?


class NoApp(WorkshopError):
    """There is a framework, and no program that uses it."""


def startable(folder: Path, step: Step) -> None:
    """Raise a sentence unless the folder's program starts and listens."""
    if not folder.is_dir() or not any(folder.glob("*.py")):
        for moved in sorted(folder.glob("*/pico.py")):
            raise WorkshopError(
                f"{shown(folder)} holds no .py file, but"
                f" {shown(moved.parent)} does: move what is in there to"
                f" {shown(folder)}."
            )
        raise WorkshopError(
            f"{shown(folder)} holds no program, no .py file at all: write"
            f" pico.py; `{START} hint` helps. What you had before a verb is"
            f" in `{START} undo --list`."
        )
    if not (folder / "pico.py").is_file():
        raise WorkshopError(
            f"{shown(folder)}/pico.py is not there: {again(step)}."
        )
    program = serving.main_file(folder)
    extensions = folder / "extensions"
    init = extensions / "__init__.py"
    if any(extensions.glob("*.py")) and not init.is_file():
        raise WorkshopError(
            f"{shown(init)} is not there: even an empty one"
            " makes a package of the folder, which is then imported."
        )
    for path in diffs.code(folder):
        syntax(folder / path)
    empty(program, step)
    if program.name == "pico.py" and serving.has_pico(folder):
        raise NoApp(
            f"{shown(folder)}/app.py is not there: pico.py has a class Pico"
            " now, so the program is an app that imports it."
        )
    with serving.launched(folder, patience=PATIENCE) as running:
        pass
    if running.port < GIVEN or written(running.port, folder):
        refuse_fixed(folder, program, running.port)


def written(port: int, folder: Path) -> bool:
    """Tell whether a port stands somewhere in the code, as 50000 or 50_000."""
    number = re.compile(rf"\b{port}\b")
    files = [folder / path for path in diffs.code(folder)]
    texts = [each.read_text("utf-8", "replace") for each in files]
    return any(number.search(text.replace("_", "")) for text in texts)


def refuse_fixed(folder: Path, program: Path, port: int) -> None:
    """Raise a sentence if a program listens on this port once more."""
    with serving.launched(folder, patience=PATIENCE) as running:
        pass
    if running.port == port:
        raise WorkshopError(
            f"{shown(program)} listens on the same port each time (port"
            f" {port}), though PORT says 0, any free one: where `run` is given"
            ' no port, take int(os.environ.get("PORT", "8000")).'
        )


def begins(step: Step) -> course.Task | None:
    """Return the task of a program that starts: later ones start already."""
    return None if course.before(step) else course.tasks(step)[0]


def writes_app(step: Step) -> course.Task | None:
    """Return the task of a step that is about app.py, if one is."""
    tasks = course.tasks(step)
    return next((t for t in tasks if t.symbol.startswith("app.")), None)


def empty(program: Path, step: Step) -> None:
    """Raise a sentence if there is nothing in a program."""
    if not program.read_bytes().strip():
        raise WorkshopError(f"{shown(program)} is empty: {again(step)}.")


def again(step: Step) -> str:
    """Say how a file comes back; undo might lead to an earlier step."""
    if course.before(step) is None:
        return "write it"
    return f"write it, or begin step {step.number} again: `{START} reset`"


# Promises


def promises(folder: Path, step: Step, nodeids: list[str]) -> Verdict:
    """Run these promises on a folder, until the first that is broken."""
    words = [
        *nodeids,
        "--learner",
        "-x",
        f"--through={step.number}",
        f"--target={folder}",
        f"--override-ini=faulthandler_timeout={PATIENCE * STACK}",
    ]
    kept: set[str] = set()
    try:
        for outcome in checking.reported(words, PATIENCE):
            name = test_name(outcome.nodeid)
            if outcome.word == "broken":
                kept.discard(name)
                return Verdict(len(kept), of(outcome, folder, step))
            if outcome.word == "kept":
                kept.add(name)
    except checking.Cut as cut:
        where = tracebacks.stuck(cut.stack, folder)
        task, _ = clue(step, test_name(cut.nodeid))
        return Verdict(len(kept), explain.of_cut(cut, folder, where, task))
    return Verdict(len(kept))


def of(outcome: Outcome, folder: Path, step: Step) -> Explanation:
    """Explain a broken promise; its task is the place to look.

    Where no task is about the promise, one may be about the place.
    """
    task, symbol = clue(step, test_name(outcome.nodeid))
    if not task and not explain.there(folder, symbol):
        symbol = ""  # What an earlier step had, and is elsewhere now.
    made = explain.of_outcome(outcome, folder, task, symbol)
    return made if task else replace(made, task=at(step, folder, made.place))


def at(step: Step, folder: Path, place: str) -> course.Task | None:
    """Return the task of a step that is about a place, if one is."""
    symbol = explain.symbol_at(folder, place)
    tasks = course.tasks(step)
    return next((task for task in tasks if task.symbol == symbol), None)


def clue(step: Step, name: str) -> tuple[course.Task | None, str]:
    """Return the task of a promise, and the symbol that keeps it.

    A promise of an earlier step is no task of this one.
    """
    for one in reversed([s for s in all_steps() if s.number <= step.number]):
        if name in names(one):
            task, symbol = clues(one).get(name, (None, ""))
            return task if one == step else None, symbol
    return None, ""


def names(step: Step) -> list[str]:
    """Return the names of a step's tests."""
    return [
        name
        for path in step.folder.glob("test_*.py")
        for name in TEST.findall(path.read_text("utf-8"))
    ]


def clues(step: Step) -> dict[str, tuple[course.Task | None, str]]:
    """Return task and symbol by promise, as tasks and hunks name them."""
    tasks = course.tasks(step)
    found: dict[str, tuple[course.Task | None, str]] = {}
    for note in course.notes(step):
        room, place = note.hunk.path.removesuffix(".py"), note.hunk.place
        mine = [t for t in tasks if note.hunk.number in t.hunks]
        symbols = [t.symbol for t in mine if t.symbol.startswith(f"{room}.")]
        symbols.append(f"{room}.{place}" if place else room)
        symbol = symbols[0]
        found.setdefault(note.by, (mine[0] if mine else None, symbol))
    for task in tasks:
        about = (*task.also, task.test)
        found |= dict.fromkeys(about, (task, task.symbol))
    return found


def test_name(nodeid: str) -> str:
    """Return the name of a test, without its parameters."""
    return nodeid.rpartition("::")[2].partition("[")[0]


# Wire rows


def rows(folder: Path, step: Step, kept: int) -> Verdict:
    """Try the wire rows promised so far; explain the first wrong one."""
    promised = checking.promised_rows(step.number)
    if not promised:
        return Verdict(kept)
    chosen = Target(folder.name, folder, None)
    with wire.served(chosen) as url:
        verdicts = wire.judge_all(url, step.number)
    wrong = [r for r in promised if verdicts[r.number].word == "wrong"]
    if not wrong:
        return Verdict(kept + len(promised))
    right = kept + len(promised) - len(wrong)
    reason = verdicts[wrong[0].number].reason
    return Verdict(right, of_row(folder, step, wrong[0], reason))


def of_row(
    folder: Path, step: Step, row: wire.Row, reason: str = ""
) -> Explanation:
    """Try a wrong row again, alone; explain its first wrong case."""
    with serving.launched(folder, wire.PROGRAM) as running:
        outcome = next(outcomes(running.url, row), None)
        error, where = tracebacks.blamed(running.log(), folder.resolve())
    # What a log lacks, or happens afterwards, is told in words alone.
    outcome = outcome or Outcome("", "broken", reason=reason)
    facts = {**outcome.seen, "error": error, "where": where}
    outcome = replace(outcome, seen=facts)
    made = explain.of_outcome(outcome, folder, about(step, row), row.look)
    if row.number in SWEPT and not error:
        made = replace(made, cause=f"{made.cause} {SWEEP}")
    name = f"wire row {row.number}: {row.name} ({row.rfc})"
    return explain.named(made, name)


def about(step: Step, row: wire.Row) -> course.Task | None:
    """Return the task of a step that is about a row: the one of its room."""
    room = row.look.partition(".")[0] + "."
    tasks = [t for t in course.tasks(step) if t.symbol.startswith(room)]
    return tasks[0] if len(tasks) == 1 else None


def outcomes(url: str, row: wire.Row) -> Iterator[Outcome]:
    """Yield each wrong case of a row."""
    client = wire.Wire(url)
    for case in row.cases:
        for cut in case.cuts:
            seen = wire.exchange(client, case, cut)
            said = "; ".join(wire.compare(case, cut, seen))
            if said:
                facts = asdict(compared(case, cut, seen))
                yield Outcome("", "broken", reason=said, seen=facts)


def compared(case: wire.Case, cut: wire.Cut, seen: Exchange) -> Seen:
    """Return what an assertion would have told of a wrong case."""
    segments = wire.segments(case, cut)
    made = Seen(
        [s.decode("latin-1") for s in segments if isinstance(s, bytes)],
        seen.raw.decode("latin-1"),
        seen.end,
        seen.garbage or "",
        operator="==",
        program=shown(wire.PROGRAM),
    )
    wanted = wire.expected(case, cut)
    got = [(a.status, a.content) for a in seen.answers]
    want = [(w.status, in_bytes(w, a)) for w, a in zip_answers(wanted, seen)]
    made.left, made.right = repr(got), repr(want)
    if got == want:
        other_facts(made, wanted, case, seen)
    return made


def zip_answers(
    wanted: list[wire.Expected], seen: Exchange
) -> Iterator[tuple[wire.Expected, wire.Answer | None]]:
    """Yield what was wanted, each with the answer that came, if any."""
    answers: list[wire.Answer | None] = [*seen.answers]
    answers += [None] * (len(wanted) - len(answers))
    yield from zip(wanted, answers, strict=False)


def in_bytes(want: wire.Expected, answer: wire.Answer | None) -> bytes:
    """Return the content that is wanted; any that came where all are."""
    if want.content is None:
        return answer.content if answer else b""
    return want.content.encode("latin-1")


def other_facts(
    made: Seen, wanted: list[wire.Expected], case: wire.Case, seen: Exchange
) -> None:
    """Note the field, or the end, that is another than expected."""
    for want, answer in zip_answers(wanted, seen):
        names = dict.fromkeys(want.without) | want.fields
        for name, value in names.items():
            if answer and answer.field(name) != value:
                made.statement = f'.field("{name}")'
                made.left, made.right = repr(answer.field(name)), repr(value)
                return
    made.left, made.right = repr(seen.end), repr(case.then)


# The price


def prices(folder: Path, step: Step) -> tuple[Counts, Counts] | str:
    """Return what a hello costs here and in the reference, or why not."""
    try:
        mine, _ = count(folder, HELLO)
        theirs, _ = count(step.folder, HELLO)
    except WorkshopError as error:
        return str(error)
    return mine, theirs
