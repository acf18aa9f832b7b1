"""Explain a broken promise as a person would, on one screen.

Knows: the parts of an explanation and their order; curl; 24 lines of 80.
Does not know: how promises are run; why one is broken (see causes.py).
"""

import ast
import re
import shlex
import sys
import textwrap
from dataclasses import dataclass, replace
from pathlib import Path

from workshop import causes, diffs, received, silent, unset
from workshop.checking import Cut, parsed
from workshop.course import Task
from workshop.errors import WorkshopError
from workshop.mistakes import shown
from workshop.outcomes import Outcome, Seen
from workshop.verbs import START

LINES, COLUMNS = 23, 80  # of a screen of 24: one line stands above
PORT = 8001
PLACE = re.compile(r"[^\s(]\S*\.py, line \d+")
KNOWN = re.compile(r"\.py(, line \d+.*)?$")  # a file of the learner's
FILE = re.compile(r"\S+\.py")
NO_APP = re.compile(r"module '(?:program|app)' has no attribute 'app'")
NOT_AWAITED = re.compile(r"NoneType can't be used in 'await'|status is 500")
NO_CONTENT = re.compile(r"content is b''")
FROM = re.compile(r" \(\S+\.py\)")  # which Python adds to an ImportError
ROOM_SENT, ROOM_RECEIVED = 5, 7  # lines
# What curl sends as it is: it knows /../, globs and fragments.
TARGET = re.compile(r"[A-Z]+ /(?!\.)(?:(?!/\.)[^ #{}\[\]\\])* HTTP/1\.[01]")
FIELD = re.compile(r"([\w-]+): ?(\S.*)")
TOO_LONG = ["# with curl; the bytes are too many to be typed here"]
LEFT_OUT = ("host", "content-length", "connection")


@dataclass(frozen=True)
class Explanation:
    """What is said of a promise that is broken."""

    promise: str  # "02_routing: unknown path is a 404"
    cause: str
    place: str
    task: Task | None = None
    evidence: tuple[str, ...] = ()  # lines: bytes or values, with a caret
    by_hand: tuple[str, ...] = ()  # command lines

    def lines(self) -> list[str]:
        """Return it as at most 23 lines of at most 80 columns."""
        before = wrapped("FAIL  " + self.promise, "      ")
        after = [
            *(["Try it by hand:"] if self.by_hand else []),
            *indented(self.by_hand),
            *wrapped(f"Likely cause: {self.cause}", "  "),
            *wrapped(f"Look at: {self.place}", "  "),
            *self.further(),
        ]
        room = LINES - len(before) - len(after)
        made = [*before, *fewer(list(self.evidence), room), *after]
        return [line.rstrip() for line in made]

    def further(self) -> list[str]:
        """Return what helps: a task's hint; without one, what is unlike."""
        if self.task:
            return [f"For a hint: {START} hint {self.task.number}"]
        if KNOWN.search(self.place):
            return []
        return [f"Yours beside the solution: {START} diff --mine"]


def fewer(lines: list[str], room: int) -> list[str]:
    """Leave out what was sent, but for its first line, where it is tight."""
    while len(lines) > max(0, room):
        lines.pop(2 if lines[2:] and lines[2].startswith(" ") else -1)
    return lines


def indented(lines: tuple[str, ...]) -> list[str]:
    return ["  " + line for line in lines]


def wrapped(text: str, indent: str) -> list[str]:
    """Return at most four lines; words, such as paths, stay whole."""
    made = textwrap.wrap(
        text,
        COLUMNS,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
    )
    return made if len(made) <= 4 else [*made[:3], indent + "..."]


# What is explained


def of_outcome(
    outcome: Outcome, folder: Path, task: Task | None, symbol: str = ""
) -> Explanation:
    """Explain a promise that was broken; the symbol is the place to look."""
    seen = Seen(**outcome.seen)
    program = of_app(outcome, folder)
    finding = (
        program
        or silent.found(seen, parsed_file(folder / "pico.py"))
        or unset.found(seen, folder)
        or causes.found(outcome)
    )
    named = PLACE.search(finding.cause)
    where = seen.stuck or seen.where or (named[0] if named else "")
    where = "" if program else where or written(folder, finding.says)
    symbol = next((s for s in finding.symbols if there(folder, s)), symbol)
    step, name = parsed(outcome.nodeid)
    case = f" ({outcome.case})" if outcome.case else ""
    return Explanation(
        f"{step}: {name}{case}",
        finding.cause,
        where or look_at(folder, task, outcome.place, symbol),
        task,
        tuple(evidence(seen, finding)),
        tuple(by_hand(seen, folder, outcome.place)),
    )


