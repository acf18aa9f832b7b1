"""Judge what a server does on the wire, row by row.

Knows: the rows of `wire_rows.toml`, what is right, what was recorded.
Does not know: sockets; the inside of any room.

    python -m workshop.wire              the table of all steps
    python -m workshop.wire 03           one step, with the reasons
    python -m workshop.wire work         any folder, or a URL that serves
                                         the routes of wire_app.py
    python -m workshop.wire --record     write docs/results/wire.json
"""

import argparse
import contextlib
import functools
import json
import platform
import sys
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rich.table import Table
from rich.text import Text

from workshop import screen
from workshop.errors import FAIL, INTERRUPTED, PASS, WorkshopError
from workshop.exchange import (
    PATIENCE,
    Action,
    Answer,
    Aside,
    Exchange,
    Until,
    Wire,
)
from workshop.hashes import sources
from workshop.serving import Target, launched, target
from workshop.steps import ROOT, all_steps

__all__ = ["Answer", "Exchange", "Wire"]  # What tests take from here.

PROGRAM = Path(__file__).with_name("wire_app.py")
DATA = Path(__file__).with_name("wire_rows.toml")
RECORD = ROOT / "docs" / "results" / "wire.json"

Word = Literal["right", "wrong", "lucky"]
Cut = Literal["given", "whole", "bytes", "twice"]
Then = Literal["kept", "closed", "reset", "ended", "left"]
SHOWN = {
    "right": "[green]PASS[/]",
    "wrong": "[red]FAIL[/]",
    "lucky": "[yellow]LUCKY[/]",
}


# Rows


@dataclass(frozen=True)
class Expected:
    """What one answer must be; None where nothing is asked."""

    status: int
    content: str | None = None
    fields: dict[str, str] = field(default_factory=dict)
    without: list[str] = field(default_factory=list)
    informational: list[int] | None = None
    complete: bool = True
    times: int = 1


@dataclass(frozen=True)
class Case:
    """One exchange of a row: bytes in, what must come out."""

    name: str
    send: list[Any]
    expect: list[Expected]
    then: Then
    cuts: list[Cut]
    half_close: bool = False
    reads: bool = True
    lacks: list[str] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)
    afterwards: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Row:
    """One thing that pico does, with its cases."""

    number: int
    name: str
    rfc: str
    look: str  # What of the rooms does it: "parsing.check_head".
    since: str  # The step that first does it, or "later".
    choice: str  # What pico does where the RFC allows several.
    cases: list[Case]


@dataclass(frozen=True)
class Verdict:
    """What became of a row on one target; the reason says what is wrong."""

    word: Word
    reason: str = ""


@functools.cache
def rows() -> list[Row]:
    """Return the rows, in their order."""
    data = tomllib.loads(DATA.read_text("utf-8"))
    return [read_row(row) for row in data["row"]]


def counted() -> list[Row]:
    """Return the rows that pico must keep by now: `n/30` counts these."""
    return [row for row in rows() if row.since != "later"]


def read_row(data: dict[str, Any]) -> Row:
    """Return a row from its table; a word that nobody knows is an error."""
    cases = [read_case(case) for case in data.pop("case")]
    data = {"choice": "", "since": data.pop("from"), **data}
    return Row(**data, cases=cases)


def read_case(data: dict[str, Any]) -> Case:
    several = len(data["send"]) > 1
    data = {"cuts": ["given" if several else "whole"], **data}
    data["expect"] = [Expected(**answer) for answer in data["expect"]]
    return Case(**data)


# Bytes in


def segments(case: Case, cut: Cut) -> list[Action]:
    """Return what is sent, cut as asked.

    >>> case = Case("", ["ab", "c"], [], "kept", [])
    >>> segments(case, "bytes"), segments(case, "twice")
    ([b'a', b'b', b'c'], [b'abcabc'])
    """
    given = [action(entry) for entry in case.send]
    joined = b"".join(a for a in given if isinstance(a, bytes))
    if cut == "bytes":
        return [joined[i : i + 1] for i in range(len(joined))]
    if cut == "whole":
        return [joined]
    return [joined * 2] if cut == "twice" else given


def action(entry: str | dict[str, Any]) -> Action:
    """Return what an entry of `send` stands for."""
    match entry:
        case str(text):
            return text.encode("latin-1")
        case {"text": text, "times": times}:
            return bytes(text.encode("latin-1") * times)
        case {"aside": request}:
            answer = entry.get("answer", "").encode("latin-1")
            return Aside(request.encode("latin-1"), answer)
        case {"until": content}:
            return Until(content.encode("latin-1"))
    raise WorkshopError(f"{entry!r} in {DATA.name} is nothing we can send.")


def expected(case: Case, cut: Cut) -> list[Expected]:
    """Return each answer that must come."""
    one = [answer for answer in case.expect for _ in range(answer.times)]
    return one * 2 if cut == "twice" else one


