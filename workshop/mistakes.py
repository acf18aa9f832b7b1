"""Tell a foreseeable mistake in a program from what Python said of it.

Knows: the last lines of a traceback, missing packages.
Does not know: who ran the program, or where.
"""

import ast
import codecs
import contextlib
import io
import os
import re
import sys
import tokenize
import traceback
from collections.abc import Iterator
from pathlib import Path

from workshop.errors import ENVIRONMENT, FAIL, WorkshopError
from workshop.merge import MINE
from workshop.steps import ROOT

PLACE = re.compile(r'^\s*File "(?P<path>[^"<]+)", line (?P<line>\d+)', re.M)
MISSING = re.compile(r"^ModuleNotFoundError: No module named '(\w+)", re.M)
# Of which module something is missing, as the last line of a traceback says.
LIBRARY = re.compile(r"(?:from|module|named) '(\w+)")
AWAITED = re.compile(
    r"(?:^(?P<path>.+):(?P<line>\d+): RuntimeWarning: )?"
    r"coroutine '(?P<name>[\w.<>]+)' was never awaited",
    re.M,
)
# Who calls a coroutine, and what that one is to do.
CALLED = {
    "async def": "was called without await: nothing in it has run",
    "def": "was called, but nothing runs it: where no await can stand, give"
    " the coroutine to asyncio.create_task, and keep the task",
    "": "was called, but nothing runs it: give the coroutine to a Runner's"
    " run",
    "httptools": "is called by httptools, which awaits nothing: write `def`",
}
CALLBACK = re.compile(r"\.on_(?:message|url|header|body)")  # of httptools
# What Python says as it ends, behind the traceback.
WARNED = ("sys:1: RuntimeWarning:", "RuntimeWarning: Enable tracemalloc")
NOTHING = "'NoneType' object is not callable"
# Which function was called with which parameter of a path.
REFUSED = re.compile(r"TypeError: (\w+)\(\) got an unexpected keyword")
PARAMETERS = "Its parameters are those that the path of its route names."
BREAKPOINT = re.compile(r"\b(?:breakpoint|set_trace)\(")
STOPPED = "A breakpoint() is left there: take it out."
CORRECT = "Correct it, then try again."
RETURNED = "Something returned nothing: is a return missing?"
# Where no line of theirs called it, but the loop.
PASSED = "Is it call_soon(f()), where call_soon(f) is meant?"
# Only of these is it good advice to install them.
PACKAGES = {"httptools", "uvloop", "typer", "rich", "psutil", "h11"}


def shown(path: Path) -> str:
    """Return a path as a person writes it: from the root of the clone.

    >>> shown(ROOT / "steps" / "steps.toml")
    'steps/steps.toml'
    """
    folder = os.environ.get("WORKSHOP_WORK")
    homes = [Path(folder).resolve().parent] if folder else []
    for home in [*homes, ROOT]:
        if path.is_relative_to(home) and path != home:
            return path.relative_to(home).as_posix()
    return str(path)


def explained(
    text: str, program: Path, folder: Path | None = None
) -> WorkshopError:
    """Return a sentence for what a program wrote before it ended.

    The line to correct is the last one that lies in the folder whose code
    runs, by default the program's own.
    """
    folder = folder or program.parent
    missing = MISSING.findall(text)
    if missing and missing[-1] in PACKAGES:
        return lacking(missing[-1], shown(program))
    lost, line = unawaited(text, folder)
    if lost and "Traceback (most recent" not in text:
        where = line or shown(program)
        return WorkshopError(f"{where}: {lost}. {CORRECT}", FAIL)
    last = last_line(text)
    if "Traceback (most recent" not in text and "Error" not in last:
        return WorkshopError(f"{shown(program)}: {last}", ENVIRONMENT)
    hidden = shadowed(last, folder)
    if hidden:
        return hides(hidden, last)
    called, raised = called_wrongly(last, folder), raised_at(text, folder)
    where, advice = called or raised or shown(program), CORRECT
    if called:
        advice = PARAMETERS
    elif "bdb.BdbQuit" in last:
        advice = STOPPED
    elif lost and "'coroutine' object does not" not in last:
        last = lost
    elif NOTHING in last:
        advice = RETURNED if raised else PASSED
    if MINE in text:
        advice = "Choose what you want of the conflict, and delete its marks."
    return WorkshopError(f"{where}: {last.rstrip('.')}. {advice}", FAIL)


def last_line(text: str) -> str:
    """Return the last thing that was said, but for warnings at the end."""
    lines = text.rstrip().splitlines()
    while len(lines) > 1 and lines[-1].startswith(WARNED):
        lines.pop()
    return lines[-1]


def raised_at(text: str, folder: Path) -> str:
    """Return the last line of a traceback that lies in a folder, or ""."""
    for found in reversed([*PLACE.finditer(text)]):
        if Path(found["path"]).is_relative_to(folder):
            return place(found, text)
    return ""


