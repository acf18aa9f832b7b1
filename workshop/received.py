"""Find the parts of what came back, and show bytes with a caret below.

Knows: where an answer begins, its status, fields and content; escapes.
Does not know: which answer would be right. Bytes are latin-1 text here.
"""

import re
from dataclasses import dataclass

WIDTH = 76  # columns for bytes, behind two spaces
STATUS = re.compile(r"HTTP/1\.[01] (\d{3})[^\r\n]*(?:\r?\n|$)")
BLANK = re.compile(r"\r?\n\r?\n")
FIELD = re.compile(r"^([^\s:]+):[ \t]*([^\r\n]*)", re.M)


@dataclass(frozen=True)
class Part:
    """One answer in what was received; places count from the start."""

    status: int
    status_at: int
    fields: dict[str, tuple[str, int]]  # in lower case: value, its place
    fields_end: int  # where a further field would stand
    content_at: int
    content: str


def parts(raw: str) -> list[Part]:
    """Return the answers in these bytes.

    >>> parts("HTTP/1.1 200 OK\\r\\nallow: GET\\r\\n\\r\\nhi")[0].fields
    {'allow': ('GET', 24)}
    """
    starts = list(STATUS.finditer(raw))
    ends = [*(found.start() for found in starts[1:]), len(raw)]
    return [
        part(raw, found, end)
        for found, end in zip(starts, ends, strict=bool(starts))
        if found[1] != "100"
    ]


def part(raw: str, found: "re.Match[str]", end: int) -> Part:
    """Return the answer that begins with a status line."""
    blank = BLANK.search(raw, found.start(), end)
    head_end = blank.start() if blank else end
    content_at = blank.end() if blank else end
    fields = {
        field[1].lower(): (field[2], field.start(2))
        for field in FIELD.finditer(raw, found.end(), head_end)
    }
    return Part(
        int(found[1]),
        found.start(1),
        fields,
        head_end + (2 if blank else 0),
        content_at,
        raw[content_at:end],
    )


def differs(left: str, right: str) -> int:
    """Return the place of the first letter that is not the same."""
    pairs = zip(left, right, strict=False)
    same = (a == b for a, b in pairs)
    shorter = min(len(left), len(right))
    return next((at for at, one in enumerate(same) if not one), shorter)


def escaped(text: str) -> str:
    r"""Return bytes so that each can be seen.

    >>> escaped("a\r\n\x00\xe9")
    'a\\r\\n\\x00\\xe9'
    """
    return repr(text.encode("latin-1", "replace"))[2:-1].replace("\\'", "'")


def shown(
    text: str, room: int, at: int | None = None, note: str = ""
) -> list[str]:
    """Return at most so many lines, with a caret below the place `at`."""
    lines = re.findall(r"[^\n]*\n|[^\n]+", text) or ["(nothing)"]
    if at is None:
        few = [clipped(escaped(line)) for line in lines[:room]]
        return few if len(lines) <= room else [*few[:-1], "..."]
    number, column = located(lines, at, text)
    first = max(0, number - max(1, room - 2) + 1)
    before = [clipped(escaped(line)) for line in lines[first:number]]
    if first:
        before[:1] = ["..."]
    row, below = pointed(lines[number] if text else "", column, note)
    after = lines[number + 1 :]
    left = room - len(before) - 2
    rest = [clipped(escaped(line)) for line in after[: max(0, left)]]
    return [*before, row or "(nothing)", below, *rest]


def located(lines: list[str], at: int, text: str) -> tuple[int, int]:
    """Return line and column of a place; the end is behind the last."""
    if not text:
        return 0, 0
    for number, line in enumerate(lines):
        if at < len(line) or number == len(lines) - 1:
            return number, min(at, len(line))
        at -= len(line)
    return 0, 0


def pointed(line: str, column: int, note: str) -> tuple[str, str]:
    """Return a line and its caret, cut so that both can be seen."""
    before = escaped(line[:column])
    row, place = before + escaped(line[column:]), len(before)
    if place > WIDTH // 2 and len(row) > WIDTH:
        cut = place - WIDTH // 2
        row, place = "..." + row[cut + 3 :], WIDTH // 2
    below = " " * place + "^ " + note
    if len(below) > WIDTH and len(note) + 1 <= place:
        below = " " * (place - len(note) - 1) + note + " ^"
    return clipped(row), clipped(below.rstrip())


def clipped(text: str, width: int = WIDTH) -> str:
    """Return a line that fits."""
    return text if len(text) <= width else text[: width - 3] + "..."