def of_app(outcome: Outcome, folder: Path) -> causes.Finding | None:
    """Return what is wrong with app.py, where pico.py only met it."""
    said = f"{outcome.reason} {outcome.seen.get('error', '')}"
    if NO_APP.search(said):
        cause = "app.py must call its application `app`: so it is imported."
        return causes.Finding(cause, symbols=("app",))
    for node in parsed_file(folder / "app.py"):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            cause = of_handler(node, said, outcome.seen.get("received", ""))
            if cause:
                symbol = f"app.{node.name}"
                return causes.Finding(
                    f"`{node.name}` {cause}", symbols=(symbol,)
                )
    return None


def of_handler(
    node: ast.FunctionDef | ast.AsyncFunctionDef, said: str, came: str
) -> str:
    """Return what is wrong with a handler of app.py, or ""."""
    marks = [ast.unparse(mark) for mark in node.decorator_list]
    if "app.route" in marks and came.startswith("HTTP/1.1 404"):
        return 'has no path: write `@app.route("/...")`, which is a call.'
    if not any(".route(" in mark for mark in marks):
        return ""
    if isinstance(node, ast.FunctionDef) and NOT_AWAITED.search(said):
        return (
            "is a plain function, and handlers are awaited: write `async def`."
        )
    returns = [n for n in ast.walk(node) if isinstance(n, ast.Return)]
    if NO_CONTENT.search(said) and any(one.value for one in returns):
        return (
            "returns a value, and nobody looks at it: set `response.json` or"
            " `response.body`."
        )
    return ""


def of_cut(
    cut: Cut, folder: Path, where: str, task: Task | None
) -> Explanation:
    """Explain a promise that did not end, or ended Python."""
    step, name = parsed(cut.nodeid) if cut.nodeid else ("", "")
    sentence = "It " + str(cut).removeprefix(cut.nodeid).strip()
    return Explanation(
        f"{step}: {name}" if name else "The promises could not be run",
        sentence if name else str(cut),
        where or look_at(folder, task, ""),
        task,
    )


def of_error(
    error: WorkshopError, folder: Path, task: Task | None
) -> Explanation:
    """Explain why a folder's program cannot be tried at all."""
    place = PLACE.search(str(error)) or (
        None if task else FILE.match(str(error))
    )
    return Explanation(
        f"{shown(folder)} starts",
        FROM.sub("", str(error)),
        place[0] if place else look_at(folder, task, ""),
        task,
    )


# The place to look


def look_at(
    folder: Path, task: Task | None, test: str, symbol: str = ""
) -> str:
    """Return where the task's symbol is, or should be; else the test."""
    symbol = symbol or (task.symbol if task else "")
    if not symbol:
        return f"{test} (the promise)" if test else shown(folder)
    room, _, name = symbol.partition(".")
    path = folder / f"{room}.py"
    line = defined(path, name)
    at = f", line {line}" if line else ""
    return f"{shown(path)}{at}" + (f": {name}" if name else "")


def written(folder: Path, text: str) -> str:
    """Return the line of a folder where a text stands, or ""."""
    for path in sorted(folder.glob("*.py")) if text else ():
        for node in parsed_file(path):
            for part in ast.walk(node):
                if isinstance(part, ast.Constant) and part.value == text:
                    return f"{shown(path)}, line {part.lineno}"
    return ""


def symbol_at(folder: Path, place: str) -> str:
    """Return what a place in a folder is about: "pico.Protocol.answer"."""
    found = PLACE.match(place)
    file, _, line = found[0].partition(", line ") if found else ("", "", "0")
    path = folder / Path(file).name
    if shown(path) != file:
        return ""
    name = diffs.enclosing("\n".join(diffs.content(path) or []), int(line))
    return f"{path.stem}.{name}"