def place(frame: re.Match[str], error: str = "") -> str:
    """Return file and line as a person writes them; of a breakpoint, its."""
    path, line = Path(frame["path"]), int(frame["line"])
    if "bdb.BdbQuit" in error:
        line = breakpoint_at(path, line)
    return f"{shown(path)}, line {line}"


def breakpoint_at(path: Path, line: int) -> int:
    """Return the line of the breakpoint that stopped a program at a line.

    Before Python 3.13 the debugger stops at the line behind it.
    """
    lines: list[str] = []
    with contextlib.suppress(OSError):
        lines = path.read_text("utf-8", "replace").splitlines()[:line]
    for number in range(len(lines), 0, -1):
        if BREAKPOINT.search(lines[number - 1]):
            return number
    return line


def called_wrongly(last: str, folder: Path) -> str:
    """Return the line of the handler that its route does not fit, or ""."""
    found, app = REFUSED.search(last), folder / "app.py"
    if not found:
        return ""
    with contextlib.suppress(OSError, SyntaxError, ValueError):
        for node in ast.parse(app.read_bytes()).body:
            if getattr(node, "name", None) == found[1]:
                return f"{shown(app)}, line {node.lineno}"
    return ""


class Hidden(WorkshopError):
    """A file has the name of a library."""


def shadowed(last: str, folder: Path) -> Path | None:
    """Return the folder's file that is imported in place of a library."""
    for name in LIBRARY.findall(last):
        path = folder / f"{name}.py"
        known = name in sys.stdlib_module_names or name in PACKAGES
        if known and path.is_file():
            return path
    return None


def hides(path: Path, last: str) -> WorkshopError:
    """Return a sentence for a file that has the name of a library."""
    return Hidden(
        f"{shown(path)} is imported in place of Python's own {path.stem}"
        f" ({last.rstrip('.')}): give it another name.",
        FAIL,
    )


def unawaited(text: str, folder: Path) -> tuple[str, str]:
    """Return what is said of a coroutine that nobody awaited, and its line.

    Both are empty if there is none.
    """
    found = AWAITED.search(text)
    if not found:
        return "", ""
    if CALLBACK.search(found["name"]):
        return f"{found['name']} {CALLED['httptools']}", ""
    path = Path(found["path"] or "")
    if not found["path"] or not path.is_relative_to(folder):
        return f"{found['name']} {CALLED['async def']}", ""
    line = int(found["line"])
    said = CALLED[function_at(path, line)]
    return f"{found['name']} {said}", f"{shown(path)}, line {line}"


def function_at(path: Path, line: int) -> str:
    """Return whether a line is in an "async def", in a "def", or in none."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return "async def"
    around = ""
    for node in ast.walk(tree):  # Outer ones come first.
        if isinstance(node, kinds) and line in range(
            node.lineno, (node.end_lineno or node.lineno) + 1
        ):
            plain = isinstance(node, ast.FunctionDef)
            around = "def" if plain else "async def"
    return around


def of_exception(error: BaseException, program: Path) -> WorkshopError:
    """Return a sentence for an exception that a folder's code raised."""
    if isinstance(error, WorkshopError):
        return error
    text = "".join(traceback.format_exception(error))
    return explained(text, program)


def lacking(package: str, who: str) -> WorkshopError:
    """Return a sentence for a package that is not installed."""
    return WorkshopError(
        f"{who} needs {package}, which is not installed: run"
        f" `{Path(sys.executable).name} -m pip install {package}`"
        " (or `python3 start.py`, which installs all that is needed).",
        ENVIRONMENT,
    )


def regular(path: Path) -> None:
    """Raise a sentence if something has a file's name, and is none."""
    if path.exists() and not path.is_file():
        raise WorkshopError(
            f"{shown(path)} is no file, but a folder or the like: rename or"
            " remove it, then give the command again."
        )


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Say in one sentence why a file cannot be read."""
    regular(path)  # What is a pipe would keep us waiting.
    try:
        yield
    except OSError as error:
        raise WorkshopError(
            f"{shown(path)} cannot be read ({error.strerror}): correct that,"
            " then give the command again.",
            ENVIRONMENT,
        ) from None


def encoded(path: Path, source: bytes) -> None:
    """Raise a sentence if an editor saved a file in another encoding."""
    if source.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise WorkshopError(
            f"{shown(path)}, line 1: it is saved as UTF-16, and Python reads"
            " UTF-8. Let your editor save the file as UTF-8.",
            FAIL,
        )
    if b"\0" in source:  # It is no text: Python says so.
        return
    encoding = "utf-8"
    with contextlib.suppress(SyntaxError):  # else Python tells it itself
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    try:
        source.decode(encoding)
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        byte = error.object[error.start]
        raise WorkshopError(
            f"{shown(path)}, line {line}: the byte {byte:#x} is no"
            f" {encoding.removesuffix('-sig')}. Let your editor save the file"
            " as UTF-8.",
            FAIL,
        ) from None


def syntax(path: Path) -> None:
    """Raise a sentence if Python cannot read a file."""
    with reading(path):
        source = path.read_bytes()
    encoded(path, source)
    try:
        compile(source, str(path), "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise of_exception(error, path) from None
