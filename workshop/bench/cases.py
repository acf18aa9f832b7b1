"""Declare a request and its answer; judge an answer that came.

Knows: one request, the answer it must have, how answers are framed.
Does not know: sockets, clocks, frameworks.
"""

import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from workshop.errors import FAIL, WorkshopError
from workshop.mistakes import of_exception

# RFC 9110, 5.6.7: Sun, 06 Nov 1994 08:49:37 GMT
DATE = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-3]\d "
    r"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} "
    r"[0-2]\d:[0-5]\d:[0-6]\d GMT"
)


@dataclass(frozen=True)
class Case:
    """A request, byte by byte, and the answer that it must have.

    A declared field is a text, or a pattern such as `DATE`. Fields which are
    not declared may come or not, but a Date must always have its grammar.
    """

    name: str
    request: bytes
    status: int = 200
    fields: Mapping[str, str | re.Pattern[str]] = field(default_factory=dict)
    content: bytes = b""
    cuts: tuple[int, ...] = ()  # where the request is cut into segments
    pipelined: int = 1  # how many requests are sent at once
    connections: int = 0  # how many ask; 0: as many as the plan says

    @property
    def segments(self) -> list[bytes]:
        """Return what is sent, segment by segment.

        >>> Case("cut", b"GET /", cuts=(1, 4)).segments
        [b'G', b'ET ', b'/']
        """
        data = self.request * self.pipelined
        edges = pairwise((0, *self.cuts, len(data)))
        return [data[begin:end] for begin, end in edges]


class WrongAnswer(WorkshopError):
    """An answer was not the declared one: nothing may be timed."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"A wrong answer came: {reason}.", FAIL)
        self.reason = reason


def to_data(case: Case) -> dict[str, Any]:
    """Return a case as data for JSON; bytes become latin-1."""
    fields = [
        [name, value if isinstance(value, str) else None, pattern_of(value)]
        for name, value in case.fields.items()
    ]
    return {
        "name": case.name,
        "request": case.request.decode("latin-1"),
        "status": case.status,
        "fields": fields,
        "content": case.content.decode("latin-1"),
        "cuts": case.cuts,
        "pipelined": case.pipelined,
    }


def from_data(data: Mapping[str, Any]) -> Case:
    """Return the case that `to_data` made into data.

    >>> case = Case("hello", b"GET /", fields={"date": DATE})
    >>> from_data(to_data(case)) == case
    True
    """
    fields = {
        name: text if pattern is None else re.compile(pattern)
        for name, text, pattern in data["fields"]
    }
    return Case(
        data["name"],
        data["request"].encode("latin-1"),
        data["status"],
        fields,
        data["content"].encode("latin-1"),
        tuple(data["cuts"]),
        data["pipelined"],
    )


def pattern_of(value: str | re.Pattern[str]) -> str | None:
    """Return the text of a pattern; None for a text."""
    return None if isinstance(value, str) else value.pattern


@dataclass(frozen=True)
class Answer:
    """One answer, taken apart; names of fields are in lower case."""

    status: int
    fields: dict[str, str]
    content: bytes
    length: int  # of the whole answer, in bytes


def parse(data: bytes) -> Answer | None:
    """Return the first answer in `data`, or None if it is not complete.

    Only answers that say their Content-Length can be measured; ValueError
    tells of any other.

    >>> parse(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nhi").content
    b'hi'
    """
    head, end, rest = data.partition(b"\r\n\r\n")
    if not end:
        return None
    status_line, *lines = head.decode("latin-1").split("\r\n")
    found = re.fullmatch(r"HTTP/1\.1 (\d{3}) .*", status_line)
    if not found:
        raise ValueError(f"the status line is {status_line!r}")
    status = int(found[1])
    pairs = [line.partition(":") for line in lines]
    fields = {name.lower(): value.strip() for name, _, value in pairs}
    stated = "0" if status in (204, 304) else fields.get("content-length", "")
    if not stated.isdecimal():
        if any("\n" in line for line in lines):
            raise ValueError("a line of its head ends with LF alone")
        raise ValueError("the answer does not say its content-length")
    if len(rest) < int(stated):
        return None
    length = len(head) + len(end) + int(stated)
    return Answer(status, fields, rest[: int(stated)], length)


def wrong(case: Case, answer: Answer) -> str | None:
    """Return what is wrong with an answer, or None if it is as declared."""
    if answer.status != case.status:
        return f"status is {answer.status}, not {case.status}"
    if answer.content != case.content:
        return f"content is {answer.content!r}, not {case.content!r}"
    declared = {**case.fields}
    if "date" in answer.fields:
        declared.setdefault("date", DATE)
    for name, wanted in declared.items():
        value = answer.fields.get(name)
        if isinstance(wanted, str):
            right = value == wanted
        else:
            right = value is not None and bool(wanted.fullmatch(value))
        if not right:
            return f"field {name} is {value!r}, not {wanted!r}"
    return None


def judged(case: Case, data: bytes) -> Answer:
    """Return the one answer in `data`; WrongAnswer if it is not right."""
    try:
        answer = parse(data)
    except ValueError as error:
        raise WrongAnswer(str(error)) from None
    if answer is None:
        raise WrongAnswer(f"the answer is incomplete: {data[:80]!r}")
    if answer.length != len(data):
        rest = data[answer.length :][:80]
        raise WrongAnswer(f"{rest!r} follows the answer")
    reason = wrong(case, answer)
    if reason:
        raise WrongAnswer(reason)
    return answer


def all_judged(case: Case, data: bytes) -> list[Answer]:
    """Return the answers to all that was pipelined, if all are right."""
    answers: list[Answer] = []
    while len(answers) < case.pipelined - 1:
        length = length_of_first(data)
        answers.append(judged(case, data[:length]))
        data = data[length:]
    return [*answers, judged(case, data)]


def length_of_first(data: bytes) -> int | None:
    """Return how long the first answer is; None if it will never be whole."""
    try:
        answer = parse(data)
    except ValueError:
        return None
    return answer.length if answer else None


def declared(folder: Path, case: Case) -> Case:
    """Return the case with the fields that a folder's bench.py declares.

    Request and content stay as they are: all are asked the same.
    """
    path = folder / "bench.py"
    if not path.is_file():
        return case
    spec = importlib.util.spec_from_file_location(f"bench_{folder.name}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise of_exception(error, path) from None
    fields = {own.name: own.fields for own in module.CASES}
    return replace(case, fields=fields.get(case.name, case.fields))