def there(folder: Path, symbol: str) -> bool:
    """Return whether a folder defines this."""
    room, _, name = symbol.partition(".")
    path = folder / f"{room}.py"
    if not name:
        return path.is_file()
    return defined(path, name, whole=True) is not None


def defined(path: Path, name: str, whole: bool = False) -> int | None:
    """Return the line where a file defines `Class.method`, or None.

    Unless it must be the whole, the line of the class is better than none.
    """
    body = parsed_file(path)
    line = None
    for word in name.split("."):
        kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        for node in body:
            if isinstance(node, kinds) and node.name == word:
                line, body = node.lineno, node.body
                break
        else:
            return assigned(body, word) or (None if whole else line)
    return line


def parsed_file(path: Path) -> list[ast.stmt]:
    """Return the statements of a file; none, if it cannot be read."""
    try:
        return ast.parse(path.read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return []


def assigned(body: list[ast.stmt], name: str) -> int | None:
    """Return the line where a name is assigned, or None."""
    for node in body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(t, ast.Name) and t.id == name for t in targets):
            return node.lineno
    return None


# What was sent and received, or compared


def evidence(seen: Seen, finding: causes.Finding) -> list[str]:
    """Return what was sent and received; else the values compared."""
    if seen.sent and not (finding.compared and seen.received):
        return [*sent(seen.sent), *came(seen, finding)]
    if seen.operator and len(seen.left) + len(seen.right) > 2:
        return compared(seen)
    return []


def sent(segments: list[str]) -> list[str]:
    """Return the bytes sent, segment by segment."""
    joined = "".join(segments)
    pieces = [piece for piece in segments if piece]
    if len(pieces) < 2 or len(pieces) > ROOM_SENT - 1:
        cut = f", in {len(pieces)} pieces" if len(pieces) > 1 else ""
        return [
            f"Sent{cut}:",
            *indented(tuple(received.shown(joined, ROOM_SENT))),
        ]
    lines = [received.clipped(received.escaped(piece)) for piece in pieces]
    return [f"Sent, in {len(pieces)} pieces:", *indented(tuple(lines))]


def came(seen: Seen, finding: causes.Finding) -> list[str]:
    """Return the bytes received, with the caret."""
    at = finding.at
    if at is not None:
        at = min(at, len(seen.received))
    rows = received.shown(seen.received, ROOM_RECEIVED, at, finding.note)
    return ["Received:", *indented(tuple(rows))]


