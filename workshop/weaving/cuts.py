"""Cut code out of the sources by its name, and compare two of them.

Knows: Python's syntax tree, folders of steps, Markdown, HTML.
Does not know: which page shows it.
"""

import ast
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import zip_longest
from pathlib import Path

from workshop import diffs
from workshop.errors import WorkshopError
from workshop.steps import ROOT, all_steps, find

ROOMS = (
    "app",
    "pico",
    "routing",
    "messages",
    "parsing",
    "recall",
    "rendering",
    "flow",
    "connection",
    "workers",
    "server",
    "extensions",
    "experiments",
)
CONTEXT = 3  # Lines around a change.
EXAMPLES = ROOT / "docs" / "examples"  # Programs that stand in the guides.
PROGRAMS = ROOT / "workshop" / "bench" / "programs"  # Servers to measure.


def folder_of(word: str) -> Path:
    """Return the folder of a step, of programs that are shown, or of tests."""
    apart = {"examples": EXAMPLES, "programs": PROGRAMS}
    apart["tests"] = ROOT / "tests"
    return apart[word] if word in apart else find(word).folder


def located(folder: Path, name: str) -> tuple[Path, list[str]]:
    """Return the file of `extensions.cors.cors`, and the names within it."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        path = folder.joinpath(*parts[:length]).with_suffix(".py")
        if path.is_file():
            return path, parts[length:]
    raise WorkshopError(
        f"{folder.name} has no room {parts[0]!r} to cut {name!r} from."
    )


def cut(folder: Path, name: str) -> str:
    """Return the source of a name, with its decorators and its comment."""
    path, names = located(folder, name)
    source = path.read_text("utf-8")
    if not names:
        return source.strip("\n")
    node: ast.AST = ast.parse(source)
    for each in names:
        node = child(node, each, f"{folder.name}/{path.name}")
    assert isinstance(node, ast.stmt) and node.end_lineno
    lines = source.splitlines()
    first = min([node.lineno, *(d.lineno for d in decorators(node))]) - 1
    while first and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    return textwrap.dedent("\n".join(lines[first : node.end_lineno]))


def value(folder: Path, name: str) -> object:
    """Return the value of a constant, such as `16 * 1024` or `2**20`."""
    node = ast.parse(cut(folder, name)).body[0]
    if not isinstance(node, ast.Assign):
        raise WorkshopError(f"{name} of {folder.name} is no constant.")
    # Only literals and arithmetic: no name can be used.
    code = compile(ast.Expression(node.value), name, "eval")
    values = eval(code, {"__builtins__": {}})
    if isinstance(node.targets[0], ast.Tuple):  # as in `A, B = 1, 2`
        return values[[*bound(node)].index(name.rpartition(".")[2])]
    return values


def child(node: ast.AST, name: str, where: str) -> ast.stmt:
    """Return the definition or assignment of a name in a body."""
    known: dict[str, ast.stmt] = {}
    for statement in getattr(node, "body", []):
        for each in bound(statement):
            known.setdefault(each, statement)
    if name not in known:
        names = ", ".join(known)
        raise WorkshopError(f"{where} has no {name!r}: choose one of {names}.")
    return known[name]


def bound(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement gives to something."""
    if isinstance(
        statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    ):
        yield statement.name
    elif isinstance(statement, ast.Import | ast.ImportFrom):
        yield from (alias.asname or alias.name for alias in statement.names)
    elif isinstance(statement, ast.Assign):
        for target in statement.targets:
            for node in ast.walk(target):
                if isinstance(node, ast.Name):
                    yield node.id


def decorators(node: ast.stmt) -> Sequence[ast.expr]:
    """Return what stands above a definition."""
    return getattr(node, "decorator_list", [])


def titled(folder: Path, names: Sequence[str]) -> str:
    """Return what a block of code is called: its file, and names in it."""
    path, _ = located(folder, names[0])
    inner = [".".join(located(folder, name)[1]) for name in names]
    label = path.relative_to(ROOT).as_posix()
    return label + (": " + ", ".join(inner) if all(inner) else "")


def fenced(language: str, title: str, text: str) -> str:
    """Return a block of code for Markdown."""
    return f'```{language} title="{title}"\n{text}\n```'


def code(folder: Path, names: Sequence[str]) -> str:
    """Return one block with the source of all names."""
    text = "\n\n".join(cut(folder, name) for name in names)
    return fenced("python", titled(folder, names), text)


def diff(old: Path, new: Path, name: str) -> str:
    """Return what changed in a file, or in one definition of it."""
    title = titled(new, [name])
    before = ""
    try:
        before = cut(old, name)
    except WorkshopError:
        title += " (new)"
    after = cut(new, name)
    if before == after:
        raise WorkshopError(
            f"{name} is the same in {old.name} and {new.name}:"
            " show its code instead."
        )
    return fenced("diff", title, "\n".join(unified(before, after)))


