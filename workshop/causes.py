"""Say the likely cause of a broken promise, in one sentence.

Knows: rules on what was seen: bytes, values, exceptions, how it ended.
Does not know: tasks, hints, how an explanation looks.

The rules are tried from top to bottom; the first one that fits is told.
"""

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from workshop.bench.counts import WORDS
from workshop.mistakes import STOPPED
from workshop.outcomes import Outcome, Seen
from workshop.received import Part, clipped, differs, parts
from workshop.steps import all_steps

FIELD = re.compile(r"""\.field\(["']([\w-]+)["']\)""")
LACKS = re.compile(r"AssertionError: (?:\S+ has no (\w+)|a view is always)")
RAISED = re.compile(r"DID NOT RAISE (?:<class ')?(?:[\w.]+\.)?(\w+)")
SAID = re.compile(r"^(?:[\w.]+\.)?(?:WorkshopError|Inexact|Left): (.+)", re.S)
WRONG = re.compile(r"WrongAnswer: A wrong answer came: (.+)", re.S)
COST = re.compile(r"\.(bytecodes|python_calls|c_calls|writes|tasks)\b")
COUNTS = re.compile(r"Counts\(bytecodes=(\d+)")
LATE = re.compile(r"(?im)^content-length: *\d+\r?$")
NEAR_LENGTH = re.compile(r"(?im)^content-length(?: +:)? *\d+(?=\r?$)")
PIPELINED = 'shape="pipelined"'
BARE_LF = re.compile(r"(?<!\r)\n")
# The same in a head, as Python writes bytes.
LF_FIRST = re.compile(
    r"""b['"]HTTP/1\.[01](?:[^\\]|\\r\\n(?!\\r\\n))*(?<!\\r)\\n"""
)
LF_ALONE = "A line ends with LF alone: HTTP ends each line with CRLF, \\r\\n."
PHRASES = {status.phrase for status in HTTPStatus}
DICT = re.compile(rb"\{'\w+': ")  # as Python writes one, and JSON does not
BREAKS = ("connection.Connection.ended",)
CALLS = ("pico.Pico.respond", "pico.Pico.answer")
CLOSERS = ("flow.Flow.linger", "connection.Connection.leave")
CHUNKS = ("connection.Connection.write_pieces", "pico.RESPONSE")
HEADS = ("rendering.render_head", "pico.Protocol.answer", "pico.RESPONSE")
WRITERS = ("connection.Connection.send", "pico.Protocol.answer")
PROTOCOLS = (
    "connection.Connection",
    "flow.Flow",
    "pico.Protocol",
    "parsing.RequestParser",
)
# What promises ask of an app, and app.py does not show.
ASKED = {
    "route": "`route(path, methods=None)`, which returns a decorator; from"
    " step 03 on it takes more words, such as `lazy_body=True`, for the route",
    "serve": "`serve(host=None, port=None)`, an async context manager that"
    " gives something with a `url`",
    "Protocol": "`Protocol`, the class of a connection, which is made with"
    " the app: `self.Protocol(self)`",
    "encode_json": "`encode_json`, which makes text of a value",
    "router": "`router`, its Router",
}
LACKED = re.compile(r"'\w*Pico' object has no attribute '(\w+)'")
CALLBACK = re.compile(
    r"TypeError: \w+\.(\w+)\(\) (?:takes .+ given$|missing \d+ required)"
)
READY = re.compile(
    r"TypeError: '(\w*(?:Protocol|Connection))' object is not callable"
)
REFUSED = re.compile(r"\bPico\.(\w+)\(\) (?:got|takes|missing)")
LOCAL = re.compile(r"\b[\w.]+\.<locals>\.")  # before a function's name
TAKEN = re.compile(r"TypeError: .*\b(\w+Error)'? object\b")
NO_BLOCK = "does not support the asynchronous context manager"
FRAMING = {"content-length", "transfer-encoding", "connection", "date"}
AT_LAST = {"kept": "is kept open", "silent": "stays open"}
ENDS = {"ended", "kept", "closed", "reset", "silent", "left"}


@dataclass(frozen=True)
class Finding:
    """A likely cause, and where in the bytes received it shows."""

    cause: str
    at: int | None = None  # the byte that matters
    note: str = ""  # what is said beside its caret
    compared: bool = False  # the values tell more than the bytes
    symbols: tuple[str, ...] = ()  # where to look: the first that exists
    says: str = ""  # the text of an answer: who has written it?