# What comes out


def exchange(wire: Wire, case: Case, cut: Cut) -> Exchange:
    """Send a case, read what comes back."""
    return wire.send(
        *segments(case, cut),
        answers=len(expected(case, cut)),
        closing=case.then in ("closed", "ended"),
        half_close=case.half_close,
        leave=case.then == "left",
        reads=case.reads,
    )


def objections(wire: Wire, case: Case, cut: Cut) -> Iterator[str]:
    """Yield what is wrong with what a target makes of a case."""
    seen = exchange(wire, case, cut)
    yield from compare(case, cut, seen)
    for text in case.lacks:
        if text.encode("latin-1") in seen.raw:
            yield f"the answer tells {text!r}"
    for word in case.logged:
        if not ask(wire, f"/logged/{word.replace(' ', '%20')}", b"yes"):
            yield f"the log does not say {word!r}"
    for entry in case.afterwards:
        answers = wire.send(entry["aside"].encode("latin-1")).answers
        told = entry.get("answer", "").encode("latin-1")
        if not (answers and told in answers[0].content):
            yield f"afterwards {entry['aside'].split()[1]} does not answer"


def ask(wire: Wire, target: str, content: bytes) -> bool:
    """Return whether a GET on a connection of its own answers this."""
    request = f"GET {target} HTTP/1.1\r\nHost: pico\r\n\r\n"
    answers = wire.send(request.encode()).answers
    return bool(answers) and answers[0].content == content


def compare(case: Case, cut: Cut, seen: Exchange) -> Iterator[str]:
    """Yield what is wrong with what came back."""
    wanted = expected(case, cut)
    if seen.garbage and all(answer.complete for answer in wanted):
        yield f"not HTTP: {seen.garbage}"
    pairs = zip(wanted, seen.answers, strict=False)
    for number, (want, answer) in enumerate(pairs, 1):
        for objection in differences(want, answer):
            ordinal = f"answer {number}: " if len(wanted) > 1 else ""
            yield ordinal + objection
    if len(seen.answers) != len(wanted):
        yield f"{len(seen.answers)} answers instead of {len(wanted)}"
    yield from end(case.then, seen)


def differences(want: Expected, answer: Answer) -> Iterator[str]:
    """Yield where an answer differs from what was expected."""
    if answer.status != want.status:
        yield f"{answer.status} instead of {want.status}"
        return
    content = answer.content.decode("latin-1")
    if want.content not in (None, content):
        yield f"content {content[:40]!r} instead of {want.content!r}"
    for name, value in want.fields.items():
        if answer.field(name) != value:
            yield f"{name} is {answer.field(name)!r} instead of {value!r}"
    for name in want.without:
        if answer.field(name) is not None:
            yield f"there is a {name}"
    if want.informational not in (None, answer.informational):
        yield f"1xx before it: {answer.informational}"
    if want.complete != answer.complete:
        yield "broken off" if want.complete else "looks complete"


def end(then: Then, seen: Exchange) -> Iterator[str]:
    """Yield what is wrong with the end of an exchange."""
    right = {"ended": ("closed", "reset")}.get(then, (then,))
    if seen.end not in right:
        yield f"then {seen.end} instead of {then}"
    if then == "kept" and seen.follow_up:
        content = seen.follow_up.content
        if content != b'{"message":"Hello again"}':
            yield f"the next request is answered {content[:40]!r}"


def untold(seen: Exchange) -> Iterator[str]:
    """Yield what each final answer must tell, and one here does not.

    Every one carries Date, and says in exactly one way where it ends.
    """
    for answer in filter(None, [*seen.answers, seen.follow_up]):
        names = [name for name, _ in answer.fields]
        if names.count("date") != 1:
            yield f"{answer.status} has {names.count('date')} fields Date"
        length, coding = (
            names.count("content-length"),
            names.count("transfer-encoding"),
        )
        bare = answer.status in (204, 304)
        told = length + coding + (answer.field("connection") == "close")
        if length + coding > 1 or (bare and length + coding):
            yield f"{answer.status} is framed twice, or for no content"
        if not bare and not told:
            yield f"{answer.status} does not say where it ends"


# Judging


def judge(
    url: str, row: Row, step: str = "05", patience: float = PATIENCE
) -> Verdict:
    """Judge one row on a server; `step` is what it claims to be.

    A row is right where it is promised; earlier it is luck. The first
    problem ends it: it may have cost all our patience.
    """
    problem = next(problems(Wire(url, patience), row), "")
    if problem:
        return Verdict("wrong", problem)
    early = row.since != "later" and step < row.since
    return Verdict("lucky" if early else "right")


