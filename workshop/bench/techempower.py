"""Say what six kinds of work are, and judge how they were done.

Knows: the rules of the TechEmpower benchmarks, and ours, which are stricter.
Does not know: sockets, clocks, which server it is.

Theirs: https://github.com/TechEmpower/FrameworkBenchmarks/wiki. Ours besides:
contents are exact, each answer carries the id of its request, dates move,
statements are counted, and rows that were updated are read from the file.
"""

import contextlib
import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from workshop.bench.cases import DATE, Case

DEPTH = 16  # requests at once, for plaintext
ROWS = 20  # the most rows that the suite asks for at once
WORLDS = 10_000
TOKEN = b"0" * 16  # where the id of a request stands
FORTUNES = (
    "fortune: No such file or directory",
    "A computer scientist is someone who fixes things that aren't broken.",
    "After enough decimal places, nobody gives a damn.",
    "A bad random number generator: 1, 1, 1, 1, 1, 4.33e+67, 1, 1, 1",
    "A computer program does what you tell it to do, not what you want it"
    " to do.",
    "Emacs is a nice operating system, but I prefer UNIX."
    " \u2014 Tom Christaensen",
    "Any program that runs right is obsolete.",
    "A list is only as strong as its weakest link. \u2014 Donald Knuth",
    "Feature: A bug with seniority.",
    "Computers make very fast, very accurate mistakes.",
    '<script>alert("This should not be displayed in a browser alert box.");'
    "</script>",
    "フレームワークのベンチマーク",
)
ADDED = "Additional fortune added at request time."
PAGE = (
    "<!DOCTYPE html><html><head><title>Fortunes</title></head><body><table>"
    "<tr><th>id</th><th>message</th></tr>%s</table></body></html>"
)


# The database


def make(path: Path) -> None:
    """Write the tables of the suite; the numbers of worlds are known."""
    worlds = [(i, number(i)) for i in range(1, WORLDS + 1)]
    with contextlib.closing(sqlite3.connect(path)) as database:
        # Who reads and who writes do not wait for each other.
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(
            "CREATE TABLE world (id INTEGER PRIMARY KEY, randomnumber INTEGER)"
        )
        database.execute(
            "CREATE TABLE fortune (id INTEGER PRIMARY KEY, message TEXT)"
        )
        database.executemany("INSERT INTO world VALUES (?, ?)", worlds)
        database.executemany(
            "INSERT INTO fortune VALUES (?, ?)", enumerate(FORTUNES, 1)
        )
        database.commit()


def number(world: int) -> int:
    """Return the number that a world has before it is updated."""
    return world * 7919 % WORLDS + 1


def restore(path: Path) -> None:
    """Give each world the number that it had at first."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute(
            "UPDATE world SET randomnumber = id * 7919 % ? + 1", (WORLDS,)
        )
        database.commit()


def numbers(path: Path) -> dict[int, int]:
    """Return the number of each world as the file has it now."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        return dict(database.execute("SELECT id, randomnumber FROM world"))


# What is asked


@dataclass(frozen=True)
class Work:
    """One kind of work."""

    name: str
    target: str
    content_type: str
    content: bytes | None = None  # None: rows, which are judged
    rows: int | None = None  # None: one, and no list
    statements: Mapping[str, int] | None = None  # None: none at all
    depth: int = 1

    @property
    def case(self) -> Case:
        """Return its request, with a place for an id, and its answer."""
        request = (
            f"GET {self.target} HTTP/1.1\r\nHost: localhost\r\n"
            f"X-Request-ID: {TOKEN.decode()}\r\n\r\n"
        )
        fields: dict[str, str | re.Pattern[str]] = {
            "content-type": self.content_type,
            "server": re.compile(".+"),
            "date": DATE,
        }
        content = self.content or b""
        return Case(self.name, request.encode(), 200, fields, content)

    def wrong(self, content: bytes) -> str | None:
        """Return what is wrong with a content, or None."""
        if self.content is not None:
            right = content == self.content
            return None if right else f"content is {content!r}"
        return wrong_rows(content, self.rows, self.name == "updates")