def found(outcome: Outcome) -> Finding:
    """Return the likely cause of a broken promise."""
    seen = Seen(**outcome.seen)
    for rule in RULES:
        finding = rule(outcome, seen)
        if finding:
            return finding
    first = next(iter(outcome.reason.splitlines()), "the test says nothing")
    return Finding(f"The promise does not hold: {clipped(first, 100)}.")


# What happened to the program


def server_ended(outcome: Outcome, seen: Seen) -> Finding | None:
    if not seen.ended:
        return None
    likely = "look for sys.exit or os._exit"
    if seen.ended == "status 0":
        likely = "does it serve for ever? Else look for sys.exit or os._exit"
    return Finding(
        f"The server ended ({seen.ended}) instead of answering: {likely}.",
        len(seen.received),
        "the server ended here",
    )


def server_hangs(outcome: Outcome, seen: Seen) -> Finding | None:
    if not seen.stuck:
        return None
    return Finding(
        "The code does not come back from this line: a loop that never ends,"
        " or a call that blocks.",
        len(seen.received),
        "no answer within 2 seconds",
    )


def app_lacks_something(outcome: Outcome, seen: Seen) -> Finding | None:
    """Tell what an app must have, which only tests and tools have asked."""
    said = "" if seen.where else outcome.reason.partition("\n")[0]
    found = LACKED.search(said) or REFUSED.search(said)
    name = found[1] if found else "serve" if NO_BLOCK in said else ""
    if name not in ASKED:
        return None
    places = (f"pico.Pico.{name}", "pico.Pico")
    return Finding(f"Pico must have {ASKED[name]}.", symbols=places)


def not_loaded(outcome: Outcome, seen: Seen) -> Finding | None:
    said = SAID.match(outcome.reason)
    return Finding(" ".join(said[1].split())) if said else None


def name_is_missing(outcome: Outcome, seen: Seen) -> Finding | None:
    lacks = LACKS.search(outcome.reason)
    if lacks:
        return Finding(f"{not_there(lacks[1] or 'protocols')} is not there.")
    if "NoneType" in seen.error and "await" in seen.error:
        return Finding("None is awaited: a plain function has no coroutine.")
    if not re.match("(Attribute|Name)Error", seen.error):
        return None
    if "'coroutine' object" in seen.error:
        return Finding(
            "A coroutine is taken for what it returns: is an await missing?"
            f" {seen.error}."
        )
    if "NoneType" in seen.error:
        return Finding(
            f"Something returned nothing: is a return missing? {seen.error}."
        )
    return Finding(f"A name is missing: {seen.error}.")


def not_there(name: str) -> str:
    """Return what a promise looked for: a room, or a name in pico.py.

    >>> not_there("routing"), not_there("Pico")
    ('The room routing.py', 'The name Pico in pico.py')
    """
    rooms = {path.stem for s in all_steps() for path in s.folder.glob("*.py")}
    if name in rooms:
        return f"The room {name}.py"
    return f"The name {'listen' if name == 'hooks' else name} in pico.py"


def left_over(outcome: Outcome, seen: Seen) -> Finding | None:
    if "unraisable exception warning" not in outcome.reason:
        return None
    return Finding(
        "When all was over, something was left: is each connection closed,"
        " and each task awaited?",
        symbols=("connection.Connection.leave", "pico.Pico.serve"),
    )


def never_awaited(outcome: Outcome, seen: Seen) -> Finding | None:
    if not seen.awaited:
        return None
    name = seen.awaited.partition(" ")[0]
    return Finding(
        f"{seen.awaited}.",
        len(seen.received),
        "content is missing",
        symbols=(f"parsing.{name}", *CALLS),
    )


def loop_cannot_call(outcome: Outcome, seen: Seen) -> Finding | None:
    """Tell what the loop wants to call, and cannot."""
    ready = READY.match(seen.error)
    if ready and not seen.where:
        return Finding(
            f"create_server is given one {ready[1]} that is made already; it"
            " makes one for each connection: give it the class, or a lambda.",
            0,
            "no answer",
            symbols=("pico.Pico.serve", "pico.main"),
        )
    callback = CALLBACK.match(seen.error)
    if not callback or seen.where:
        return None
    if "connection_made() missing" in seen.error:
        return Finding(
            "asyncio is given the class itself, and not one that is made for"
            " this connection: is it `lambda: self.Protocol(self)`?",
            0,
            "no answer",
            symbols=("pico.Pico.serve",),
        )
    said = seen.error.removeprefix("TypeError: ")
    who = "httptools" if callback[1].startswith("on_") else "asyncio"
    return Finding(
        f"{who} calls `{callback[1]}`, and cannot: {said}. Does it have"
        f" `self` and what {who} gives it?",
        0,
        "no answer",
        symbols=tuple(f"{room}.{callback[1]}" for room in PROTOCOLS),
    )