def judge_all(
    url: str, step: str = "05", patience: float = PATIENCE
) -> dict[int, Verdict]:
    """Judge every row on a server, all rows at once."""
    with ThreadPoolExecutor(len(rows())) as pool:
        running = {
            row.number: pool.submit(judge, url, row, step, patience)
            for row in rows()
        }
        return {number: one.result() for number, one in running.items()}


def problems(wire: Wire, row: Row) -> Iterator[str]:
    """Yield what is wrong with a row, a line for each case and cut."""
    for case in row.cases:
        for cut in case.cuts:
            found = "; ".join(objections(wire, case, cut))
            if found:
                yield f"{case.name} ({cut}): {found}"


def judge_target(
    chosen: Target, patience: float = PATIENCE
) -> dict[int, Verdict]:
    """Judge a step, a folder or a URL."""
    step = next(
        (s.number for s in all_steps() if s.folder == chosen.folder), "05"
    )
    with served(chosen) as url:
        return judge_all(url, step, patience)


@contextlib.contextmanager
def served(chosen: Target) -> Iterator[str]:
    """Serve the contract application on a target; yield its URL."""
    if chosen.folder is None:
        assert chosen.url is not None
        yield chosen.url
        return
    with launched(chosen.folder, PROGRAM) as running:
        yield running.url


def right(verdicts: dict[int, Verdict]) -> int:
    """Return how many of the counted rows are right (luck counts)."""
    return sum(verdicts[row.number].word != "wrong" for row in counted())


# What was recorded


def record(verdicts: dict[str, dict[int, Verdict]]) -> None:
    """Write what every step does to `docs/results/wire.json`."""
    data = {
        "what": "Each wire row on each step: right, wrong, or lucky.",
        "command": "python -m workshop.wire --record",
        "python": platform.python_version(),
        "sources": {s.number: sources(s.folder) for s in all_steps()},
        "rows_right": {step: right(all_) for step, all_ in verdicts.items()},
        "rows_counted": len(counted()),
        "rows": [
            {
                "number": row.number,
                "name": row.name,
                "rfc": row.rfc,
                "from": row.since,
                "steps": {
                    step: {"word": seen.word, "reason": seen.reason}
                    for step, all_ in verdicts.items()
                    for seen in [all_[row.number]]
                },
            }
            for row in rows()
        ],
    }
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(data, indent=1, ensure_ascii=True)
    RECORD.write_text(text + "\n", "utf-8", newline="\n")


@functools.cache
def recorded() -> dict[str, Any]:
    """Return what `record` wrote last."""
    if not RECORD.is_file():
        raise WorkshopError(
            f"{RECORD} is missing:"
            " `python -m workshop.wire --record` makes it."
        )
    return dict(json.loads(RECORD.read_text("utf-8")))


def recorded_word(step: str, number: int) -> Word:
    """Return what a row was on a step when it was recorded."""
    for row in recorded()["rows"]:
        if row["number"] == number:
            word: Word = row["steps"][step]["word"]
            return word
    raise WorkshopError(
        f"Row {number} was never recorded:"
        " `python -m workshop.wire --record` does it."
    )


# On the screen


def matrix(verdicts: dict[str, dict[int, Verdict]]) -> Table:
    """Return the table row x step."""
    title = "What each step does on the wire"
    table = screen.table(">#", "row", *verdicts, title=title)
    for row in rows():
        words = [SHOWN[all_[row.number].word] for all_ in verdicts.values()]
        mark = "" if row.since != "later" else " (later)"
        table.add_row(str(row.number), row.name + mark, *words)
    counts = [f"{right(all_)}/{len(counted())}" for all_ in verdicts.values()]
    table.add_section()
    table.add_row("", "rows right", *counts)
    return table


def single(name: str, verdicts: dict[int, Verdict]) -> Table:
    """Return the table of one target, with the reasons."""
    title = f"{name}: {right(verdicts)}/{len(counted())} rows right"
    table = screen.table(">#", "row", "is", "reason", title=title)
    for row in rows():
        seen = verdicts[row.number]
        reason = Text(seen.reason)  # It quotes what came: never markup.
        table.add_row(str(row.number), row.name, SHOWN[seen.word], reason)
    return table


def main(words: list[str]) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m workshop.wire")
    parser.add_argument("target", nargs="?", help="step, folder or URL")
    parser.add_argument(
        "--record", action="store_true", help="write the result"
    )
    options = parser.parse_args(words)
    console = screen.console()
    if options.target and not options.record:
        chosen = target(options.target)
        verdicts = judge_target(chosen)
        console.print(single(chosen.name, verdicts))
        return PASS if right(verdicts) == len(counted()) else FAIL
    every = {s.number: judge_target(target(s.number)) for s in all_steps()}
    console.print(matrix(every))
    if options.record:
        record(every)
        console.print(f"Written: {RECORD.relative_to(ROOT)}")
    return PASS


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except WorkshopError as error:
        print(error, file=sys.stderr)
        sys.exit(error.status)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