def unified(before: str, after: str) -> Iterator[str]:
    """Yield the lines of a diff, without its head and without numbers."""
    for number, rows in enumerate(groups(before, after)):
        if number:
            yield "@@"
        for block in rows:
            if block.equal:
                yield from (f" {line}" for line in block.old)
            else:
                yield from (f"-{line}" for line in block.old)
                yield from (f"+{line}" for line in block.new)


@dataclass(frozen=True)
class Block:
    """Lines that are the same on both sides, or not."""

    equal: bool
    old: list[str]
    new: list[str]


def groups(before: str, after: str) -> Iterator[list[Block]]:
    """Yield what changed place by place, with some lines around it."""
    old, new = before.splitlines(), after.splitlines()
    found: list[Block] = []
    for one in diffs.changes(old, new):
        left, right = old[one.a : one.b], new[one.c : one.d]
        if not one.equal or len(left) <= 2 * CONTEXT:
            found.append(Block(one.equal, left, right))
            continue
        if found:
            yield [*found, Block(True, left[:CONTEXT], right[:CONTEXT])]
        found = [Block(True, left[-CONTEXT:], right[-CONTEXT:])]
    if any(not block.equal for block in found):
        if found[-1].equal:
            last = found.pop()
            found.append(Block(True, last.old[:CONTEXT], last.new[:CONTEXT]))
        yield found


def program(folder: Path) -> dict[str, str]:
    """Return the sources of app, rooms, extensions and experiments."""
    paths = [*folder.glob("*.py"), *folder.glob("e*/*.py")]
    return {
        path.relative_to(folder).as_posix(): path.read_text("utf-8")
        for path in sorted(paths)
        if not path.name.startswith("test_") and path.name != "bench.py"
    }


def side_by_side(old: Path, new: Path) -> str:
    """Return all that changed between two steps: old left, new right."""
    parts = []
    read, named = diffs.staged(diffs.compare(old, new))
    for file in read:
        before, after = (
            "\n".join(lines or []) for lines in (file.old, file.new)
        )
        if file.word == "changed":
            parts += [f"## {file.path}", two_columns(before, after)]
        else:
            text = (after or before).strip("\n")
            parts.append(f"## {file.path} ({file.word})")
            parts.append(fenced("python", file.path, text))
    if named:
        names = ", ".join(f"`{Path(one.path).stem}`" for one in named)
        parts.append(f"## More extensions (new)\n\n{names}.")
    return "\n\n".join(parts)


def two_columns(before: str, after: str) -> str:
    """Return a table of HTML, in one line as Markdown wants it."""
    rows = []
    for number, blocks in enumerate(groups(before, after)):
        if number:
            rows.append('<tr class="gap"><td colspan="2">&#8942;</td></tr>')
        for block in blocks:
            kinds = ("", "") if block.equal else ("del", "add")
            rows += [
                f"<tr>{cell(left, kinds[0])}{cell(right, kinds[1])}</tr>"
                for left, right in zip_longest(block.old, block.new)
            ]
    return (
        '<div class="sides" role="region" tabindex="0" aria-label="Diff">'
        '<table class="diff">'
        "<thead><tr><th>before</th><th>after</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def cell(line: str | None, kind: str) -> str:
    """Return one line of one side, or nothing; signs beside colours."""
    if line is None:
        return "<td></td>"
    sign = {"del": "- ", "add": "+ "}.get(kind, "  ")
    # As a character reference a bracket cannot begin a directive.
    text = escape(sign + line).replace("[", "&#91;")
    return f'<td class="{kind or "same"}"><code>{text}</code></td>'


def floor_plan() -> str:
    """Return which step has which room: new, changed, or the same file."""
    steps = [program(step.folder) for step in all_steps()]
    for files in steps:
        tops = {path.partition("/")[0].removesuffix(".py") for path in files}
        if not tops <= set(ROOMS):
            raise WorkshopError(f"The floor plan lacks {tops - set(ROOMS)}.")
    lines = ["| room |" + "|".join(f" {s.number} " for s in all_steps()) + "|"]
    lines.append("|---|" + "|".join(":-:" for _ in steps) + "|")
    for name in ROOMS:
        pairs = zip([{}, *steps], steps, strict=False)
        marks = [mark(name, before, files) for before, files in pairs]
        lines.append(f"| `{name}` |" + "|".join(marks) + "|")
    return "\n".join(lines)


def mark(name: str, before: dict[str, str], files: dict[str, str]) -> str:
    """Return `new`, `changed`, `=` or nothing for one room of one step."""

    def room(sources: dict[str, str]) -> dict[str, str]:
        return {
            path: text
            for path, text in sources.items()
            if path == f"{name}.py" or path.startswith(f"{name}/")
        }

    if not room(files):
        return " "
    if not room(before):
        return " **new** "
    return " = " if room(before) == room(files) else " changed "