def raised(outcome: Outcome, seen: Seen) -> Finding | None:
    if not seen.error:
        return None
    error = clipped(LOCAL.sub("", seen.error), 110).rstrip(".")
    cause = f"Your code raised {error}."
    if "BdbQuit" in seen.error:
        cause += f" {STOPPED}"
    if taken := TAKEN.match(seen.error):
        cause += f" Is {taken[1]} returned, where it should be raised?"
    return Finding(
        cause,
        len(seen.received) or None,
        "then it raised",
    )


# What came back, as HTTP


def nothing_came(outcome: Outcome, seen: Seen) -> Finding | None:
    if not seen.sent or seen.received or wanted_nothing(seen):
        return None
    if seen.loose:
        return Finding(
            f"Nothing was answered, as {seen.loose} went through: who catches"
            " what a handler raises?",
            0,
            "an answer is missing",
            symbols=CALLS,
        )
    if seen.end == "silent":
        return Finding("No answer came: is it written at all?", 0, "silence")
    return Finding(
        "The connection ended without an answer: is it closed, or broken off,"
        " before the answer is written?",
        0,
        "the connection ended here",
    )


def wanted_nothing(seen: Seen) -> bool:
    return bool(value(seen.right) == [])


def head_is_not_first(outcome: Outcome, seen: Seen) -> Finding | None:
    """Tell of content that comes before its head."""
    before, head, _ = seen.received.partition("HTTP/1.")
    if not head or not before or not seen.garbage:
        return None
    return Finding(
        "The head of an answer comes first, and then its content.",
        0,
        "HTTP/1.1 was expected",
        symbols=WRITERS,
    )


def head_has_no_end(outcome: Outcome, seen: Seen) -> Finding | None:
    """Tell of a head that goes straight over into its content."""
    raw = seen.received
    if not raw.startswith("HTTP/") or "\r\n\r\n" in raw:
        return None
    *_, last = raw.split("\r\n")
    if "\r\n" not in raw or BARE_LF.search(raw) or not last:
        return None
    return Finding(
        "The empty line is missing that ends the head: CRLF once more, before"
        " the content.",
        len(raw) - len(last),
        "\\r\\n is missing",
        symbols=HEADS,
    )


def line_ends_with_lf(outcome: Outcome, seen: Seen) -> Finding | None:
    first = next(iter(parts(seen.received)), None)
    lf = BARE_LF.search(seen.received)
    if first is None or lf is None or lf.start() >= first.content_at:
        return None
    return Finding(
        LF_ALONE,
        lf.start(),
        "\\r is missing",
        symbols=HEADS,
    )


def length_does_not_fit(outcome: Outcome, seen: Seen) -> Finding | None:
    if any(text.startswith("HEAD") for text in seen.sent):
        return None
    for part in parts(seen.received):
        text, at = part.fields.get("content-length", ("", 0))
        came = len(part.content)
        if not text.isdecimal() or int(text) == came:
            continue
        content = part.content.encode("latin-1")
        letters = len(content.decode(errors="replace"))
        advice = ": count the bytes that are sent, not characters"
        return Finding(
            f"Content-Length says {text}, but {came} bytes of content came"
            f"{advice if letters == int(text) else ''}.",
            at,
            f"{came} came",
            symbols=HEADS,
        )
    return None


def closing_is_left_open(outcome: Outcome, seen: Seen) -> Finding | None:
    """Tell of a last answer that no end of the connection follows."""
    last = next(reversed(parts(seen.received)), None)
    if not last or seen.end != "silent":
        return None
    option, _ = last.fields.get("connection", ("", 0))
    length, _ = last.fields.get("content-length", ("", 0))
    if option.lower() != "close" or length != f"{len(last.content)}":
        return None
    return Finding(
        "The answer says that it is the last one, and the connection stays"
        " open: who closes it?",
        len(seen.received),
        "it stays open",
        symbols=CLOSERS,
    )