def compared(seen: Seen) -> list[str]:
    """Return what came and what was expected, the difference in sight."""
    left, right = seen.left, seen.right
    at = received.differs(left, right)
    start = max(0, at - received.WIDTH // 2) if at > 60 else 0
    mark = "..." if start else ""
    label = {"<": "Less than: ", "in": "Is not in: ", "not in": "Is in:     "}
    expected = label.get(seen.operator, "Expected:  ")
    width = COLUMNS - len(expected)
    rows = [mark + text[start + len(mark) :] for text in (left, right)]
    made = [
        "Came:      " + received.clipped(rows[0], width),
        expected + received.clipped(rows[1], width),
    ]
    if seen.operator == "==" and at - start < width:
        made.append(" " * (len(expected) + at - start) + "^")
    return made


# How to try it


def by_hand(seen: Seen, folder: Path, test: str) -> list[str]:
    """Return the command lines that send the same by hand."""
    if not any(seen.sent):
        return []
    if not seen.program:
        return ["# This promise has an app of its own: see", f"# {test}"]
    if sys.platform == "win32":  # It has no printf, and quotes otherwise.
        return [
            "# write the bytes above into a file, request.http; then",
            f"{START} send request.http --crlf --step {short(folder)}",
        ]
    lines = [f"{START} serve {short(folder)} --port {PORT}"]
    if not known("".join(seen.sent)):
        lines.append(f"# with the routes of {seen.program} in your app.py")
    return [*lines, *curl(seen.sent)]


def typed(words: list[str]) -> list[str]:
    """Return a command line, which goes on behind a backslash."""
    made = [words[0]]
    for word in words[1:]:
        if len(made[-1]) + len(word) > received.WIDTH - 4:
            made[-1] += " \\"
            made.append("  " + word)
        else:
            made[-1] += " " + word
    fits = max(map(len, made)) <= received.WIDTH + 2 and len(made) <= 4
    return made if fits else TOO_LONG


def short(folder: Path) -> str:
    """Return a folder as it is typed."""
    return shlex.quote(shown(folder))


def known(data: str) -> bool:
    """Return whether the app of the steps has this route, or nobody."""
    line = data.split("\r\n")[0].split(" ")
    path = line[1].partition("?")[0] if len(line) == 3 else "/"
    return path in ("/", "/nowhere") or path.startswith("/hello")


def curl(segments: list[str]) -> list[str]:
    """Return the lines of curl that send the same, or nearly.

    >>> curl(["PUT /a?b HTTP/1.1\\r\\nHost: pico\\r\\n\\r\\n"])
    ["curl -i -X PUT 'http://127.0.0.1:8001/a?b'"]
    """
    pieces = [piece for piece in segments if piece]
    head, blank, content = pieces[0].partition("\r\n\r\n")
    line, *fields = head.split("\r\n")
    words = line.split(" ")
    simple = len(pieces) == 1 and blank and TARGET.fullmatch(line)
    if not simple or not is_curls(fields, content):
        return raw_curl(pieces)
    return typed(["curl -i", *options(words, fields, content)])


def is_curls(fields: list[str], content: str) -> bool:
    """Return whether curl makes such fields by itself, or as it is told.

    It sends one Host, the length that the content has, and no empty field.

    >>> is_curls(["Host: a"], ""), is_curls(["Host: a", "Host: b"], "")
    (True, False)
    """
    pairs = [FIELD.fullmatch(field) for field in fields]
    names = [pair[1].lower() for pair in pairs if pair]
    own = {pair[1].lower(): pair[2] for pair in pairs if pair}
    length = str(len(content)) if content else None
    return (
        all(pairs)
        and names.count("host") == 1
        and names.count("content-length") <= 1
        and own.get("content-length") == length
        and own.get("connection", "close") == "close"
        and not {"transfer-encoding", "expect", "upgrade"} & set(names)
        and received.escaped(content) == content
        and not content.startswith("@")
    )


def options(words: list[str], fields: list[str], content: str) -> list[str]:
    """Return what curl is told of a request."""
    method, path, version = words
    made = ["--http1.0"] if version == "HTTP/1.0" else []
    if method == "HEAD":
        made.append("--head")
    elif method != ("POST" if content else "GET"):
        made.append(f"-X {method}")
    for field in fields:
        if field.partition(":")[0].lower() not in LEFT_OUT:
            made.append(f"-H {quoted(field)}")
    if content:
        made.append(f"--data-binary {quoted(content)}")
    return [*made, quoted(f"http://127.0.0.1:{PORT}{path}")]


def quoted(text: str) -> str:
    return shlex.quote(received.escaped(text))


def raw_curl(pieces: list[str]) -> list[str]:
    """Return lines that send bytes as they are, piece by piece."""
    if len(pieces) == 1:
        heads = re.findall(r"(?s).+?\r\n\r\n|.+$", pieces[0])
        quotes = [printed(head) for head in heads]
        glued = [quote + "\\" for quote in quotes[:-1]] + quotes[-1:]
        lines = [f"printf {glued[0]}", *glued[1:]]
    else:
        first, *others = map(printed, pieces)
        lines = [f"(printf {first}"]
        lines += [f"  sleep 1; printf {quote}" for quote in others]
        lines[-1] += ")"
    lines[-1] += " |"
    limit = len(pieces) + 1  # seconds
    lines.append(f"  curl -sN -m {limit} telnet://127.0.0.1:{PORT}")
    fits = max(map(len, lines)) <= received.WIDTH + 2 and len(lines) <= 4
    return lines if fits else TOO_LONG


def printed(text: str) -> str:
    """Return what printf is given, to write this text."""
    return quoted(text.replace("%", "%%"))


def named(explanation: Explanation, promise: str) -> Explanation:
    """Return the explanation of something else than a test."""
    return replace(explanation, promise=promise)
