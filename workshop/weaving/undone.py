"""Count what each optimisation of step 05 saves, by undoing it.

Knows: which names belong to which optimisation, the exact counts.
Does not know: how a count is taken, how it is shown.

    python -m workshop.weaving.undone      write docs/results/undone.json

A copy of step 05 gets the definitions of step 04 back, those of one
optimisation at a time, and is asked for a hello: once with the field Host
alone, once as a browser asks, and once of an app with a hundred routes more;
and it is sent the position of a drone, in JSON.
What it then costs more is what the optimisation saves; less than nothing, if
the request does not profit.
"""

import ast
import json
import platform
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from workshop.bench import Case, programs, results, shapes
from workshop.bench.arms import Arm
from workshop.bench.counter import Counter
from workshop.errors import PASS, WorkshopError
from workshop.hashes import sources
from workshop.steps import find
from workshop.weaving.cuts import child, decorators

OLD, NEW = "04", "05"
PATH = results.RESULTS / "undone.json"

# optimisation: room: names to put back; none: the whole file
UNDONE: Mapping[str, Mapping[str, Sequence[str]]] = {
    "json": {"pico": ["Pico.encode_json"]},
    "hooks": {"pico": ["Pico.answer", "Pico.respond"]},
    "fields": {
        "parsing": [
            "HttpError",  # its import, with Headers
            "RequestParser.on_message_begin",
            "RequestParser.on_header",
            "RequestParser.on_headers_complete",
            "RequestParser.begin_request",
            "RequestParser.on_message_complete",
        ],
        "messages": ["Request.__init__"],
        "flow": ["BadMessage", "Flow.__init__"],
    },
    "routing": {"routing": []},
    "recall": {"flow": ["BadMessage", "Flow.__init__"]},
    "arrival": {"flow": ["Flow.data_received"]},
    "decoder": {"messages": ["Request.json"]},
}

# optimisation: another one that hides it, and is undone for both counts
HIDDEN = {"fields": "recall"}

LINE = b"GET /hello/bench HTTP/1.1\r\nHost: localhost\r\n"
BROWSER = (
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Firefox/128.0\r\n"
    b"Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\n"
    b"Accept-Language: en-US,en;q=0.5\r\n"
    b"Accept-Encoding: gzip, deflate, br, zstd\r\n"
    b"Cookie: session=6f2a91; theme=dark\r\n"
    b"Referer: http://localhost/\r\n"
    b"DNT: 1\r\n"
    b"Upgrade-Insecure-Requests: 1\r\n"
    b"Sec-Fetch-Dest: document\r\n"
    b"Sec-Fetch-Mode: navigate\r\n"
    b"Sec-Fetch-Site: same-origin\r\n"
    b"Connection: keep-alive\r\n"
)
CROWD = "crowd"
REQUESTS = {
    "hello": LINE + b"\r\n",
    "browser": LINE + BROWSER + b"\r\n",
    CROWD: LINE + b"\r\n",
}
CASES = {
    name: Case(name, request, content=b'{"message":"Hello bench"}')
    for name, request in REQUESTS.items()
} | {shapes.POST.name: shapes.POST}
PROGRAMS = {
    shapes.POST.name: shapes.POSITIONS,
    CROWD: programs.FOLDER / "hundred.py",
}
KEYS = ("bytecodes", "python_calls", "c_calls")
WORDS = {
    "json": "a JSON encoder made once",
    "hooks": "no call where nobody listens",
    "fields": "fields stay bytes until somebody asks",
    "routing": "routes by what they begin with",
    "recall": "fields that came before are not parsed again",
    "arrival": "fewer calls where bytes arrive",
    "decoder": "a JSON decoder made once, and asked itself",
}


def put_back(new: str, old: str, names: Sequence[str], where: str) -> str:
    """Return the new source with the old definitions of these names."""
    lines = new.splitlines()
    old_lines = old.splitlines()
    changes: list[tuple[tuple[int, int], list[str]]] = []
    for name in names:
        was = span(ast.parse(old), name, where)
        text = old_lines[was[0] : was[1]]
        try:
            now = span(ast.parse(new), name, where)
        except WorkshopError:  # It is no more: only a module can get it back.
            now = (len(lines), len(lines))
        changes.append((now, text))
    for (first, last), text in sorted(changes, reverse=True):
        lines[first:last] = text
    return "\n".join(lines) + "\n"


def span(tree: ast.Module, name: str, where: str) -> tuple[int, int]:
    """Return the first line of a definition, and the one after its last."""
    node: ast.AST = tree
    for each in name.split("."):
        node = child(node, each, where)
    assert isinstance(node, ast.stmt) and node.end_lineno
    first = min([node.lineno, *(d.lineno for d in decorators(node))]) - 1
    return first, node.end_lineno


def without(word: str, folder: Path) -> None:
    """Undo one optimisation in a copy of the step."""
    old = find(OLD).folder
    for room, names in UNDONE[word].items():
        path = folder / f"{room}.py"
        before = (old / path.name).read_text("utf-8")
        after = path.read_text("utf-8")
        if names:
            before = put_back(after, before, names, f"{room}.py")
        if before == after:
            raise WorkshopError(
                f"Step {OLD} and {NEW} have the same {', '.join(names)}:"
                f" there is nothing to undo for {word!r}."
            )
        path.write_text(before, "utf-8", newline="\n")


def counted(counter: Counter, word: str | None) -> dict[str, dict[str, int]]:
    """Return the counts of step 05, or those without an optimisation."""
    source = find(NEW).folder
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / source.name
        ignored = shutil.ignore_patterns("__pycache__", "test_*")
        shutil.copytree(source, folder, ignore=ignored)
        if word:
            without(word, folder)
        found = {}
        for name, case in CASES.items():
            arm = Arm(name, folder, case, PROGRAMS.get(name))
            costs, _ = counter.count(arm)
            found[name] = {key: asdict(costs)[key] for key in KEYS}
        return found


def counts() -> dict[str, dict[str, dict[str, int]]]:
    """Return the counts of step 05, and what each optimisation saves."""
    with Counter() as counter:
        now = counted(counter, None)
        undone = {word: counted(counter, word) for word in UNDONE}
    saved = {
        word: {
            name: {
                key: undone[word][name][key] - kept[name][key] for key in KEYS
            }
            for name in CASES
        }
        for word in UNDONE
        for kept in [undone[HIDDEN[word]] if word in HIDDEN else now]
    }
    order = sorted(saved, key=lambda word: -best(saved[word]))
    return {NEW: now, **{word: saved[word] for word in order}}


def best(saved: Mapping[str, Mapping[str, int]]) -> int:
    """Return the most bytecodes that an optimisation saves."""
    return max(saved[name]["bytecodes"] for name in CASES)


def python() -> str:
    """Return the version of Python as far as counts depend on it."""
    return ".".join(platform.python_version_tuple()[:2])


def main() -> int:
    """Write the committed result."""
    found = {
        "what": "What each optimisation of step 05 saves, for one request.",
        "command": "python -m workshop.weaving.undone",
        "python": python(),
        "sources": {word: sources(find(word).folder) for word in (OLD, NEW)},
        "counts": counts(),
    }
    text = json.dumps(found, indent=1)
    PATH.write_text(text + "\n", "utf-8", newline="\n")
    return PASS


if __name__ == "__main__":
    raise SystemExit(main())