def head_with_content(outcome: Outcome, seen: Seen) -> Finding | None:
    first = next(iter(parts(seen.received)), None)
    if not first or not first.content or not seen.sent[0].startswith("HEAD"):
        return None
    return Finding(
        "HEAD is answered with content: only the head may be sent.",
        first.content_at,
        "too much",
    )


def end_of_content_is_not_told(outcome: Outcome, seen: Seen) -> Finding | None:
    near = NEAR_LENGTH.search(seen.received.partition("\r\n\r\n")[0])
    if near and seen.end == "silent":
        return Finding(
            f"The line {near[0]!r} is no field: a colon follows the name"
            " without a space (RFC 9112, 5).",
            near.start(),
            "name: value",
            symbols=HEADS,
        )
    for part in parts(seen.received):
        told = {"content-length", "transfer-encoding"} & set(part.fields)
        bare = part.status in (204, 304) or part.status < 200
        if not told and not bare and seen.end == "silent":
            if LATE.search(part.content):
                return ended_early(part)
            return Finding(
                "Content-Length is missing: the client cannot know where the"
                " content ends, and waits.",
                part.fields_end,
                "content-length is missing",
                symbols=HEADS,
            )
    return None


def ended_early(part: Part) -> Finding:
    """Return what is wrong with a head whose fields come after its end."""
    return Finding(
        "Fields come after the empty line that ends the head: it is the last"
        " line of a head (RFC 9112, 2.1).",
        part.fields_end,
        "here the head ends",
        symbols=HEADS,
    )


def no_http(outcome: Outcome, seen: Seen) -> Finding | None:
    if not seen.garbage:
        return None
    return Finding(
        f"What came is no HTTP answer: {seen.garbage}.", len(seen.received)
    )


# What came back, and what was expected


def wrong_answer_counted(outcome: Outcome, seen: Seen) -> Finding | None:
    wrong = WRONG.search(outcome.reason)
    if not wrong:
        return None
    if LF_FIRST.search(wrong[1]) or "with LF alone" in wrong[1]:
        return Finding(LF_ALONE, symbols=HEADS)
    said = clipped(" ".join(wrong[1].split()), 110)
    return Finding(f"{counted(seen)} is answered wrongly: {said}")


def counted(seen: Seen) -> str:
    """Say which request it is whose price was asked."""
    together = PIPELINED in seen.statement
    return "One of 16 pipelined requests" if together else "A warm hello"


def connection_ends_otherwise(outcome: Outcome, seen: Seen) -> Finding | None:
    left, right = value(seen.left), value(seen.right)
    if not {str(left), str(right)} <= ENDS:
        return None
    if (left, right) == ("silent", "kept"):
        return Finding("The next request on the connection got no answer.")
    came = AT_LAST.get(left, "ended")
    want = "be kept open" if right == "kept" else "be ended"
    return Finding(
        f"The connection {came}, but it must {want}.",
        len(seen.received),
        f"then it {came}",
    )


def chunks_have_no_end(outcome: Outcome, seen: Seen) -> Finding | None:
    """Tell of a chunked answer that never looks whole."""
    last = next(reversed(parts(seen.received)), None)
    if not last or seen.end != "silent":
        return None
    coding, _ = last.fields.get("transfer-encoding", ("", 0))
    if coding.lower() != "chunked":
        return None
    if last.content.endswith("0\r\n\r\n"):
        return None
    if "never_looks_whole" in outcome.nodeid:
        return Finding(
            "The stream has failed, and the connection stays open: only if it"
            " is broken off does the client see that this is not all.",
            len(seen.received),
            "the connection stays open",
            symbols=BREAKS,
        )
    return Finding(
        "The field Transfer-Encoding says chunked, and the last chunk never"
        " came: 0, CRLF, CRLF (RFC 9112, 7.1).",
        len(seen.received),
        "0\\r\\n\\r\\n is missing",
        symbols=CHUNKS,
    )


def wrong_answers(outcome: Outcome, seen: Seen) -> Finding | None:
    """Compare lists of answers: statuses, or status and content."""
    got, want = value(seen.left), value(seen.right)
    if not seen.sent or not all(isinstance(v, list) for v in (got, want)):
        return None
    if not of_answers(got) or not of_answers(want):
        return None
    if sorted(map(repr, got)) == sorted(map(repr, want)):
        at = content_at(seen, next_difference(got, want))
        return Finding(
            "The answers came in another order than the requests.",
            at,
            "another answer's content",
        )
    number = next_difference(got, want)
    if number in (len(got), len(want)):
        return another_number(seen, len(got), len(want))
    return of_one(seen, number, got[number], want[number])


