"""Find the steps and load their rooms.

Knows: folders, `steps.toml`, `sys.path`, `sys.modules`.
Does not know: what a room does.
"""

import ast
import contextlib
import functools
import importlib
import importlib.util
import io
import os
import sys
import tokenize
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from workshop.errors import WorkshopError

ROOT = Path(__file__).resolve().parent.parent
STEPS = ROOT / "steps"
# A folder for what Python makes of the steps' sources; none: nothing is kept.
compiled: str | None = None


@dataclass(frozen=True)
class Step:
    """One folder below `steps/`, with what `steps.toml` says of it."""

    number: str  # "03"
    folder: Path  # steps/03_parsing
    data: dict[str, Any]

    @property
    def name(self) -> str:
        """The folder's name: `03_parsing`."""
        return self.folder.name

    @property
    def word(self) -> str:
        """The name without its number: `parsing`."""
        return self.name[3:]


@functools.cache
def all_steps() -> list[Step]:
    """Return the steps in their order."""
    data = tomllib.loads((STEPS / "steps.toml").read_text("utf-8"))
    return [
        Step(folder.name[:2], folder, data.get(folder.name[:2], {}))
        for folder in sorted(STEPS.glob("[0-9][0-9]_*"))
    ]


def find(word: str) -> Step:
    """Return the step called `03`, `3`, `parsing` or `03_parsing`."""
    for step in all_steps():
        known = {step.number, step.number.lstrip("0"), step.word, step.name}
        if word in known:
            return step
    names = ", ".join(step.number for step in all_steps())
    raise WorkshopError(f"There is no step {word!r}: choose one of {names}.")


def rooms(folder: Path) -> list[Path]:
    """Return the modules of a step that are its program, not its tests."""
    apart = {"app.py", "bench.py"}
    return [
        path
        for path in sorted(folder.glob("*.py"))
        if path.name not in apart and not path.name.startswith("test_")
    ]


def core_lines(folder: Path) -> int:
    """Return how many lines of code the rooms have, extensions apart."""
    texts = [p.read_text("utf-8", "replace") for p in rooms(folder)]
    return sum(map(code_lines, texts))


def code_lines(source: str) -> int:
    """Count lines without blank ones, comments and docstrings.

    >>> code_lines("'Doc.'\\n\\n# why\\nx = [\\n    1,\\n]\\n")
    3
    """
    lines: set[int] = set()
    quiet = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE}
    quiet |= {tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in quiet:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
        if isinstance(node, (*kinds, ast.AsyncFunctionDef)):
            text = node.body[0] if ast.get_docstring(node) else None
            if text and text.end_lineno:
                lines -= set(range(text.lineno, text.end_lineno + 1))
    return len(lines)


@contextlib.contextmanager
def entered(folder: Path) -> Iterator[None]:
    """Put the folder first on `sys.path`; afterwards forget what it loaded.

    Rooms of another folder may be loaded still, under the same names. Those
    of the steps are compiled once, if there is a place to keep it.
    """
    own = {path.stem for path in folder.glob("*.py")} | {"extensions"}
    own -= sys.stdlib_module_names
    for name in list(sys.modules):
        if name.partition(".")[0] in own:
            del sys.modules[name]
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    kept = sys.pycache_prefix, sys.dont_write_bytecode
    if compiled and folder.parent == STEPS:
        sys.pycache_prefix, sys.dont_write_bytecode = compiled, False
    try:
        yield
    finally:
        sys.pycache_prefix, sys.dont_write_bytecode = kept
        sys.path.remove(str(folder))
        below = f"{folder}{os.sep}"
        for name in sys.modules.keys() - before:
            file = getattr(sys.modules[name], "__file__", None) or ""
            if file.startswith(below):
                del sys.modules[name]


class Modules(Mapping[str, ModuleType]):
    """The modules of one folder by name; some are imported when asked for.

    Whoever asks for all of them gets them imported first.
    """

    def __init__(
        self, folder: Path, names: Sequence[str], later: Sequence[str] = ()
    ) -> None:
        self.folder = folder
        self.loaded: dict[str, ModuleType] = {}
        self.later = [*names, *later]
        self.bring(names)

    def bring(self, names: Iterable[str]) -> None:
        """Import modules; what they import is no longer for later either."""
        with entered(self.folder):
            sys.modules.update(self.loaded)
            for name in names:
                importlib.import_module(name)
            met = [name for name in self.later if name in sys.modules]
            self.loaded |= {name: sys.modules[name] for name in met}
        self.later = [name for name in self.later if name not in met]

    def __getitem__(self, name: str) -> ModuleType:
        if name in self.later:
            self.bring([name])
        return self.loaded[name]

    def __iter__(self) -> Iterator[str]:
        if self.later:
            self.bring(self.later)
        return iter(self.loaded)

    def __len__(self) -> int:
        return len(self.loaded) + len(self.later)


class Rooms:
    """The modules of one folder: `step.routing.Router`, `step.Pico`.

    A room that the folder lacks is an AssertionError, so that a promise
    made later fails on an early step as a test does: by an assertion.
    """

    def __init__(self, folder: Path, modules: Modules) -> None:
        self.folder = folder
        self.modules = modules

    def __getattr__(self, name: str) -> Any:
        if name in self.modules:
            return self.modules[name]
        if hasattr(self.modules["pico"], name):
            return getattr(self.modules["pico"], name)
        raise AssertionError(f"{self.folder.name} has no {name}")


def load(target: str | Path, *, lazily: bool = False) -> Rooms:
    """Import the rooms, extensions and app of a step or of any folder.

    `lazily`: an extension only when it is asked for.
    """
    folder = find(target).folder if isinstance(target, str) else target
    if not (folder / "pico.py").is_file():
        raise WorkshopError(f"{folder} has no pico.py: it is not a step.")
    names = [path.stem for path in rooms(folder)]
    if (folder / "app.py").is_file():
        names.append("app")
    paths = sorted((folder / "extensions").glob("[!_]*.py"))
    extensions = [f"extensions.{path.stem}" for path in paths]
    if lazily:
        return Rooms(folder, Modules(folder, names, extensions))
    return Rooms(folder, Modules(folder, names + extensions))
