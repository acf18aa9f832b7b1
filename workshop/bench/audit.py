"""Check a server that does the six kinds of work, before it is timed.

Knows: steps, the program, its database, what it tells of its statements.
Does not know: load, CPU time.
"""

import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path

from workshop.bench.cases import Case, WrongAnswer
from workshop.bench.commands import Command, started
from workshop.bench.servers import Server
from workshop.bench.strict import ids
from workshop.bench.techempower import (
    CLAMPED,
    TOKEN,
    WORKS,
    Work,
    counted,
    make,
    numbers,
    queries,
    restore,
)
from workshop.exchange import Answer, Wire
from workshop.steps import Step, find

PROGRAM = Path(__file__).parent / "programs" / "techempower.py"
SECOND = 1.0  # how late a Date may be: servers write it once a second


@dataclass(frozen=True)
class Database(Server):
    """A running server, and the file that its database is in."""

    path: Path
    dates: list[tuple[float, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Suite:
    """The six kinds of work on the rooms of one step."""

    step: Step

    @property
    def name(self) -> str:
        """Return how it is called in the table."""
        return self.step.number

    @contextlib.contextmanager
    def launch(self, core: int | None) -> Iterator[Database]:
        """Start it on a new database, to the end of the block."""
        made = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        with made as folder:
            path = Path(folder, "database")
            make(path)
            command = Command(
                [sys.executable, "-P", str(PROGRAM)],
                self.step.folder,
                {"DATABASE": str(path)},
            )
            with started(command, core) as running:
                host, port, pid = running.host, running.port, running.pid
                yield Database(host, port, pid, path)

    def check(self, server: Server) -> Sequence[Case]:
        """Return what may be timed, once every rule is kept."""
        assert isinstance(server, Database)
        wire = Wire(f"http://{server.host}:{server.port}")
        restore(server.path)
        for work in WORKS.values():
            checked(work, wire, server.path)
        restore(server.path)
        clamped(wire)
        moved(server.dates, *dated(wire))
        return [work.case for work in WORKS.values()]


def suites() -> list[Suite]:
    """Return who takes part: the step that is read, then the fast one."""
    return [Suite(find("04")), Suite(find("05"))]


def checked(work: Work, wire: Wire, path: Path) -> None:
    """Raise WrongAnswer unless a work is done by its rules."""
    before = numbers(path)
    asked(wire, b"POST /statements HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answers = answered(work, wire)
    told = asked(wire, b"GET /statements HTTP/1.1\r\nHost: localhost\r\n\r\n")
    found = counted(json.loads(told[0].content))
    wanted = dict(work.statements or {})
    if found != wanted:
        raise WrongAnswer(f"{work.name} asked {found}, not {wanted}")
    if work.name == "updates":
        written(answers[0].content, before, numbers(path))


def answered(work: Work, wire: Wire) -> list[Answer]:
    """Return the right answers to a work; each has an id of its own."""
    drawn = ids(seed=time.time_ns())
    tokens = [next(drawn) for _ in range(work.depth)]
    request = work.case.request
    segment = b"".join(request.replace(TOKEN, token) for token in tokens)
    answers = asked(wire, segment, work.depth)
    for answer, token in zip(answers, tokens, strict=True):
        reason = wrong(work, answer, token)
        if reason:
            raise WrongAnswer(f"{work.name}: {reason}")
    return answers


def asked(wire: Wire, request: bytes, number: int = 1) -> list[Answer]:
    """Return so many answers."""
    answers = wire.send(request).answers
    if len(answers) != number:
        raise WrongAnswer(f"{len(answers)} answers came, not {number}")
    return answers


def wrong(work: Work, answer: Answer, token: bytes) -> str | None:
    """Return what is wrong with an answer to the request with this id."""
    if answer.status != 200:
        return f"status is {answer.status}, not 200"
    if answer.field("x-request-id") != token.decode():
        return "an answer does not carry the id of its request"
    for name, value in work.case.fields.items():
        found = answer.field(name) or ""
        if isinstance(value, str) and found != value:
            return f"field {name} is {found!r}, not {value!r}"
        if not isinstance(value, str) and not value.fullmatch(found):
            return f"field {name} is {found!r}"
    return work.wrong(answer.content)


def clamped(wire: Wire) -> None:
    """Raise WrongAnswer unless 1 to 500 rows are read, whatever is said."""
    for said, rows in CLAMPED.items():
        answered(queries(rows, f"/queries?queries={said}"), wire)
    answered(queries(1, "/queries"), wire)


def written(
    content: bytes, before: Mapping[int, int], after: Mapping[int, int]
) -> None:
    """Raise WrongAnswer unless the file has the rows as they were told."""
    told = {row["id"]: row["randomNumber"] for row in json.loads(content)}
    if {**before, **told} != after:
        raise WrongAnswer("updates: the file has other rows than were told")


def dated(wire: Wire) -> tuple[float, float]:
    """Return when it is, and when a server says that it is."""
    answer = answered(WORKS["plaintext"], wire)[0]
    said = parsedate_to_datetime(answer.field("date") or "")
    return time.time(), said.timestamp()


def moved(dates: list[tuple[float, float]], now: float, said: float) -> None:
    """Keep a date; raise WrongAnswer unless it moves as our clock does."""
    if not now - 2 * SECOND <= said <= now:
        raise WrongAnswer(f"Date is {now - said:.1f} s behind the clock")
    for then, before in dates:
        if now - then > 2 * SECOND and said <= before:
            raise WrongAnswer("Date does not move")
    dates.append((now, said))