def another_number(seen: Seen, came: int, due: int) -> Finding:
    """Tell of too many answers, or of one that is missing."""
    if came > due:
        return Finding(f"{came} answers came, not {due}.")
    if seen.loose:
        return Finding(f"An answer is missing: {seen.loose} went through.")
    return Finding(
        f"{came} of {due} answers came: one is never written.",
        len(seen.received),
        f"answer {came + 1} is missing",
    )


def of_answers(values: Any) -> bool:
    """Return whether these may be statuses, or pairs that begin with one."""
    return all(
        isinstance(v, int) or (isinstance(v, tuple) and len(v) == 2)
        for v in values
    )


def next_difference(got: list[Any], want: list[Any]) -> int:
    pairs = zip(got, want, strict=False)
    unlike = (n for n, (a, b) in enumerate(pairs) if a != b)
    return next(unlike, min(len(got), len(want)))


def content_at(seen: Seen, number: int) -> int:
    known = parts(seen.received)
    return known[number].content_at if number < len(known) else 0


def of_one(seen: Seen, number: int, got: Any, want: Any) -> Finding | None:
    """Compare one answer: a status, or a status and something else."""
    known = parts(seen.received)
    if number >= len(known):
        return None
    part = known[number]
    status, other = got if isinstance(got, tuple) else (got, None)
    right, wanted = want if isinstance(want, tuple) else (want, None)
    if status != right:
        says = reason_of(part)
        said = f" It says {clipped(says, 60)!r}." if says else ""
        return Finding(
            f"The status is {status}, but it must be {right}.{said}",
            part.status_at,
            f"{right} was expected",
            says=says,
        )
    if isinstance(wanted, bytes) and isinstance(other, bytes):
        return of_content(seen, number, other, wanted)
    return of_field(seen, number, other, wanted)


def reason_of(part: Part) -> str:
    """Return what an error says, unless it is the name of its status."""
    said = part.content.strip() if part.status >= 400 else ""
    return "" if said in PHRASES else said


def of_content(seen: Seen, number: int, got: bytes, want: bytes) -> Finding:
    place = differs(got.decode("latin-1"), want.decode("latin-1"))
    cause = "The content is another than expected."
    symbols: tuple[str, ...] = ()
    if not got:
        cause = "The answer has no content: who should have set its body?"
    elif len(DICT.findall(got)) > len(DICT.findall(want)):
        cause = (
            "A handler got its parameters as one dict: `**` before it makes"
            " each of them an argument of its own."
        )
        symbols = CALLS
    text = want.decode("latin-1")
    return Finding(
        cause,
        content_at(seen, number) + place,
        clipped(f"expected {text[place:] or 'the end'}", 40),
        symbols=symbols,
    )


def of_error(seen: Seen) -> Finding | None:
    """Tell of an error, where the test took its content for another one."""
    part = next(iter(parts(seen.received)), None)
    if part is None or part.status < 400:
        return None
    return Finding(
        f"The answer is an error: its status is {part.status}.",
        part.status_at,
        "no error was expected",
    )


def of_field(seen: Seen, number: int, got: Any, want: Any) -> Finding | None:
    """Compare a field; the line of the test says which."""
    name = FIELD.search(seen.statement)
    known = parts(seen.received)
    if not name or number >= len(known):
        return None
    part, title = known[number], name[1].title()
    value_, at = part.fields.get(name[1], (None, part.fields_end))
    if value_ is None:
        return Finding(
            f"The field {title} is missing.",
            at,
            f"{name[1]} is missing",
            symbols=makers(name[1]),
        )
    if not isinstance(want, str):
        return Finding(f"The field {title} must not be there.", at, "too much")
    return Finding(
        f"The field {title} has another value than expected.",
        at + differs(value_, want),
        clipped(f"expected {want}", 40),
        symbols=makers(name[1]),
    )


def makers(name: str) -> tuple[str, ...]:
    """Return where a field may be made, if it is no handler's."""
    if name == "allow":
        return ("pico.allow_field", "pico.Pico.lookup")
    return HEADS if name in FRAMING else ()