def fortunes() -> bytes:
    """Return the one right page."""
    rows = [*enumerate(FORTUNES, 1), (0, ADDED)]
    rows.sort(key=lambda row: row[1])
    cells = (
        f"<tr><td>{each}</td><td>{escape(text)}</td></tr>"
        for each, text in rows
    )
    return (PAGE % "".join(cells)).encode()


def queries(rows: int, target: str = "") -> Work:
    """Return the work that reads so many rows."""
    target = target or f"/queries?queries={rows}"
    counted = {"SELECT": rows}
    json = "application/json"
    return Work("queries", target, json, None, rows, counted)


def updates(rows: int) -> Work:
    """Return the work that reads so many rows and writes them again."""
    counted = {"SELECT": rows, "BEGIN": 1, "UPDATE": rows, "COMMIT": 1}
    target = f"/updates?queries={rows}"
    return Work("updates", target, "application/json", None, rows, counted)


WORKS = {
    work.name: work
    for work in (
        Work(
            "plaintext",
            "/plaintext",
            "text/plain",
            b"Hello, World!",
            depth=DEPTH,
        ),
        Work(
            "json", "/json", "application/json", b'{"message":"Hello, World!"}'
        ),
        Work("db", "/db", "application/json", statements={"SELECT": 1}),
        queries(ROWS),
        Work(
            "fortunes",
            "/fortunes",
            "text/html; charset=utf-8",
            fortunes(),
            statements={"SELECT": 1},
        ),
        updates(ROWS),  # the last: it changes what the others read
    )
}
# What a number of rows means that is none, or too small, or too large.
CLAMPED = {"0": 1, "-3": 1, "x": 1, "": 1, "501": 500, "99999": 500}


# What was answered


def wrong_rows(content: bytes, rows: int | None, updated: bool) -> str | None:
    """Return what is wrong with worlds as JSON, or None.

    >>> wrong_rows(b'{"id":1,"randomNumber":7920}', None, False)
    >>> wrong_rows(b'{"id":1,"randomNumber":1}', None, False)
    'world 1 has the number 1, not 7920'
    """
    try:
        value = json.loads(content)
    except ValueError:
        return f"content is no JSON: {content[:80]!r}"
    if content != compact(value):
        return f"content is not compact: {content[:80]!r}"
    if isinstance(value, dict) != (rows is None):
        return f"content is {content[:80]!r}"
    worlds = [value] if rows is None else value
    if rows is not None and len(worlds) != rows:
        return f"{len(worlds)} rows came, not {rows}"
    for world in worlds:
        if reason := wrong_world(world, updated):
            return reason
    if updated and len({world["id"] for world in worlds}) < len(worlds):
        return "a row was updated twice"
    return None


def wrong_world(world: Any, updated: bool) -> str | None:
    """Return what is wrong with one row, or None."""
    if not isinstance(world, dict) or [*world] != ["id", "randomNumber"]:
        return f"a row is {world!r}"
    which, held = world["id"], world["randomNumber"]
    for value in (which, held):
        if type(value) is not int or not 1 <= value <= WORLDS:
            return f"a row is {world!r}"
    if not updated and held != number(which):
        return f"world {which} has the number {held}, not {number(which)}"
    return None


def compact(value: Any) -> bytes:
    """Return a value as the one JSON that is accepted."""
    return json.dumps(value, separators=(",", ":")).encode()


def counted(statements: Iterable[str]) -> dict[str, int]:
    """Return how often each kind of statement was asked.

    >>> counted(["SELECT 1", "BEGIN", "SELECT 2"])
    {'SELECT': 2, 'BEGIN': 1}
    """
    return dict(Counter(each.split()[0].upper() for each in statements))
