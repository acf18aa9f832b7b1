"""Say with one short text which sources a result was measured on.

Knows: files of a folder, what of them is executed, SHA-256.
Does not know: what was measured.
"""

import ast
import functools
import hashlib
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

# A string, which stays as it is; blank lines; a comment.
QUIET = re.compile(
    r"""("{3}|'{3}|"|')(?:\\.|(?!\1).)*\1"""
    r"""|(\n)(?:[ \t]*(?:#[^\n]*)?\n)+"""
    r"""|[ \t]*#[^\n]*""",
    re.DOTALL,
)
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
BLOCKS = ("body", "orelse", "handlers", "finalbody", "cases")


def sources(folder: Path) -> str:
    """Return a hash of the program in a folder: of its `*.py`, at any depth.

    Tests, `bench.py` and experiments are left out: they measure, and are not
    what is measured. So is what is not executed, see `executed`.
    """
    digest = hashlib.sha256()
    paths = sorted(
        folder.rglob("*.py"), key=lambda p: p.relative_to(folder).as_posix()
    )
    for path in paths:
        if path.name.startswith("test_") or path.name == "bench.py":
            continue
        if "experiments" in path.relative_to(folder).parts:
            continue
        source = path.read_text("utf-8", "replace")  # line ends become LF
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(executed(source).encode()).digest())
    return digest.hexdigest()


@functools.lru_cache(maxsize=512)  # A page asks for several results.
def executed(source: str) -> str:
    """Return a program without its comments, docstrings and blank lines.

    To explain a line better does not make it faster or slower. What is not
    a program yet, as a learner's may be, is returned as it is.

    >>> executed("'Doc.'\\n\\nx = '#'  # why\\n")
    "x = '#'"
    """
    lines = source.split("\n")
    try:
        for at in itertools.chain(*docstrings(ast.parse(source))):
            lines[at - 1] = ""
    except (SyntaxError, ValueError):
        return source
    return QUIET.sub(kept, "\n".join(lines)).strip("\n")


def kept(found: re.Match[str]) -> str:
    """Return what stays of a match: a string, or one line end of many."""
    return found[0] if found[1] else found[2] or ""


def docstrings(tree: ast.Module) -> Iterator[range]:
    """Yield the lines of docstrings, from 1, that nothing else shares."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        for name in BLOCKS:
            block = getattr(node, name, ())
            waiting.extend(block if isinstance(block, list) else ())
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, False):
            text, *after = node.body
            lines = range(text.lineno, (text.end_lineno or 0) + 1)
            beside = {getattr(node, "lineno", 0)}  # a module has none
            beside |= {statement.lineno for statement in after}
            if beside.isdisjoint(lines):
                yield lines