def wrong_part(outcome: Outcome, seen: Seen) -> Finding | None:
    """Compare a part of one answer: status, content, a field, or all."""
    got, want = value(seen.left), value(seen.right)
    if not seen.received:
        return None
    if FIELD.search(seen.statement) and not isinstance(got, tuple):
        wanted = got if seen.operator == "in" else want
        return of_field(seen, 0, got, wanted)
    if isinstance(got, bytes) and isinstance(want, bytes):
        if got.decode("latin-1") == seen.received and seen.operator == "==":
            return of_bytes(seen, want.decode("latin-1"))
        if seen.operator == "==":
            return of_error(seen) or of_content(seen, 0, got, want)
    pairs = isinstance(got, tuple) and isinstance(want, tuple)
    numbers = type(got) is int and "status" in seen.statement
    if numbers or (pairs and len(got) == len(want) == 2):
        return of_one(seen, 0, got, want)
    return None


def of_bytes(seen: Seen, want: str) -> Finding:
    at = differs(seen.received, want)
    part = parts(seen.received)[0] if parts(seen.received) else None
    missing = (
        part
        and "content-length" in want
        and not part.fields.get("content-length")
    )
    cause = "The bytes are others than the promised ones."
    if part and LATE.search(part.content):
        return ended_early(part)
    if missing:
        cause = "Content-Length is missing."
    rest = want[at:].split("\r\n")[0]
    return Finding(cause, at, clipped(f"expected {rest}", 40))


# Values that were never on the wire


def nothing_raised(outcome: Outcome, seen: Seen) -> Finding | None:
    missing = RAISED.search(outcome.reason)
    if not missing:
        return None
    if missing[1] == "OSError":  # Promises connect, and must be refused.
        return Finding(
            "Who connects is let in, where nobody may be: is the port"
            " released?"
        )
    return Finding(f"Nothing was raised, where {missing[1]} is due.")


def too_expensive(outcome: Outcome, seen: Seen) -> Finding | None:
    cost = COST.search(seen.statement)
    if not cost or seen.operator not in ("<", "=="):
        return None
    fewer = "fewer than " if seen.operator == "<" else ""
    return Finding(
        f"{counted(seen)} costs {seen.left} {WORDS[cost[1]]}; it"
        f" must be {fewer}{seen.right}."
    )


def costs_more(outcome: Outcome, seen: Seen) -> Finding | None:
    """Compare two requests that are to cost the same."""
    found = [COUNTS.match(text) for text in (seen.left, seen.right)]
    left, right = (one and one[1] for one in found)
    if not left or not right:
        return None
    return Finding(
        f"It costs {left} bytecodes, where a warm hello costs {right}: both"
        " must cost the same."
    )


def another_order(outcome: Outcome, seen: Seen) -> Finding | None:
    got, want = value(seen.left), value(seen.right)
    if not (isinstance(got, list) and isinstance(want, list)):
        return None
    if len(got) == len(want) and sorted(map(str, got)) == sorted(
        map(str, want)
    ):
        return Finding("All of it came, in another order.", compared=True)
    more = [one for one in got if one not in want]
    less = [one for one in want if one not in got]
    if less and not more:
        return Finding(f"{less[0]!r} is missing.", compared=True)
    if more and not less:
        return Finding(f"{more[0]!r} is one too many.", compared=True)
    return None


def other_values(outcome: Outcome, seen: Seen) -> Finding | None:
    if seen.operator == "not in":
        return Finding(f"It tells {clipped(seen.left, 40)}, and must not.")
    if seen.operator == "in":
        place = "in the log" if "caplog" in seen.statement else "there"
        return Finding(f"{clipped(seen.left, 60)} is not {place}.")
    if not seen.operator:
        return None
    cause = "Another value came than expected."
    if seen.left == "None":
        cause = "Nothing came back: is a return missing?"
    if seen.left.startswith("<bound method"):
        cause = "A method came, and not its value: is @property missing?"
    return Finding(cause, compared=True)


def value(text: str) -> Any:
    """Return the value that Python wrote so, or None."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


Rule = Callable[[Outcome, Seen], Finding | None]
RULES: list[Rule] = [
    server_ended,
    server_hangs,
    app_lacks_something,
    not_loaded,
    name_is_missing,
    never_awaited,
    loop_cannot_call,
    raised,
    left_over,
    nothing_came,
    head_is_not_first,
    head_has_no_end,
    line_ends_with_lf,
    closing_is_left_open,
    end_of_content_is_not_told,
    head_with_content,
    length_does_not_fit,
    no_http,
    wrong_answer_counted,
    chunks_have_no_end,
    connection_ends_otherwise,
    wrong_answers,
    wrong_part,
    nothing_raised,
    too_expensive,
    costs_more,
    another_order,
    other_values,
]
